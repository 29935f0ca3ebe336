"""`k8s4r apply -f`: make things be as a file says, and say what that changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias

import typer

from k8s4r.cli import documents, kinds, options, output
from k8s4r.cli.client import Client
from k8s4r.cli.errors import CliError, ExitCode, Usage
from k8s4r.cli.kinds import AGENT, POOL, PROJECT, TASK, Kind
from k8s4r.cli.mass import DryRun
from k8s4r.cli.session import Session

Fields: TypeAlias = Mapping[str, Any]

_MOST_LISTED: Final = 10_000
_APPLIED: Final = (PROJECT, POOL, AGENT)
# What `get -o yaml` says and nobody can wish for.
_FACTS: Final = frozenset(
    {
        "kind",
        "name",
        "project",
        "id",
        "pool_id",
        "agent_id",
        "project_id",
        "created_at",
        "changed_at",
    }
)


@dataclass(frozen=True, slots=True)
class Document:
    """One thing as a file describes it."""

    kind: Kind
    name: str
    project: str
    fields: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.kind.name}/{self.name}"


def apply(
    context: typer.Context,
    files: Annotated[
        list[str],
        typer.Option("--file", "-f", metavar="FILE", help="YAML, JSON, a folder, or -."),
    ],
    *,
    project: options.Project = None,
    dry_run: options.Dry = None,
) -> None:
    """Make projects, pools and agents be as files say; what a file does not name stays.

    A document is the fields of the API with a kind: {kind: pool, name: gpus, max_concurrent: 5}.
    Agents must exist: `k8s4r agent add`.

    k8s4r apply -f pools.yaml
    k8s4r apply -f deploy/ --dry-run server
    (echo 'kind: pool'; k8s4r get pool gpus -o yaml) > gpus.yaml; vi gpus.yaml
    """
    session: Session = context.obj
    place = session.project(project) or "default"
    found = [_document(each, place) for name in files for each in documents.read(name)]
    if dry_run is DryRun.CLIENT:
        for document in found:
            session.terminal.write(f"{document} {output.as_json_line(document.fields)}")
        return
    things = _Things(session.client)
    # Projects first, for pools and agents are in them.
    for document in sorted(found, key=lambda each: _APPLIED.index(each.kind)):
        session.terminal.write(f"{document} {_apply(things, document, dry_run)}")


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(apply)


def _document(given: Mapping[str, Any], place: str) -> Document:
    """Return a document of a file.

    Raises:
        Usage: its kind is none that is applied, or it has no name.
    """
    if "kind" not in given or "name" not in given:
        raise Usage("each document has a kind and a name")
    kind = kinds.kind(str(given["kind"]))
    if kind not in _APPLIED:
        hint = "k8s4r create task -f FILE submits tasks" if kind is TASK else ""
        raise Usage(f"{kind.name}s are not applied", hint=hint)
    fields = {key: value for key, value in given.items() if key not in _FACTS}
    return Document(kind, str(given["name"]), str(given.get("project", place)), fields)


class _Things:
    """What there is on the server: each kind is asked for once, and kept true by what is done."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, dict[tuple[str, str], Mapping[str, Any]]] = {}

    def find(self, document: Document) -> Mapping[str, Any] | None:
        """Return the thing that a document is about."""
        return self._of(document.kind).get(_key(document.kind, document.name, document.project))

    def create(self, document: Document) -> None:
        """Make it."""
        body = {"name": document.name, **document.fields}
        if document.kind is not PROJECT:
            body["project"] = document.project
        self._put(document.kind, self._client.post(document.kind.path, body))

    def change(self, document: Document, there: Mapping[str, Any], changes: Fields) -> None:
        """Change some of its fields."""
        path = f"{document.kind.path}/{there['id']}"
        answer = self._client.call("PATCH", path, body=changes, headers={})
        self._put(document.kind, answer.json())

    def _of(self, kind: Kind) -> dict[tuple[str, str], Mapping[str, Any]]:
        if kind.name not in self._known:
            self._known[kind.name] = {}
            for row in self._client.items(kind.path, {}, limit=_MOST_LISTED)[0]:
                self._put(kind, row)
        return self._known[kind.name]

    def _put(self, kind: Kind, row: Mapping[str, Any]) -> None:
        self._of(kind)[_key(kind, row["name"], row.get("project", ""))] = row


def _key(kind: Kind, name: str, project: str) -> tuple[str, str]:
    return ("" if kind is PROJECT else project, name)


def _apply(things: _Things, document: Document, dry_run: DryRun | None) -> str:
    """Make it so unless this is a dry run; return what is changed."""
    there = things.find(document)
    if there is None:
        return _create(things, document, dry_run)
    changes = {name: value for name, value in document.fields.items() if there.get(name) != value}
    unknown = sorted(set(changes) - set(there))
    if unknown:
        raise Usage(f"{document}: a {document.kind.name} has no field {unknown[0]!r}")
    if not changes:
        return "unchanged"
    if dry_run is None:
        things.change(document, there, changes)
    return f"{'changed' if dry_run is None else 'would change'}: {_differences(there, changes)}"


def _create(things: _Things, document: Document, dry_run: DryRun | None) -> str:
    if document.kind is AGENT:
        raise CliError(
            f"there is no {document}", exit_code=ExitCode.NOT_FOUND, hint="k8s4r agent add"
        )
    if dry_run is not None:
        return "would be created"
    things.create(document)
    return "created"


def _differences(there: Mapping[str, Any], changes: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {output.as_json_line(there[name])} -> {output.as_json_line(value)}"
        for name, value in changes.items()
    )
