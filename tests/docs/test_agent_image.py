"""The image of the agent, built here as its Dockerfile says, but for the layers below."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ports import held_port

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "agent"
COPIED = re.compile(r"^COPY (?!--from)(.+) /build/\S*$", re.MULTILINE)
HASH = re.compile(r"--hash=\S+")


def pins(path: Path) -> dict[str, frozenset[str]]:
    """Return the hashes of each pin of a file."""
    blocks = re.split(r"\n(?=[A-Za-z0-9])", path.read_text())
    found = {block.split()[0]: frozenset(HASH.findall(block)) for block in blocks}
    return {name: hashes for name, hashes in found.items() if "==" in name}


def test_the_image_has_the_pins_of_everything_else() -> None:
    known = pins(ROOT / "requirements.txt") | pins(ROOT / "requirements-dev.txt")
    for name in ("requirements.txt", "build-requirements.txt"):
        own = pins(FOLDER / name)
        assert own
        assert {pin: known.get(pin) for pin in own} == own


def built(folder: Path) -> Path:
    """Make what the Dockerfile makes, from what it copies; return where the programs are."""
    source, prefix = folder / "source", folder / "prefix"
    source.mkdir()
    for sources in COPIED.findall((FOLDER / "Dockerfile").read_text()):
        for name in sources.split():
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, source / Path(name).name)
    subprocess.run([sys.executable, "-m", "venv", prefix], check=True)
    pip = [str(prefix / "bin" / "pip"), "--disable-pip-version-check", "install", "--quiet"]
    files = (source / "requirements.txt", source / "build-requirements.txt")
    hashed = [part for file in files for part in ("-r", str(file))]
    subprocess.run([*pip, "--require-hashes", *hashed], check=True)
    subprocess.run([*pip, "--no-build-isolation", "--no-deps", str(source)], check=True)
    return prefix / "bin"


def ran(*command: object, **environment: str) -> str:
    """Return what a program said, with nothing else in its environment."""
    words = [str(word) for word in command]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.processes
@pytest.mark.timeout(300)
def test_the_agent_works_from_what_is_in_the_image_alone(tmp_path: Path) -> None:
    programs = built(tmp_path)
    assert ran(programs / "k8s4r-agent", "version").startswith("k8s4r-agent ")
    home, proof = tmp_path / "home", tmp_path / "token"
    home.mkdir(mode=0o500)
    proof.write_text("jwt.of.nobody")
    said = ran(
        programs / "k8s4r-agent",
        "check",
        PATH=f"{programs}:{os.defpath}",
        HOME=str(home),
        K8S4R_AGENT_API_URL=f"http://127.0.0.1:{held_port()}",
        K8S4R_AGENT_K8S_CONFIG="0199a000-0000-7000-8000-000000000001",
        K8S4R_AGENT_POD="0199a000-0000-7000-8000-000000000002",
        K8S4R_AGENT_POD_TOKEN_FILE=str(proof),
        K8S4R_AGENT_SPOOL=str(tmp_path / "work" / "spool"),
        K8S4R_AGENT_SLOTS="3",
    )
    # All that is missing is a server.
    assert [line[:4] for line in said.splitlines()] == ["OK  ", "OK  ", "OK  ", "FAIL"], said
    assert "will ask for the token of pod 0199a000" in said
    assert list(home.iterdir()) == []
    loaded = "import sys, agents.client.runner.start, agents.client.link.link; print(*sys.modules)"
    modules = ran(programs / "python", "-c", loaded).split()
    assert "httpx2" in modules
    assert not {"django", "kubernetes", "celery"} & {*modules}
