"""How does PostgreSQL run in a folder of ours, on whatever machine this is?

``prepare`` makes the cluster if there is none and describes the server; ``start`` also runs it::

    with postgres.start(folder) as server:
        connect(server.url)

The server listens on a Unix socket in a closed folder and wants a password as well.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from k8s4r.embedded import binaries, credentials, identity, lockfile, reachable, sockets
from k8s4r.embedded.errors import DidNotStart
from k8s4r.embedded.programs import Program, StopStep
from k8s4r.embedded.servers import Server, ready

NAME = "k8s4r"
READY_WITHIN_S = 60.0
# Line 8 of postmaster.pid (PostgreSQL, src/include/utils/pidfile.h), which pg_ctl reads as well.
STATUS_LINE = 7

# The superuser has no password and so cannot sign in: who may stop the server has
# `postgres --single`.
ACCESS = "local all all scram-sha-256\n"

# Small and durable: the platform shares a small machine, and a commit that was answered stays.
DURABLE: Mapping[str, str] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "60",
    "shared_buffers": "48MB",
    "max_wal_size": "512MB",
    "jit": "off",
    # One machine, short statements: no replication, no parallel workers.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_worker_processes": "2",
    "max_parallel_workers": "0",
    "max_parallel_workers_per_gather": "0",
    # A hundred moves per second turn hot rows over: look often, take little.
    "autovacuum_max_workers": "2",
    "autovacuum_naptime": "15s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}


class PostgresServer(Server):
    """A running PostgreSQL."""

    __slots__ = ()

    def stop(self) -> None:
        """Stop it cleanly: sessions end, everything is written; no empty folder stays in /tmp."""
        self.child.stop()
        with suppress(OSError):
            self.socket_folder.rmdir()

    @property
    def socket_folder(self) -> Path:
        return Path(unquote(self.url.rpartition("?host=")[2]))


@dataclass(frozen=True, slots=True)
class Cluster:
    """A folder with a database in it, and the programs and the user that fit."""

    data: Path
    run: Path
    bin: Path
    version: str
    as_who: identity.Identity

    def command(self, program: str, *arguments: str) -> tuple[str, ...]:
        return (str(self.bin / program), *arguments)


def start(
    folder: Path,
    *,
    password_file: Path | None = None,
    settings: Mapping[str, str] = DURABLE,
) -> PostgresServer:
    """Run a server on ``folder``, made if need be, and wait until it answers.

    Call it from a thread that stays: the server ends when that thread does.
    """
    program, url = prepare(folder, password_file=password_file, settings=settings)
    return PostgresServer(url, ready(program, within_s=READY_WITHIN_S))


def prepare(
    folder: Path,
    *,
    password_file: Path | None = None,
    settings: Mapping[str, str] = DURABLE,
    log: Path | None = None,
) -> tuple[Program, str]:
    """Return the server of ``folder`` and the URL of its database; makes both if need be.

    A new folder appears whole or not at all, so that a kill in between costs nothing.
    """
    credentials.private_folder(folder)
    password_file = password_file or folder / "password"
    is_new_password = not password_file.exists()
    password = credentials.obtain(password_file)
    cluster = _cluster(folder)
    if not cluster.data.exists():
        _create(cluster, password)
    elif is_new_password:
        _single_user(cluster, f"ALTER ROLE {NAME} PASSWORD '{password}'")
    lockfile.remove_stale(cluster.data, cluster.run)
    program = Program(
        name="postgres",
        argv=cluster.command("postgres", "-D", str(cluster.data), *_options(cluster, settings)),
        environment=_environment(),
        log=log or folder / "postgres.log",
        is_ready=lambda pid: _says_ready(cluster.data / "postmaster.pid", pid),
        # "Fast" ends sessions and writes a checkpoint; "immediate" leaves it to the next start.
        stop_steps=(StopStep(signal.SIGINT, 60), StopStep(signal.SIGQUIT, 10)),
        dies_by=signal.SIGINT,
        as_who=cluster.as_who,
        note=f"PostgreSQL {cluster.version} from {cluster.bin}",
    )
    return program, f"postgresql://{NAME}:{quote(password)}@/{NAME}?host={quote(str(cluster.run))}"


def _cluster(folder: Path) -> Cluster:
    data = folder / "data"
    who = identity.for_server(data)
    if who.is_dropped:
        data = reachable.data_folder(data, who)
    major = data / "PG_VERSION"
    found = binaries.find_postgres(int(major.read_text()) if major.exists() else None)
    programs = reachable.programs(found, who) if who.is_dropped else found.folder
    run = sockets.socket_folder(folder / "run", uid=who.uid, gid=who.gid)
    return Cluster(data, run, programs, found.version, who)


def _create(cluster: Cluster, password: str) -> None:
    """Make the cluster beside its place, then move it there."""
    draft = cluster.data.with_name("data.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    os.chown(draft, cluster.as_who.uid, cluster.as_who.gid)
    options = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C")
    _run(cluster, cluster.command("initdb", "-D", str(draft), *options), said="")
    (draft / "pg_hba.conf").write_text(ACCESS)
    unborn = Cluster(draft, cluster.run, cluster.bin, cluster.version, cluster.as_who)
    _single_user(
        unborn,
        f"CREATE ROLE {NAME} LOGIN CREATEDB CREATEROLE PASSWORD '{password}'",
        f"CREATE DATABASE {NAME} OWNER {NAME}",
    )
    draft.rename(cluster.data)


def _single_user(cluster: Cluster, *statements: str) -> None:
    """Run statements without a server: no client library, no password, no port."""
    argv = cluster.command("postgres", "--single", "-j", "-D", str(cluster.data), "postgres")
    _run(cluster, argv, said=";\n\n".join(statements) + ";\n\n")


def _run(cluster: Cluster, argv: tuple[str, ...], *, said: str) -> None:
    leashed = identity.leashed(
        argv, as_who=cluster.as_who, die_by=signal.SIGINT, parent=os.getpid()
    )
    ended = subprocess.run(  # noqa: S603  # a fixed list of ours, no shell
        leashed,
        input=said,
        capture_output=True,
        text=True,
        check=False,
        env=_environment(),
        start_new_session=True,
        cwd="/",
    )
    # In single-user mode a refused statement is only a line among others.
    if ended.returncode != 0 or "ERROR:" in ended.stderr or "FATAL:" in ended.stderr:
        raise DidNotStart(f"{argv[0]} said: {ended.stderr.strip()[-2000:]}")


def _options(cluster: Cluster, settings: Mapping[str, str]) -> list[str]:
    chosen = {**settings, "unix_socket_directories": str(cluster.run)}
    return [option for name, value in chosen.items() for option in ("-c", f"{name}={value}")]


def _says_ready(pid_file: Path, pid: int) -> bool:
    """Read the server's own word; a file that a killed server left names another pid."""
    try:
        lines = pid_file.read_text().splitlines()
    except OSError:
        return False
    return len(lines) > STATUS_LINE and (lines[0], lines[STATUS_LINE].strip()) == (
        str(pid),
        "ready",
    )


def _environment() -> dict[str, str]:
    """Return an environment without PG* variables, which would change what the server does."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}
