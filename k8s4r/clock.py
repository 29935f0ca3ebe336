"""What time is it, and what is a new id? The only module that asks.

Time is PostgreSQL's: many machines with wrong clocks agree on it (docs/states.md). Ask once per
request, batch or sweep and hand the value on.
"""

import os
import time
from datetime import datetime
from typing import cast
from uuid import UUID

from k8s4r import database
from k8s4r.core import ids


def now() -> datetime:
    """Return the database's clock, as an aware UTC time; one round trip."""
    ((moment,),) = database.rows("SELECT clock_timestamp()")
    return cast(datetime, moment)


def new_id() -> UUID:
    """Return a UUIDv7: ordered by this machine's clock, which only makes indexes denser."""
    return ids.uuid7(time.time_ns() // 1_000_000, os.urandom(10))
