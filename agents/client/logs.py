"""How do the agent's processes write their own log? One line per event, on stderr."""

import logging
from datetime import UTC, datetime
from typing import Final

import msgspec

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
# An event may carry anything; what has no form in JSON is written as its text.
_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


class JsonLines(logging.Formatter):
    """One JSON object per event: time, level, event, process, then the facts in `extra`."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "process": self._process,
            "logger": record.name,
        } | _facts(record)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return _encode(line).decode()


class TextLines(logging.Formatter):
    """The same facts for a terminal."""

    def __init__(self, process: str) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        facts = " ".join(f"{name}={value}" for name, value in _facts(record).items())
        return f"{super().format(record)} [{self._process}] {facts}".rstrip()


def configure(log_format: str, *, process: str) -> None:
    """Send every event of this process to stderr, as ``json`` or ``text``."""
    _note_only_what_is_shown()
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines(process) if log_format == "json" else TextLines(process))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for chatty in ("httpx2", "httpcore2"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def set_level(level: str | None) -> None:
    """Write events from this level on: ``debug``, ``info`` (also without one), and so on."""
    logging.getLogger().setLevel((level or "info").upper())


def _note_only_what_is_shown() -> None:
    """Leave out what no line shows: to look for the caller is half the price of an event.

    These are the switches of "Optimization" in Python's logging HOWTO.
    """
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def _facts(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}
