"""Do these files end with one newline, stay small, and hold no private key? For pre-commit."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

LARGEST_BYTES = 500_000
KEY_MARK = "-----BEGIN " + "PRIVATE KEY-----"


def problems(path: Path) -> Iterator[str]:
    """Yield what is wrong with one file."""
    data = path.read_bytes()
    if len(data) > LARGEST_BYTES:
        yield f"{path}: {len(data)} bytes, at most {LARGEST_BYTES}"
    if KEY_MARK.encode() in data:
        yield f"{path}: holds a private key"
    if data and (not data.endswith(b"\n") or data.endswith(b"\n\n")):
        yield f"{path}: does not end with one newline"


def main(names: Sequence[str]) -> int:
    """Print the problems of the named files and return 1 when there are any."""
    found = [problem for name in names for problem in problems(Path(name))]
    sys.stderr.write("".join(f"{problem}\n" for problem in found))
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
