"""A second factor that is turned on, off or reset leaves an event; so does a used recovery code.

That the person's sessions end with it is no event of its own: the column that does it is
bookkeeping, and the triggers of people are made anew to say so.
"""

from dataclasses import replace
from importlib import import_module

from django.db import migrations

from k8s4r.audit.watching import Watched, watch

_USER = import_module("k8s4r.access.migrations.0002_events").USER
_FORMER = watch(_USER)
SECOND_FACTOR = Watched(
    table="access_secondfactor",
    kind="second_factor",
    identity="r.user_id",
    state="CASE WHEN r.confirmed_at IS NULL THEN 'begun' ELSE 'on' END",
    hidden=("encrypted_secret", "recovery_digests"),
    unread=("user_id", "begun_at", "last_step", "bad_codes", "wait_until"),
)


class Migration(migrations.Migration):
    dependencies = [("access", "0006_second_factor")]
    operations = [
        watch(SECOND_FACTOR),
        migrations.RunSQL(_FORMER.reverse_sql, _FORMER.sql),
        watch(replace(_USER, unread=(*_USER.unread, "factor_changed_at"))),
    ]
