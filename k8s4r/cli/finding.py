"""Which thing is meant by a name, an id, or the beginning of an id?"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from k8s4r.cli import kinds, suggestions
from k8s4r.cli.client import Client
from k8s4r.cli.cluster_kinds import K8S_CONFIG
from k8s4r.cli.errors import CliError, ExitCode, Missing
from k8s4r.cli.kinds import AGENT, POD, POOL, TASK, Kind
from k8s4r.cli.pod_kinds import EVERY_STATE
from k8s4r.cli.terminal import Terminal

Found = Mapping[str, Any]

_WHOLE_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Ids begin with their time: what is shorter names a minute, not a thing.
_ID_BEGINNING: Final = re.compile(r"[0-9a-f]{8}[0-9a-f-]*")
_MOST_LISTED: Final = 1_000
_MOST_NAMED: Final = 5
_MOST_NEAR: Final = 200
_DEFAULT: Final = "default"
# What may be called PROJECT/NAME, and what else the server is asked then: a pod that is gone is
# read too.
_BY_NAME: Final[Mapping[Kind, dict[str, str]]] = {
    AGENT: {}, POOL: {}, K8S_CONFIG: {}, POD: {"state": EVERY_STATE},
}  # fmt: skip


def one(
    client: Client, kind: Kind, text: str, terminal: Terminal, *, to_act: bool = False
) -> Found:
    """Return the thing that ``text`` means, in full.

    Of several tasks with one name it is the newest, which is said; an id's beginning must be of
    one thing only. What lies in a project may be called PROJECT/NAME. Of several with one name it
    is that of the project that is set; to look at, also that of the project `default`, as
    everywhere without a project; acting on a guess would be wrong.

    Raises:
        Missing: there is none.
        CliError: a name or an id's beginning fits several.
    """
    wanted = text.removeprefix(f"{kind.name}/")
    if not kind.is_single:
        return _listed(client, kind, wanted)
    if _WHOLE_ID.fullmatch(wanted.lower()):
        return _whole(client, kind, wanted.lower())
    named = _named(client, kind, wanted)
    if len(named) > 1 and kind is not TASK:
        project = client.project or ("" if to_act else _DEFAULT)
        named = [_of_the_project(kind, wanted, named, project)]
    if len(named) > 1:
        terminal.note(f"several tasks are named {wanted}; this is the newest, {_id(named[0])}")
    if named:
        return _whole(client, kind, _id(named[0]))
    return _whole(client, kind, _id(_by_beginning(client, kind, wanted)))


def open_task(client: Client, text: str) -> Found:
    """Return the task to act on: of several with one name, the one that has not ended.

    Raises:
        Missing: there is none.
        CliError: several are meant, and acting on a guess would be wrong.
    """
    wanted = text.removeprefix("task/")
    if not _WHOLE_ID.fullmatch(wanted.lower()):
        query = {"name": wanted, "state": kinds.OPEN_STATES}
        running, _ = client.items(TASK.path, query, limit=_MOST_NAMED)
        if len(running) > 1:
            raise _ambiguous(TASK, wanted, running)
        if running:
            found: Found = running[0]
            return found
    return one(client, TASK, text, Terminal({"NO_COLOR": "1"}))


def is_called(client: Client, kind: Kind, text: str) -> bool:
    """Is there one of this kind with just this name or id? An id's beginning is no answer."""
    if not _WHOLE_ID.fullmatch(text.lower()):
        return bool(_named(client, kind, text))
    try:
        _whole(client, kind, text.lower())
    except Missing:
        return False
    return True


def _whole(client: Client, kind: Kind, identity: str) -> Found:
    found: Found = client.get(f"{kind.path}/{identity}")
    return found


def _named(client: Client, kind: Kind, text: str) -> Sequence[Found]:
    if kind is TASK:
        return client.items(kind.path, {"name": text}, limit=2)[0]
    project, _, name = text.rpartition("/")
    query = {"project": project} if project else {}
    if kind in _BY_NAME:
        found, _ = client.items(
            kind.path, query | _BY_NAME[kind] | {"name": name}, limit=_MOST_LISTED
        )
        return found
    if project:
        return []
    listed, _ = client.items(kind.path, {}, limit=_MOST_LISTED)
    return [row for row in listed if row["name"] == name]


def _of_the_project(kind: Kind, text: str, named: Sequence[Found], project: str) -> Found:
    """Return the one of several that is in this project.

    Raises:
        CliError: the project has none of that name.
    """
    for row in named:
        if row["project"] == project:
            return row
    called = ", ".join(f"{row['project']}/{row['name']}" for row in named[:_MOST_NAMED])
    raise CliError(
        f"several {kind.name}s are named {text}",
        exit_code=ExitCode.CONFLICT,
        hint=f"say which: {called}; or set K8S4R_PROJECT",
    )


def _listed(client: Client, kind: Kind, text: str) -> Found:
    """Return one of a kind that can be listed only: by its name, its key, or its id."""
    rows, _ = client.items(kind.path, {}, limit=_MOST_LISTED)
    fitting = [
        row
        for row in rows
        if text in {row[kind.named_by], row.get("key_id")}
        or (_ID_BEGINNING.fullmatch(text.lower()) and _id(row, kind).startswith(text.lower()))
    ]
    if not fitting:
        raise _missing(client, kind, text)
    if len(fitting) > 1:
        raise _ambiguous(kind, text, fitting)
    found: Found = fitting[0]
    return found


def _by_beginning(client: Client, kind: Kind, text: str) -> Found:
    beginning = text.lower()
    if not _ID_BEGINNING.fullmatch(beginning):
        raise _missing(client, kind, text)
    if kind is TASK:
        fitting, _ = client.items(kind.path, {"id_prefix": beginning}, limit=_MOST_NAMED)
    else:
        listed, _ = client.items(kind.path, _BY_NAME.get(kind, {}), limit=_MOST_LISTED)
        fitting = [row for row in listed if _id(row).startswith(beginning)]
    if not fitting:
        raise _missing(client, kind, text)
    if len(fitting) > 1:
        raise _ambiguous(kind, text, fitting)
    found: Found = fitting[0]
    return found


def _id(row: Found, kind: Kind = TASK) -> str:
    """Return the id of a row; a member has that of its person."""
    return str(row["id"] if "id" in row else row[f"{kind.named_by}_id"])


def _missing(client: Client, kind: Kind, text: str) -> Missing:
    """Return the error, with the name that was probably meant when one comes near."""
    listed, _ = client.items(kind.path, {}, limit=_MOST_NEAR)
    near = suggestions.did_you_mean(text, [str(row[kind.named_by]) for row in listed])
    return Missing(
        f"no {kind.name} has the name or id {text!r}",
        hint=suggestions.hint(near, f"k8s4r get {kind.name}s lists them"),
    )


def _ambiguous(kind: Kind, text: str, fitting: Sequence[Found]) -> CliError:
    ids = ", ".join(_id(row, kind) for row in fitting[:_MOST_NAMED])
    return CliError(
        f"{text!r} is more than one {kind.name}",
        exit_code=ExitCode.CONFLICT,
        hint=f"name one by its id: {ids}",
    )
