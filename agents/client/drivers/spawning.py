"""How does a command become a process?

`subprocess` keeps the interpreter's lock until the new process has replaced itself, so the runner
stands still for as long as the machine takes to give the child a processor. The plain case goes to
posix_spawn(3) instead, which waits without the lock. Whatever is not plain (another user, a search
path with relative folders, an older C library), and whatever fails, goes to `subprocess`: it says
exactly what is wrong. No ``preexec_fn`` there: it costs two thirds of the spawn rate.
"""

import ctypes
import functools
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agents.client import processes

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
    program = _path_of(command)
    texts = [*command.argv, *command.env, *command.env.values()]
    if program is None or command.user is not None or any("\0" in text for text in texts):
        return None
    if any("=" in name for name in command.env):
        return None
    library = _library()
    return None if library is None else library.spawn(command, program)


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
        self._init_actions = _function(short, "posix_spawn_file_actions_init", 1)
        self._destroy_actions = _function(short, "posix_spawn_file_actions_destroy", 1)
        self._add_copy = _function(short, "posix_spawn_file_actions_adddup2", 1, ctypes.c_int, 2)
        self._add_folder = _function(short, "posix_spawn_file_actions_addchdir_np", 2)
        self._add_close = _function(
            short, "posix_spawn_file_actions_addclosefrom_np", 1, ctypes.c_int, 1
        )
        self._spawn = _function(long, "posix_spawn", 6)
        self._attributes = _attributes(short)
        self._nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def spawn(self, command: Command, program: str) -> int | None:
        pid = ctypes.c_int()
        actions = ctypes.create_string_buffer(_ACTIONS_BYTES)
        self._init_actions(actions)
        try:
            self._add_folder(actions, os.fsencode(command.folder))
            for number, descriptor in enumerate((self._nothing, *command.output)):
                self._add_copy(actions, descriptor, number)
            self._add_close(actions, 3)
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


@functools.cache
def _library() -> _Library | None:
    try:
        return _Library()
    except AttributeError:
        return None


def _function(
    library: ctypes.CDLL, name: str, pointers: int, kind: Any = None, count: int = 0
) -> Callable[..., int]:
    function = getattr(library, name)
    function.argtypes = [ctypes.c_void_p] * pointers + [kind] * count
    function.restype = ctypes.c_int
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
