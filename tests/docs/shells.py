"""How does a test type what a page says? Into one shell, block after block, as a reader would."""

import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.docs import blocks
from tests.docs.blocks import ROOT, Block, Command
from tests.ports import held_port

WITHIN_S = 120
_MARK = "\x1e"
_NOT_REFUSED = 99


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody with a home and an environment; ``instead`` says what stands for what is written."""

    environment: Mapping[str, str]
    instead: Mapping[str, str]

    def follow(
        self,
        pages: Iterable[str],
        *,
        leaves_out: Callable[[str, Command], bool],
        where: Path = ROOT,
    ) -> list[str]:
        """Type every block of these pages and return what went otherwise than they say."""
        typed = [block for page in pages for block in blocks.shell(page)]
        script = "set -eo pipefail\n" + "".join(_typed(block, leaves_out) for block in typed)
        ended = subprocess.run(
            ["bash", "-c", self._here(script)],
            cwd=where,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=WITHIN_S,
        )
        out, err = _by_place(ended.stdout), _by_place(ended.stderr)
        if ended.returncode:
            last = list(out)[-1]
            return [f"{last} ended with {ended.returncode}\n{out[last]}\n{err[last]}"]
        return [
            f"{block.place} did not write {line!r} but\n{out[block.place]}"
            for block in typed
            for line in _missing(_expected(block), out[block.place].splitlines())
        ]

    @contextmanager
    def started(self, unit: Path) -> Iterator[str]:
        """Run what a unit of web starts, on what was set up; yields where it listens."""
        command = re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.MULTILINE)[0]
        port = held_port()
        script = f"set -a; . /etc/k8s4r/environment; UVICORN_PORT={port}; exec {command}"
        process = subprocess.Popen(
            ["bash", "-c", self._here(script)], cwd=ROOT, env=dict(self.environment)
        )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)

    def _here(self, script: str) -> str:
        for written, meant in self.instead.items():
            script = re.sub(written, lambda _found, meant=meant: meant, script)
        return script


def _typed(block: Block, leaves_out: Callable[[str, Command], bool]) -> str:
    lines = [f"printf '{_MARK}{block.place}\\n' | tee /dev/stderr"]
    for command in blocks.commands(block):
        if leaves_out(block.page, command):
            continue
        lines.append(_refused(command) if command.refusal else command.text)
    return "\n".join(lines) + "\n"


def _refused(command: Command) -> str:
    return f"if\n{command.text}\nthen echo 'it was not refused' >&2; exit {_NOT_REFUSED}; fi"


def _expected(block: Block) -> list[str]:
    refusals = (command.refusal for command in blocks.commands(block) if command.refusal)
    return [*block.output, *(f'"status":{status}' for status in refusals)]


def _missing(expected: Iterable[str], written: list[str]) -> list[str]:
    """Return the expected lines that do not come, each behind the one before it."""
    missing, at = [], 0
    for line in expected:
        found = next((n for n in range(at, len(written)) if line in written[n]), None)
        if found is None:
            missing.append(line)
        else:
            # A refusal's code and status stand on one line.
            at = found
    return missing


def _by_place(text: str) -> dict[str, str]:
    pieces = [piece.partition("\n") for piece in text.split(_MARK)[1:]]
    return {place: said for place, _, said in pieces}
