"""The house rules that import-linter cannot see."""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("k8s4r", "agents", "pools", "executors")
SERVER_PACKAGES = ("django", "rest_framework", "celery", "pools", "executors", "k8s4r.access")
TOP_LEVEL = {
    *PACKAGES,
    "tests", "docs", "deploy", "benchmarks", "manage.py", "pyproject.toml", "Makefile",
    "requirements.txt", "requirements-dev.txt", "README.md", "CONTRIBUTING.md", "CHANGELOG.md",
}  # fmt: skip
MOST_LINES = 300
MOST_FUNCTION_LINES = 40


def _sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def _body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (node.end_lineno or 0) - node.lineno + 1
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        lines -= (first.end_lineno or 0) - first.lineno + 1
    return lines


def _top_level() -> set[str]:
    """Return what lies at the top: what git tracks, or where git is not, what is there."""
    if shutil.which("git") is not None and (ROOT / ".git").exists():
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, check=True)
        return {line.split("/")[0] for line in listed.stdout.decode().splitlines()}
    made = {"build", "dist", "__pycache__"}
    names = {path.name for path in ROOT.iterdir()} - made
    return {name for name in names if not name.endswith(".egg-info")}


def test_no_module_is_longer_than_a_person_reads_at_once():
    long = {
        str(path.relative_to(ROOT)): lines
        for path in _sources(*PACKAGES, "tests", "benchmarks")
        if (lines := len(path.read_text().splitlines())) > MOST_LINES
    }
    assert not long


def test_no_function_is_longer_than_a_screen():
    long = {
        f"{path.relative_to(ROOT)}:{node.name}": _body_lines(node)
        for path in _sources(*PACKAGES)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and _body_lines(node) > MOST_FUNCTION_LINES
    }
    assert not long


def test_every_module_says_what_question_it_answers():
    silent = [
        str(path.relative_to(ROOT))
        for path in _sources(*PACKAGES)
        if not ast.get_docstring(ast.parse(path.read_text() or '""" """'))
    ]
    assert not silent


def test_the_top_level_holds_exactly_what_the_plan_names():
    assert {name for name in _top_level() if not name.startswith(".")} <= TOP_LEVEL


@pytest.mark.parametrize("module", ["agents.client.__main__", "agents.wire.messages"])
def test_the_client_loads_no_server_package(module):
    code = (
        f"import sys, {module}; "
        f"print([m for m in sys.modules if m.split('.')[0] in {SERVER_PACKAGES!r}"
        f" or m in {SERVER_PACKAGES!r}])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert loaded.strip() == "[]"
