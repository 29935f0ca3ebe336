"""What are the ways into clusters called, and shown as?"""

from typing import Final

from k8s4r.cli.output import Column, Context, Row
from k8s4r.cli.tables import Kind, age, left, text


def health(row: Row, _: Context) -> str:
    """Write what the last look at the cluster told."""
    if not row["active"]:
        return "inactive"
    return {None: "unknown", True: "healthy", False: "unhealthy"}[row["healthy"]]


def _default(row: Row, _: Context) -> str:
    return "yes" if row["is_default"] else ""


K8S_CONFIG: Final = Kind(
    "k8s-config",
    frozenset({"k8s-config", "k8s-configs", "kc"}),
    "/api/v1/k8s-configs",
    (
        Column("NAME", text("name"), most=30),
        Column("STATE", health, is_state=True),
        Column("DEFAULT", _default),
        Column("SERVER", text("server"), most=40),
        Column("NAMESPACE", text("namespace"), most=20),
        Column("EXPIRES", left("credential_expires_at")),
        Column("CHECKED", age("checked_at"), only_wide=True),
        Column("PROJECT", text("project"), only_wide=True),
        Column("ID", text("id"), only_wide=True),
    ),
    {},
    {"project": "project", "name": "name"},
)
