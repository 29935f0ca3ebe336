"""Which servers does this user know by name, and how are they remembered?

``contexts.toml`` beside the user's own settings is written by `k8s4r login` and `context use`;
people may write the same tables into ``config.toml``, which is never touched.
"""

import json
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from k8s4r.cli import suggestions
from k8s4r.cli.errors import Missing, Usage

KEYS: Final = ("api_url", "token_file", "ca_file", "project")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_HEADER: Final = "# Written by `k8s4r login` and `k8s4r context use`; config.toml is yours.\n"


@dataclass(slots=True)
class Contexts:
    """The known servers and the one in use; each is a map of `KEYS`."""

    path: Path
    current: str = ""
    known: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def chosen(self, name: str) -> Mapping[str, str]:
        """Return one context.

        Raises:
            Missing: there is none of this name.
        """
        if name not in self.known:
            near = suggestions.did_you_mean(name, self.known)
            raise Missing(
                f"no context {name!r}", hint=suggestions.hint(near, "k8s4r context list shows them")
            )
        return self.known[name]

    def save(self) -> None:
        """Write the file as a whole, readable by its owner only."""
        lines = [_HEADER, f"context = {_quoted(self.current)}\n"] if self.current else [_HEADER]
        for name, facts in sorted(self.known.items()):
            lines.append(f"\n[contexts.{_quoted(name)}]\n")
            lines += [f"{key} = {_quoted(facts[key])}\n" for key in KEYS if facts.get(key)]
        write_private(self.path, "".join(lines))


def read(config: Path) -> Contexts:
    """Return what was remembered beside this settings file.

    Raises:
        Usage: the file is not what `save` writes.
    """
    path = config.with_name("contexts.toml")
    try:
        facts = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return Contexts(path)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Usage(f"{path}: {error}") from error
    return Contexts(path, str(facts.get("context", "")), tables(facts.get("contexts", {}), path))


def tables(given: Any, path: Path) -> dict[str, Mapping[str, str]]:
    """Return the contexts of a settings file.

    Raises:
        Usage: one of them is no table of texts, or has a key that nobody knows.
    """
    if not isinstance(given, Mapping):
        raise Usage(f"{path}: contexts is a table of tables")
    for name, facts in given.items():
        if not isinstance(facts, Mapping) or not all(isinstance(v, str) for v in facts.values()):
            raise Usage(f"{path}: contexts.{name} is a table of texts")
        unknown = sorted(set(facts) - set(KEYS))
        if unknown:
            raise Usage(
                f"{path}: unknown setting {unknown[0]!r} in contexts.{name};"
                f" there are {', '.join(KEYS)}"
            )
    return dict(given)


def check_name(name: str) -> str:
    """Return the name.

    Raises:
        Usage: no file could have it.
    """
    if not _NAME.fullmatch(name):
        raise Usage(f"context {name!r}: letters, digits, '.', '_' and '-', 63 at most")
    return name


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step; only its owner can read it, at no moment anybody else.

    Raises:
        Usage: the folder cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Made with mode 0600, by its own documentation.
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except OSError as error:
        raise Usage(f"cannot write {path}: {error.strerror}") from error


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
