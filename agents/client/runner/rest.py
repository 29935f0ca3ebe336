"""What did work write that its runner did not get to report before it was lost?"""

from typing import Final

from agents.client.runner import output
from agents.client.runner.attempt import Attempt
from agents.client.runner.output import Tail
from agents.client.runner.spool import Spool
from agents.wire.specs import ExecSpec

SLOWEST_LOOK_S: Final = 0.2
_DEFAULT_LIMIT_BYTES: Final = ExecSpec(argv=["-"]).output_limit_bytes


def report(attempt: Attempt, spool: Spool, *, now: float) -> None:
    """Queue reports over what lies behind the last one in the output files."""
    limit = attempt.order.task.work.get("output_limit_bytes", _DEFAULT_LIMIT_BYTES)
    tail = Tail(
        spool.files(attempt.order),
        limit_bytes=output.room(limit if isinstance(limit, int) else _DEFAULT_LIMIT_BYTES),
        slowest_look_s=SLOWEST_LOOK_S,
        reported=attempt.reported,
    )
    for stream, offset, length in tail.look(room=2**31):
        spool.piece(attempt, stream, (offset, length), at=now)
