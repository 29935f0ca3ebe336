"""How does a runner come to life from its configuration and what an earlier one left?"""

import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random
from uuid import UUID, uuid4

from agents.client import cgroup, facts, processes, seam, sweeping
from agents.client import clock as clocks
from agents.client.clock import BootClock
from agents.client.config import AgentConfig, ConfigurationError, PodPlace
from agents.client.drivers.base import Driver
from agents.client.drivers.exec import ExecDriver
from agents.client.drivers.noop import NoopDriver
from agents.client.runner import descriptors, journal, remnants
from agents.client.runner.linkage import Linkage
from agents.client.runner.loop import Loop
from agents.client.runner.machine import Machine
from agents.client.runner.outbox import Outbox
from agents.client.runner.records import Life
from agents.client.runner.recovery import Remains, restore
from agents.client.runner.runner import Runner
from agents.client.runner.spool import Spool, claimed
from agents.client.runner.standing import Standing
from agents.client.runner.work import Work

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Birth:
    """What distinguishes this life of the runner from others."""

    session: UUID
    boot_id: str
    clock: BootClock


def run(config: AgentConfig) -> int:
    """Run an agent until it is told to end; return the exit code.

    Raises:
        ConfigurationError: the spool cannot be made or written.
        agents.client.runner.spool.SpoolInUse: another runner has the spool.
        agents.client.runner.journal.JournalBroken: the disk failed under the spool.
    """
    processes.become_subreaper()
    _make_room(config)
    with claimed(config.spool):
        return _run(config)


def drivers(config: AgentConfig) -> dict[str, Driver]:
    """Return the drivers that this machine offers, as its owner allows."""
    every: list[Driver] = [ExecDriver(config.restrictions, dict(os.environ)), NoopDriver()]
    allowed = config.restrictions.drivers
    return {one.name: one for one in every if allowed is None or one.name in allowed}


def _make_room(config: AgentConfig) -> None:
    """Make the spool, and room for a descriptor of every slot."""
    try:
        config.spool.mkdir(mode=0o711, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"--spool {config.spool}: {error.strerror}") from error
    if not os.access(config.spool, os.W_OK | os.X_OK):
        raise ConfigurationError(f"--spool {config.spool} is not writable")
    descriptors.make_room(config.slots)


def _run(config: AgentConfig) -> int:
    remains = restore(journal.read(config.spool / "journal"))
    birth = _born(remains)
    loop = Loop(birth.clock)
    spool = Spool(config.spool, durable_moved=loop.wake)
    _end_earlier_work(remains, birth, config)
    work = _take_over(remains, birth, config, spool)
    standing = Standing(work, config.not_now_file)
    runner = Runner(standing, loop, config.leaving, _setup(config, birth))
    arguments = [str(birth.session), str(config.terms.kill_grace_s)]
    jitter = Random(birth.session.int)  # noqa: S311 - spreads restarts, keeps no secret
    linkage = Linkage(
        loop, arguments=arguments, random=jitter, greet=runner.greet, hear=runner.hear
    )
    cgroups = cgroup.of_runner(birth.session)
    runner.attach(linkage, cgroups)
    logger.info("runner_started", extra={"session": birth.session, "held": len(work.held)})
    try:
        return runner.run()
    finally:
        spool.close()
        if cgroups is not None:
            cgroups.close()
        logger.info("runner_ended", extra={"session": birth.session, "held": len(work.held)})


def _born(remains: Remains) -> Birth:
    """Carry the time line on: in the same boot with the same base, after a reboot by wall."""
    boot_id = clocks.boot_id()
    base = 0.0
    if remains.lives:
        last = remains.lives[-1]
        base = last.clock_base
        if last.boot_id != boot_id:
            base = clocks.carried_on(offset=last.offset, last=remains.last_at)
    return Birth(uuid4(), boot_id, BootClock(base))


def _end_earlier_work(remains: Remains, birth: Birth, config: AgentConfig) -> None:
    same_boot = bool(remains.lives) and remains.lives[-1].boot_id == birth.boot_id
    sweeping.end_all(
        lambda: remnants.earlier_processes(remains, same_boot=same_boot),
        grace_s=config.terms.kill_grace_s,
        clock=birth.clock,
    )


def _take_over(remains: Remains, birth: Birth, config: AgentConfig, spool: Spool) -> Work:
    now = birth.clock.now()
    life = Life(
        session=birth.session,
        boot_id=birth.boot_id,
        offset=clocks.wall() - now,
        clock_base=birth.clock.base,
        at=now,
    )
    spool.begin(life, remains.attempts.values())
    machine = Machine(
        name=config.name,
        url=config.server.url,
        session=birth.session,
        slots=config.slots,
        drivers=drivers(config),
        terms=config.terms,
        grace_cap_s=float("inf") if config.cancel_grace_s is None else config.cancel_grace_s,
        most_slots=config.most_slots,
        program=_program(),
        ca_file=_text(config.server.ca_file),
    )
    work = Work(machine, spool, Outbox(spool), birth.clock)
    for attempt in remains.attempts.values():
        work.adopt(attempt)
    return work


def _setup(config: AgentConfig, birth: Birth) -> seam.Setup:
    server = config.server
    return seam.Setup(
        session=birth.session,
        boot_id=birth.boot_id,
        clock_base=birth.clock.base,
        url=server.url,
        name=config.name,
        state_folder=str(config.spool),
        labels=config.labels,
        drivers=sorted(drivers(config)),
        capabilities=facts.capabilities(),
        token_file=_text(server.token_file),
        agent_id=server.agent_id,
        enrolment_token_file=_text(server.enrolment_token_file),
        ca_file=_text(server.ca_file),
        health_address=config.health_address,
        log_format=config.log_format,
        in_pod=_in_pod(server.pod),
    )


def _in_pod(place: PodPlace | None) -> seam.InPod | None:
    if place is None:
        return None
    # Not resolved: the kubelet replaces what the name points to.
    return seam.InPod(place.config, place.pod, str(place.token_file.absolute()))


def _program() -> str:
    """Return the path of the command that this is, empty where it is not installed as one."""
    path = Path(sys.executable).with_name("k8s4r-agent")
    return str(path) if os.access(path, os.X_OK) else ""


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path.resolve())
