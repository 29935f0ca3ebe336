"""Which calls to the outside does a worker make for operators? It sends what is due."""

import logging
from random import SystemRandom
from typing import Final

from celery import shared_task

from executors.operating import conf
from executors.operating.channels import sending
from executors.operating.channels.sending import NotSent
from executors.operating.services import delivering
from executors.operating.services.delivering import Parcel
from k8s4r import clock
from k8s4r.core.errors import Unavailable

logger = logging.getLogger(__name__)

DELIVER: Final = "executors.operating.deliver"
# Each may take some seconds, and sweeps wait behind them.
MOST_AT_ONCE: Final = 4
_RANDOM: Final = SystemRandom()


@shared_task(name=DELIVER, ignore_result=True)
def deliver() -> None:
    """Send what is due, from beat.

    Lost: the next one comes in seconds. Twice: each message is taken by one of them.
    """
    try:
        for _ in range(MOST_AT_ONCE):
            parcel = delivering.take(now=clock.now())
            if parcel is None:
                return
            _deliver(parcel)
    except Unavailable as error:
        logger.error("notifications_wait", extra={"error": error.message})  # noqa: TRY400 - said


def _deliver(parcel: Parcel) -> None:
    try:
        sending.send(
            parcel.url, parcel.title, parcel.body, severity=parcel.severity, allowed=conf.allowed()
        )
    except NotSent as error:
        state = delivering.failed(parcel.id, str(error), random=_RANDOM, now=clock.now())
        logger.warning("notification_failed", extra={"id": str(parcel.id), "state": str(state)})
    else:
        delivering.delivered(parcel.id, now=clock.now())
