"""Which trace does a request belong to? W3C Trace Context, as far as log lines need it."""

import re
from typing import Final

_FORM: Final = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})-[0-9a-f]{2}"
    r"(?P<more>-.*)?"
)
_INVALID: Final = "ff"
_KNOWN: Final = "00"


def trace_id(traceparent: str) -> str:
    """Return the trace id of a ``traceparent`` header; empty for one that has to be ignored.

    Only version 00 says what it is, in exactly these four fields; a later version may say more
    behind them (Trace Context, 3.2.2 and 4.3). Ids of zeros are invalid, as is version ff.
    """
    found = _FORM.fullmatch(traceparent)
    if found is None or found["version"] == _INVALID:
        return ""
    if found["version"] == _KNOWN and found["more"] is not None:
        return ""
    is_zero = not found["trace"].strip("0") or not found["parent"].strip("0")
    return "" if is_zero else found["trace"]
