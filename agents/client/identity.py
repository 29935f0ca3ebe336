"""Who is this agent to the server, and where is that kept?

``identity.json`` in the state folder, readable by its owner only, replaced in one step: a rotated
token is on disk before it is used, because using it kills the one before.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

FILE_NAME: Final = "identity.json"


class NoIdentity(Exception):
    """The files that should say who this agent is do not; the message names file and fault."""


class Identity(msgspec.Struct, frozen=True):
    """An agent's id and token. ``origin`` is the digest of the token file it came from.

    A token that the owner puts into the file later wins over what was rotated since. In a pod the
    origin is the pod's id: what another pod left behind is not ours.
    """

    agent: UUID
    token: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where an identity may come from; ``pod`` is the pod that this agent is in."""

    state_folder: Path
    token_file: Path | None = None
    agent_id: UUID | None = None
    pod: UUID | None = None


def load(sources: Sources) -> Identity | None:
    """Return the identity to use now; ``None``: this agent has to register, or to be vouched for.

    Raises:
        NoIdentity: a file is there and cannot be used.
    """
    kept = _kept(sources.state_folder / FILE_NAME)
    if sources.pod is not None:
        return kept if kept is not None and kept.origin == str(sources.pod) else None
    if sources.token_file is None:
        return kept
    given = _given(sources.token_file, sources.agent_id)
    if kept is not None and kept.origin == given.origin and kept.agent == given.agent:
        return kept
    return given


def keep(identity: Identity, state_folder: Path) -> None:
    """Store an identity for good before it is used."""
    state_folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    path = state_folder / FILE_NAME
    draft = path.with_suffix(".new")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(msgspec.json.encode(identity))
        file.flush()
        os.fsync(fd)
    draft.replace(path)
    folder = os.open(state_folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_secret(path: Path) -> str:
    """Return the token in a file, without the white space around it.

    Raises:
        NoIdentity: the file is missing, unreadable or empty.
    """
    try:
        text = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NoIdentity(f"{path} cannot be read: {error}") from error
    if not text:
        raise NoIdentity(f"{path} is empty")
    return text


def _kept(path: Path) -> Identity | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Identity)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise NoIdentity(f"{path} cannot be used: {error}") from error


def _given(path: Path, agent_id: UUID | None) -> Identity:
    """Read a token file: the token alone, or the JSON that the server answered with."""
    text = read_secret(path)
    origin = hashlib.sha256(text.encode()).hexdigest()
    if not text.startswith("{"):
        if agent_id is None:
            raise NoIdentity(f"{path} holds a token only: say --agent-id too")
        return Identity(agent_id, text, origin)
    try:
        data = json.loads(text)
        return Identity(UUID(data["id"]), str(data["token"]), origin)
    except (ValueError, KeyError, TypeError) as error:
        raise NoIdentity(f"{path} must hold a token, or JSON with id and token") from error
