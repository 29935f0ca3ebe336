"""Does it answer over HTTP? Asked with the standard library: the supervisor stays small."""

import http.client
from urllib.parse import urlsplit

ANSWER_WITHIN_S = 2.0


def answers_200(url: str) -> bool:
    """Return whether a GET of a plain-HTTP ``url`` is answered with 200 in time."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port, timeout=ANSWER_WITHIN_S
    )
    try:
        connection.request("GET", parts.path, headers={"Connection": "close"})
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
