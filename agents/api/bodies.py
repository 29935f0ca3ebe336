"""What do people send about agents? Field names of the fixed paths stay as they are known."""

import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from agents.services.editing import Merge
from agents.services.wishes import Said
from k8s4r.core import labels as label_rules
from k8s4r.core import moments
from k8s4r.core.errors import FieldProblem, Invalid

# A name stands in paths, logs and tables: what a DNS name or a path part may have.
Name: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$")
]
Text: TypeAlias = Annotated[str, Meta(max_length=4096)]
# Where people reach the machine: a URL, or host and port.
Endpoint: TypeAlias = Annotated[str, Meta(max_length=2048)]
Labels: TypeAlias = dict[str, str] | list[str]
# What people make; agents of type k8s come with their pods.
Kind: TypeAlias = Literal["remote", "robot"]


class NewAgentBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST agents``; also what PUT replaces, where ``project`` stays as it is."""

    name: Name
    project: Annotated[str, Meta(min_length=1, max_length=63)] = "default"
    agent_type: Kind = "remote"
    description: Text = ""
    endpoint: Endpoint = ""
    labels: Labels = {}
    capabilities: dict[str, Any] = {}
    metadata: dict[str, Any] = {}


class SettingsBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings that flow down to an agent; null leaves one to the agent again.

    ``slots`` is never more than its machine's owner allows, ``heartbeat_s`` never slower than the
    server's own pace.
    """

    slots: Annotated[int, Meta(ge=1, le=1024)] | UnsetType | None = UNSET
    log_level: Literal["debug", "info", "warning", "error"] | UnsetType | None = UNSET
    heartbeat_s: Annotated[float, Meta(ge=1, le=10)] | UnsetType | None = UNSET


class ReplacedAgent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``PUT agents/{id}``: what is left out becomes empty; the type stays."""

    name: Name
    agent_type: Kind | UnsetType = UNSET
    description: Text = ""
    endpoint: Endpoint = ""
    labels: Labels = {}
    metadata: dict[str, Any] = {}


class ChangedAgent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``PATCH agents/{id}``: what is left out stays."""

    name: Name | UnsetType = UNSET
    agent_type: Kind | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    endpoint: Endpoint | UnsetType = UNSET
    labels: Labels | UnsetType = UNSET
    settings: SettingsBody | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET


class Noted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST agents/{id}/pause`` and ``drain``: why, and until when.

    The time ends a pause; of a drain it only says when people expect the agent back.
    """

    note: Text = ""
    until: datetime | None = None


class Regenerate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST agents/{id}/regenerate-token``.

    ``revoke_current`` ends the present tokens at once, for one that leaked; without it they end
    when the new one is used. ``rotate`` lets the agent fetch the new one itself.
    """

    revoke_current: bool = False
    rotate: bool = False


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of an action that takes nothing."""


_COLUMNS: Mapping[str, str] = {"agent_type": "type"}


def changes(body: ReplacedAgent | ChangedAgent) -> dict[str, Any]:
    """Return the columns that a body changes.

    Raises:
        Invalid: a label or the endpoint breaks a rule.
    """
    given = {
        _COLUMNS.get(name, name): value
        for name, value in msgspec.structs.asdict(body).items()
        if value is not UNSET
    }
    if "labels" in given:
        given["labels"] = label_rules.read(given["labels"])
    if "endpoint" in given:
        given["endpoint"] = endpoint(given["endpoint"])
    if "settings" in given:
        given["settings"] = settings(given["settings"])
    return given


def endpoint(text: str) -> str:
    """Return where an agent's machine is reached, as people wrote it.

    Raises:
        Invalid: it has control characters, which would break lines of tables and logs.
    """
    if any(unicodedata.category(letter) == "Cc" for letter in text):
        problem = FieldProblem("/endpoint", "text", "no control characters")
        raise Invalid("endpoint: " + problem.detail, errors=[problem])
    return text


def settings(body: SettingsBody) -> Merge:
    """Return the settings that a body gives."""
    given = msgspec.structs.asdict(body)
    return Merge({name: value for name, value in given.items() if value is not UNSET})


def said(body: Noted | Nothing, *, by: str, now: datetime) -> Said:
    """Return what goes with a wish.

    Raises:
        Invalid: ``until`` is over, or says no offset.
    """
    if isinstance(body, Nothing):
        return Said(by=by)
    until = body.until and moments.to_come(body.until, "until", now=now)
    return Said(body.note, by, until)
