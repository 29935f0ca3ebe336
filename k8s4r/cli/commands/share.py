"""`k8s4r share`, `unshare`, `reset-second-factor`: what people may do, and how they get in."""

from typing import Annotated
from urllib.parse import quote

import typer

from k8s4r.cli import finding, options, prompts, several
from k8s4r.cli.kinds import PROJECT
from k8s4r.cli.session import Session

Project = Annotated[str, typer.Argument(metavar="PROJECT", show_default=False)]
Users = Annotated[list[str], typer.Argument(metavar="USER", show_default=False)]


def share(
    context: typer.Context,
    project: Project,
    users: Users,
    *,
    role: Annotated[
        list[str] | None,
        typer.Option(
            help="viewer, operator, approver, fleet_admin, auditor, security_admin; repeatable."
        ),
    ] = None,
) -> None:
    """Give people a role in a project, beside those they have; a viewer reads everything in it.

    k8s4r share web alice --role viewer
    k8s4r share web alice bob --role operator --role approver
    k8s4r get members -p web
    """
    session: Session = context.obj
    path = _path(session, project)
    roles = list(role or ["viewer"])

    def one(user: str) -> None:
        given = session.client.post(path, {"user": user, "roles": roles})
        session.terminal.write(f"{given['user']} is {', '.join(given['roles'])} in {project}")

    several.each(session, users, one)


def unshare(
    context: typer.Context, project: Project, users: Users, *, yes: options.Yes = False
) -> None:
    """Take every role in a project from people.

    k8s4r unshare web alice
    k8s4r unshare web alice bob --yes
    k8s4r get members -p web -o json
    """
    session: Session = context.obj
    path = _path(session, project)
    prompts.confirm(
        session.terminal,
        f"take every role in {project} from {', '.join(users)}?",
        agreed=yes,
    )

    def one(user: str) -> None:
        session.client.call("DELETE", f"{path}/{quote(user, safe='')}")
        session.terminal.write(f"{user} has no role in {project}")

    several.each(session, users, one)


def reset_second_factor(context: typer.Context, users: Users, *, yes: options.Yes = False) -> None:
    """Take the second factor of people who lost theirs away; all their sessions end.

    Be sure first who asks: until they set one up again, the password alone signs in. Who looks
    after people in every project may do this, for a superuser another superuser.

    k8s4r reset-second-factor alice
    k8s4r reset-second-factor alice bob --yes
    k8s4r api GET users/alice/second-factor
    """
    session: Session = context.obj
    prompts.confirm(
        session.terminal,
        f"reset the second factor of {', '.join(users)}?",
        agreed=yes,
    )

    def one(user: str) -> None:
        session.client.call("DELETE", f"/api/v1/users/{quote(user, safe='')}/second-factor")
        session.terminal.write(f"{user} has no second factor")

    several.each(session, users, one)


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the commands."""
    app.command(rich_help_panel=panel)(share)
    app.command(rich_help_panel=panel)(unshare)
    app.command("reset-second-factor", rich_help_panel=panel)(reset_second_factor)


def _path(session: Session, project: str) -> str:
    found = finding.one(session.client, PROJECT, project, session.terminal)
    return f"{PROJECT.path}/{found['id']}/members"
