"""Which token proves that a process is the work of an attempt?

It follows from the attempt's own token and not the other way round: the work may speak for itself,
and cannot report in its agent's name. Both sides derive it, so no order carries it.
"""

import base64
import hashlib
import zlib
from typing import Final

PREFIX: Final = "tsk_"
_KEY_ID: Final = slice(4, 20)


def task_token(attempt_token: str) -> str:
    """Return the task's token, ``tsk_<key id>_<secret>_<checksum>``; the same for the same attempt.

    The key id is that of the attempt's token: a token that leaked says which key made it.
    """
    derived = hashlib.sha256(b"k8s4r task\x00" + attempt_token.encode()).digest()
    secret = base64.urlsafe_b64encode(derived).rstrip(b"=").decode()
    body = f"{PREFIX}{attempt_token[_KEY_ID]}_{secret}"
    return f"{body}_{zlib.crc32(body.encode()):08x}"
