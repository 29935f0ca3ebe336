"""The supervisor's process: ``python -m k8s4r.embedded up`` stays in the foreground.

`k8s4r up` becomes this program, or starts it in the background. It is separate from the command
line for people so that what stays in memory is small.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from k8s4r.embedded import (
    backups,
    configuration,
    lock,
    parts,
    recovery,
    reporting,
    restoring,
    summary,
)
from k8s4r.embedded.errors import EmbeddedError, Interrupted
from k8s4r.embedded.supervisor import AlreadyRunning, Supervisor

OK, FAILED, CONFLICT = 0, 1, 5


def up(asked: argparse.Namespace) -> int:
    """Run the platform until it is told to stop."""
    report = reporting.on_stderr()
    wanted = configuration.read(os.environ, without=frozenset(asked.without))

    def say(found: summary.Summary) -> None:
        if asked.output == "json":
            sys.stdout.write(found.as_json() + "\n")
            sys.stdout.flush()
            return
        for line in summary.lines(wanted.home, found):
            report.plain(line)
        report.plain(f"  stop it     {asked.stop_hint}")

    supervisor = Supervisor(wanted, parts.chosen(wanted), report=report, clock=time.monotonic)
    supervisor.run(say)
    report.plain("k8s4r is down; its data stay")
    return OK


def clear(_asked: argparse.Namespace) -> int:
    """Stop what a killed supervisor left behind."""
    home = configuration.home(os.environ)
    if not home.run.exists():
        return OK
    # Held until we end: nobody may start parts meanwhile.
    held = lock.acquire(home.run)
    if held is None:
        return CONFLICT
    for line in recovery.clear(home):
        reporting.on_stderr().plain(line)
    return OK


def backup(asked: argparse.Namespace) -> int:
    """Copy the platform to a safe place, running or not."""
    wanted = configuration.read(os.environ)
    say = reporting.on_stderr().plain
    backups.make(wanted, asked.path, secrets_file=asked.secrets_file, say=say)
    say(f"the backup is in {asked.path}")
    return OK


def restore(asked: argparse.Namespace) -> int:
    """Set the platform back to a backup."""
    wanted = configuration.read(os.environ)
    say = reporting.on_stderr().plain
    restoring.restore(wanted, asked.path, secrets_file=asked.secrets_file, say=say)
    say("restored; start it with: k8s4r up")
    return OK


def main() -> int:
    """Do as the command line says; errors are lines for people."""
    parser = argparse.ArgumentParser(prog="python -m k8s4r.embedded")
    verbs = parser.add_subparsers(required=True)
    up_verb = verbs.add_parser("up")
    up_verb.add_argument("--without", action="append", default=[])
    up_verb.add_argument("--output", choices=("text", "json"), default="text")
    up_verb.add_argument("--stop-hint", default="Ctrl-C")
    up_verb.set_defaults(act=up)
    verbs.add_parser("clear").set_defaults(act=clear)
    for name, act in (("backup", backup), ("restore", restore)):
        verb = verbs.add_parser(name)
        verb.add_argument("path", type=Path)
        verb.add_argument("--secrets-file", type=Path)
        verb.set_defaults(act=act)
    asked = parser.parse_args()
    report = reporting.on_stderr()
    try:
        code: int = asked.act(asked)
    except AlreadyRunning as error:
        report.plain(str(error))
        return CONFLICT
    except Interrupted as error:
        report.plain(str(error))
        return 130
    except (EmbeddedError, OSError) as error:
        report.plain(f"error: {error}")
        return FAILED
    return code


if __name__ == "__main__":
    sys.exit(main())
