"""As which database role does the platform work? One that reads and adds history, and no more.

The tables belong to whoever ran the migrations. The working role changes every row of ours but
those of the history: it may not update, delete or empty them, nor switch off what refuses that.
"""

from django.db import connection, transaction
from psycopg import sql

# Statements of the owner, in this order; `{role}` is quoted as a name.
_GRANTS = (
    "GRANT USAGE ON SCHEMA public TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
    "REVOKE UPDATE, DELETE ON audit_event, audit_seal FROM {role}",
    "REVOKE INSERT, UPDATE, DELETE ON audit_dropped_month FROM {role}",
    "REVOKE INSERT, DELETE ON audit_seal_mark FROM {role}",
)
_KNOWN = "SELECT pg_has_role(current_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = %s"
_PARTITIONS = """
SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_event'::regclass
"""


@transaction.atomic
def ensure(name: str) -> None:
    """Make the role if it is missing and give it what it needs; run again after each migration."""
    with connection.cursor() as cursor:
        role = sql.Identifier(name)
        cursor.execute(_KNOWN, [name])
        known = cursor.fetchone()
        if known is None:
            cursor.execute(sql.SQL("CREATE ROLE {role} NOLOGIN").format(role=role))
        if known != (True,):
            cursor.execute(sql.SQL("GRANT {role} TO CURRENT_USER").format(role=role))
        for statement in _GRANTS:
            cursor.execute(sql.SQL(statement).format(role=role))
        cursor.execute(_PARTITIONS)
        for (partition,) in cursor.fetchall():
            # Events go in and out by their table; nobody needs a month of it.
            cursor.execute(
                sql.SQL("REVOKE ALL ON {table} FROM {role}").format(
                    table=sql.Identifier(partition), role=role
                )
            )
