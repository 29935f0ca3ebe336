"""What does the platform consist of, in which order, and how is each part run?"""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace

import psutil

from k8s4r.embedded import credentials, interpreter, leftovers, postgres, probes, redis
from k8s4r.embedded.configuration import Configuration, Environment
from k8s4r.embedded.programs import Program, StopStep

AGENT = "demo"
AGENT_SLOTS = 4
# What works may add to the history, and not change it; who migrates owns the tables.
WORKING_ROLE = "k8s4r_working"
GENERATED = ("secret_key", "token_pepper", "attempt_key", "encryption_key")

TERM = signal.SIGTERM
# The agent drains at the first SIGTERM and cancels its work at the second.
STOP_STEPS = {
    "postgres": (StopStep(signal.SIGINT, 60), StopStep(signal.SIGQUIT, 10)),
    "redis": (StopStep(TERM, 10),),
    "web": (StopStep(TERM, 8),),
    # A round under way is repeated by whoever is next.
    "kube_watch": (StopStep(TERM, 3),),
    # Celery itself waits 20 s for what it works on (k8s4r/celery.py).
    "worker": (StopStep(TERM, 25), StopStep(signal.SIGQUIT, 5)),
    "agent": (StopStep(TERM, 5), StopStep(TERM, 15)),
}
ONE_STEP = (StopStep(TERM, 5),)


@dataclass(frozen=True, slots=True)
class Part:
    """One part: ``make`` describes its program, and adds to the environment of those after it.

    Attributes:
        runs_once: it does its work and ends, before the next part starts.
        tries: how often it may fail to start before `up` gives up.
        final_codes: exit codes after which trying again is pointless.
    """

    name: str
    make: Callable[[Configuration, Environment], Program | None]
    within_s: float = 60.0
    runs_once: bool = False
    tries: int = 1
    final_codes: frozenset[int] = frozenset()


def first_environment(configuration: Configuration) -> Environment:
    """Return what every part of the server gets; makes up the secrets that do not exist yet."""
    home = configuration.home
    files = {name: home.secrets / name for name in GENERATED}
    for path in files.values():
        credentials.obtain(path)
    return {
        **os.environ,
        **interpreter.path_variable(),
        "DJANGO_SETTINGS_MODULE": "k8s4r.settings",
        "K8S4R_HOME": str(home.root),
        "K8S4R_ARTIFACTS_DIR": str(home.root / "artifacts"),
        "K8S4R_URL": configuration.url,
        "K8S4R_LOG_LEVEL": os.environ.get("K8S4R_LOG_LEVEL", "INFO"),
        **{f"K8S4R_{name.upper()}_FILE": str(path) for name, path in files.items()},
        # glibc keeps an arena per thread otherwise: tens of megabytes that nobody uses.
        "MALLOC_ARENA_MAX": "2",
    }


def chosen(configuration: Configuration) -> list[Part]:
    """Return the parts that this configuration wants, in the order of their start."""
    return [part for part in ALL if part.name not in configuration.without]


def _postgres(configuration: Configuration, environment: Environment) -> Program | None:
    if configuration.database_url:
        return None
    home = configuration.home
    program, url = postgres.prepare(
        home.root / "postgres",
        password_file=home.secrets / "database_password",
        log=home.log_of("postgres"),
    )
    environment["K8S4R_DATABASE_URL"] = url
    environment.setdefault("K8S4R_DATABASE_ROLE", WORKING_ROLE)
    return program


def _redis(configuration: Configuration, environment: Environment) -> Program | None:
    if configuration.redis_url:
        return None
    home = configuration.home
    program, url = redis.prepare(
        home.root / "redis",
        password_file=home.secrets / "redis_password",
        log=home.log_of("redis"),
    )
    environment["K8S4R_REDIS_URL"] = url
    return program


def _migrate(configuration: Configuration, environment: Environment) -> Program:
    # A migration may take as long as its tables need.
    patient = {**_as_owner(environment), "K8S4R_STATEMENT_TIMEOUT_S": "0"}
    return _python(configuration, patient, "migrate", ("django", "migrate", "--no-input"))


def _bootstrap(configuration: Configuration, environment: Environment) -> Program:
    secrets = configuration.home.secrets
    files = [
        argument
        for name in ("admin-password", "api-token", "enrolment-token")
        for argument in (f"--{name}-file", str(secrets / name.replace("-", "_")))
    ]
    role = environment.get("K8S4R_DATABASE_ROLE", "")
    if role:
        files += ["--database-role", role]
    owner = _as_owner(environment)
    return _python(configuration, owner, "bootstrap", ("django", "bootstrap", *files))


def _as_owner(environment: Environment) -> Environment:
    return {**environment, "K8S4R_DATABASE_ROLE": ""}


def _web(configuration: Configuration, environment: Environment) -> Program:
    argv = (
        *("uvicorn", "k8s4r.asgi:application"),
        *("--host", configuration.bind, "--port", str(configuration.port)),
        *("--loop", "uvloop", "--http", "httptools"),
        *("--timeout-graceful-shutdown", "3", "--no-access-log", "--log-level", "warning"),
        # Longer than agents keep an idle connection: a heartbeat comes every ten seconds.
        *("--timeout-keep-alive", "75"),
        # Behind TLS a proxy on this machine says who the client is; else nobody is believed.
        *(() if configuration.url.startswith("https:") else ("--no-proxy-headers",)),
    )
    # Static files come from the packages; whitenoise still wants the folder (settings.STATIC_ROOT).
    (configuration.home.root / "static").mkdir(exist_ok=True)
    url = f"{configuration.local_url}/readyz"
    return _python(
        configuration, environment, "web", argv, is_ready=lambda _pid: probes.answers_200(url)
    )


def _worker(configuration: Configuration, environment: Environment) -> Program:
    argv = (
        *("celery", "-A", "k8s4r.celery", "worker", "-B", "--concurrency", "2"),
        *("--without-gossip", "--without-mingle", "--loglevel", "WARNING"),
        *("--include", "k8s4r.embedded.worker_children"),
    )
    # A stop then gives its tasks some seconds and hands back what is not finished.
    environment = {**environment, "REMAP_SIGTERM": "SIGQUIT"}
    program = _python(configuration, environment, "worker", argv, is_ready=has_children)
    # Without Redis, which ends at the same moment, it would not get to its end by itself.
    return replace(program, dies_by=signal.SIGKILL)


def _kube_watch(configuration: Configuration, environment: Environment) -> Program:
    argv = ("k8s4r.embedded.kube_watch",)
    return _python(configuration, environment, "kube_watch", argv, is_ready=lambda _pid: True)


def _agent(configuration: Configuration, environment: Environment) -> Program:
    home = configuration.home
    argv = (
        *("agents.client", "start", "--url", configuration.local_url, "--name", AGENT),
        *("--enrolment-token-file", str(home.secrets / "enrolment_token")),
        *("--slots", str(AGENT_SLOTS), "--spool", str(home.root / "agent")),
    )
    return Program(
        name="agent",
        argv=interpreter.command(*argv),
        environment=_for_agent(environment),
        log=home.log_of("agent"),
        is_ready=has_children,
        stop_steps=STOP_STEPS["agent"],
        note=f"{AGENT}, {AGENT_SLOTS} slots",
    )


def has_children(pid: int) -> bool:
    """Return whether a program came so far that it started processes of its own."""
    try:
        return bool(psutil.Process(pid).children())
    except psutil.NoSuchProcess:
        return False


def _python(
    configuration: Configuration,
    environment: Environment,
    name: str,
    argv: tuple[str, ...],
    *,
    is_ready: Callable[[int], bool] = lambda _pid: False,
) -> Program:
    """Describe a Python module of the server, run by our interpreter."""
    home = configuration.home
    marks = {leftovers.PART_MARK: name, leftovers.HOME_MARK: str(home.root)}
    return Program(
        name=name,
        argv=interpreter.command(*argv),
        environment={**environment, **marks},
        log=home.log_of(name),
        is_ready=is_ready,
        stop_steps=STOP_STEPS.get(name, ONE_STEP),
        sweeps_group=True,
    )


def _for_agent(environment: Environment) -> Environment:
    """Leave out what the server knows: tasks on the agent inherit from its environment."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith("K8S4R_") or name.startswith("K8S4R_AGENT_")
    }


ALL = (
    # Processes of one that was killed hold its shared memory a moment longer.
    Part("postgres", _postgres, tries=4),
    Part("redis", _redis, within_s=30.0, tries=2),
    Part("migrate", _migrate, within_s=600.0, runs_once=True),
    Part("bootstrap", _bootstrap, runs_once=True),
    Part("web", _web),
    Part("worker", _worker),
    Part("kube_watch", _kube_watch),
    # 2: it is configured wrongly; 4: its token is refused.
    Part("agent", _agent, within_s=30.0, final_codes=frozenset({2, 4})),
)
