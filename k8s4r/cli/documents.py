"""What does a file of YAML or JSON documents say, and what do ``FIELD=VALUE`` flags?"""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from k8s4r.cli.errors import Usage


def read(name: str) -> list[Mapping[str, Any]]:
    """Return the documents of a file, of all files of a folder, or of stdin (``-``).

    Raises:
        Usage: it cannot be read, or a document is no map.
    """
    found: list[Mapping[str, Any]] = []
    for where, text in _texts(name):
        try:
            documents = list(yaml.safe_load_all(text))
        except yaml.YAMLError as error:
            raise Usage(f"{where}: {' '.join(str(error).split())}") from error
        for document in documents:
            items = document if isinstance(document, list) else [document]
            for item in items:
                if not isinstance(item, Mapping):
                    raise Usage(f"{where}: a document is a map of fields")
                found.append(item)
    if not found:
        raise Usage(f"{name} holds no document")
    return found


def fields(settings: Iterable[str]) -> dict[str, Any]:
    """Return the fields of ``FIELD=VALUE`` flags; a value is JSON where it is JSON, else text.

    Raises:
        Usage: one of them is no pair.
    """
    found: dict[str, Any] = {}
    for item in settings:
        name, equals, text = item.partition("=")
        if not name or not equals:
            raise Usage(f"--set {item!r} must look like FIELD=VALUE")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


def _texts(name: str) -> list[tuple[str, str]]:
    if name == "-":
        return [("stdin", sys.stdin.read())]
    path = Path(name)
    files = [path]
    if path.is_dir():
        files = sorted(each for each in path.iterdir() if each.suffix in {".yaml", ".yml", ".json"})
    try:
        return [(str(each), each.read_text("utf-8")) for each in files]
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(f"cannot read {name}: {error}") from error
