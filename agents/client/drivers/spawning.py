"""How does a command become a process?

`subprocess` keeps the interpreter's lock until the new process has replaced itself, so the runner
stands still for as long as the machine takes to give the child a processor. The plain case goes to
posix_spawn(3) instead, which waits without the lock. Whatever is not plain (another user, a search
path with relative folders, an older C library), and whatever fails, goes to `subprocess`: it says
exactly what is wrong. No ``preexec_fn`` there: it costs two thirds of the spawn rate.
"""

import ctypes
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agents.client import processes

_POINTER: Final = ctypes.c_void_p
_INT: Final = ctypes.c_int
_MODE: Final = ctypes.c_uint
# Large enough for what any C library keeps behind these types (glibc: 336, 80 and 128 bytes).
_ATTRIBUTES_BYTES: Final = 1024
_ACTIONS_BYTES: Final = 512
_SIGNALS_BYTES: Final = 256
# From <spawn.h>; the second is the same in glibc and musl.
_SET_SIGNAL_DEFAULTS: Final = 0x04
_SET_SESSION: Final = 0x80
# Python ignores them; a child must not, see `restore_signals` of `subprocess`.
_IGNORED_BY_PYTHON: Final = (signal.SIGPIPE, signal.SIGXFSZ)


@dataclass(frozen=True, slots=True)
class Command:
    """What to execute. ``output`` are two open descriptors, for stdout and stderr."""

    argv: list[str]
    program: str
    folder: str
    env: Mapping[str, str]
    output: tuple[int, int]
    user: str | None = None


def spawn(command: Command) -> int:
    """Start a process as the leader of a session of its own; return its pid.

    Raises:
        OSError: it could not be started; ``filename`` is the folder when that is why.
        ValueError: the command cannot be passed on, or the user does not exist.
        subprocess.SubprocessError: the user cannot be taken on.
    """
    return _spawn_plain(command) or _spawn_any(command)


def _spawn_any(command: Command) -> int:
    stdout, stderr = command.output
    process = subprocess.Popen(  # noqa: S603 - running what was ordered is the point
        command.argv,
        executable=command.program,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        cwd=command.folder,
        env=command.env,
        start_new_session=True,
        **processes.as_user(command.user),
    )
    # The runner collects it: without this the object would, when the number is another's already.
    process.returncode = 0
    return process.pid


def _spawn_plain(command: Command) -> int | None:
    """Start it in the plain case; ``None`` when it is not plain, or did not work."""
    if _LIBRARY is None or command.user is not None:
        return None
    program = _path_of(command)
    if program is None:
        return None
    texts = [program, command.folder, *command.argv, *command.env, *command.env.values()]
    if any("\0" in text for text in texts) or any("=" in name for name in command.env):
        return None
    return _LIBRARY.spawn(command, program)


def _path_of(command: Command) -> str | None:
    if "/" in command.program:
        return command.program
    path = command.env.get("PATH", os.defpath)
    if not all(folder.startswith("/") for folder in path.split(os.pathsep)):
        return None
    return shutil.which(command.program, path=path)


class _Library:
    """The few functions of the C library that this takes.

    Raises:
        AttributeError: it has not all of them (glibc has since 2.34).
    """

    def __init__(self) -> None:
        # With the lock, for they are short; and without it, for this one is long.
        short, long = ctypes.PyDLL(None), ctypes.CDLL(None)
        self._init_actions = _function(short, "posix_spawn_file_actions_init", [_POINTER])
        self._destroy_actions = _function(short, "posix_spawn_file_actions_destroy", [_POINTER])
        self._add_copy = _function(
            short, "posix_spawn_file_actions_adddup2", [_POINTER, _INT, _INT]
        )
        self._add_open = _function(
            short, "posix_spawn_file_actions_addopen", [_POINTER, _INT, _POINTER, _INT, _MODE]
        )
        self._add_folder = _function(
            short, "posix_spawn_file_actions_addchdir_np", [_POINTER, _POINTER]
        )
        self._add_close = _function(
            short, "posix_spawn_file_actions_addclosefrom_np", [_POINTER, _INT]
        )
        self._spawn = _function(long, "posix_spawn", [_POINTER] * 6)
        self._attributes = _attributes(short)

    def spawn(self, command: Command, program: str) -> int | None:
        pid = ctypes.c_int()
        stdout, stderr = command.output
        actions = ctypes.create_string_buffer(_ACTIONS_BYTES)
        self._init_actions(actions)
        try:
            if (
                self._add_folder(actions, os.fsencode(command.folder))
                or self._add_open(actions, 0, os.fsencode(os.devnull), os.O_RDWR, 0)
                or self._add_copy(actions, stdout, 1)
                or self._add_copy(actions, stderr, 2)
                or self._add_close(actions, 3)
            ):
                return None
            env = [f"{name}={value}" for name, value in command.env.items()]
            failed = self._spawn(
                ctypes.byref(pid),
                os.fsencode(program),
                actions,
                self._attributes,
                _strings(command.argv),
                _strings(env),
            )
        finally:
            self._destroy_actions(actions)
        return None if failed else pid.value


def _function(library: ctypes.CDLL, name: str, arguments: list[Any]) -> Callable[..., int]:
    function = getattr(library, name)
    function.argtypes = arguments
    function.restype = _INT
    return function  # type: ignore[no-any-return]


def _attributes(library: ctypes.CDLL) -> "ctypes.Array[ctypes.c_char]":
    """Return "a session of its own, and what Python ignores not ignored"."""
    signals = ctypes.create_string_buffer(_SIGNALS_BYTES)
    library.sigemptyset(signals)
    for number in _IGNORED_BY_PYTHON:
        library.sigaddset(signals, int(number))
    attributes = ctypes.create_string_buffer(_ATTRIBUTES_BYTES)
    library.posix_spawnattr_init(attributes)
    library.posix_spawnattr_setsigdefault(attributes, signals)
    flags = ctypes.c_short(_SET_SESSION | _SET_SIGNAL_DEFAULTS)
    library.posix_spawnattr_setflags(attributes, flags)
    return attributes


def _strings(texts: list[str]) -> "ctypes.Array[ctypes.c_char_p]":
    """Return an array of C strings that ends in a null pointer."""
    return (ctypes.c_char_p * (len(texts) + 1))(*map(os.fsencode, texts), None)


def _found() -> _Library | None:
    try:
        return _Library()
    except AttributeError:
        return None


_LIBRARY: Final = _found()
