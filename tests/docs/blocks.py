"""Which blocks of shell are in the documents, and which commands are in each?

A block of language `output` right behind one of `sh` has lines that the commands write, in order.
A command whose comment says `answers 403` is refused with that status.
"""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", *sorted(f"docs/{p.name}" for p in ROOT.glob("docs/*.md")))
SHELL = "sh"
_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OUTPUT = re.compile(r"\s*^```output\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ANSWERS = re.compile(r"#.*\banswers (\d{3})$")


@dataclass(frozen=True, slots=True)
class Command:
    """One command as it stands in a page, over one or more lines."""

    text: str

    @property
    def bare(self) -> str:
        """Return it on one line, without the comment at its end."""
        return re.sub(r"\s*\\\n\s*", " ", re.sub(r"\s+#[^'\"]*$", "", self.text))

    @property
    def refusal(self) -> str:
        """Return the status that refuses it; empty when it succeeds."""
        found = _ANSWERS.search(self.text)
        return found[1] if found else ""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: where it begins, its language and text, and what its commands write."""

    page: str
    line: int
    language: str
    text: str
    output: tuple[str, ...]

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def of(page: str) -> list[Block]:
    """Return the blocks of a page, in order."""
    text = (ROOT / page).read_text()
    return [
        Block(
            page, text.count("\n", 0, found.start()) + 1, found[1], found[2], _output(text, found)
        )
        for found in _FENCE.finditer(text)
    ]


def shell(page: str) -> list[Block]:
    """Return the blocks of shell of a page."""
    return [block for block in of(page) if block.language == SHELL]


def commands(block: Block) -> Iterator[Command]:
    """Yield the commands of a block: lines that belong together, as the shell itself sees it."""
    lines: list[str] = []
    for line in block.text.splitlines():
        lines.append(line)
        text = "\n".join(lines)
        if text.strip() and not line.endswith("\\") and _is_whole(text):
            yield Command(text)
            lines = []
    assert not "".join(lines).strip(), f"{block.place}: no shell takes {lines}"


def _is_whole(text: str) -> bool:
    tried = subprocess.run(["bash", "-n", "-c", text], capture_output=True, check=False)
    # Of a here-document without its end it only warns.
    return tried.returncode == 0 and not tried.stderr


def _output(text: str, found: re.Match[str]) -> tuple[str, ...]:
    behind = _OUTPUT.match(text, found.end())
    return tuple(behind[1].splitlines()) if behind else ()
