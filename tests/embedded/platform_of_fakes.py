"""A platform with real PostgreSQL and Redis and tiny stand-ins for our own parts.

Run as a process: ``python -m tests.embedded.platform_of_fakes NAME...`` with the names of the
stand-ins that are wanted. What it prints and how it ends is the supervisor's.
"""

import os
import sys
import time

from k8s4r.embedded import configuration, parts, probes, reporting
from k8s4r.embedded.errors import EmbeddedError
from k8s4r.embedded.parts import Part
from k8s4r.embedded.programs import Program, StopStep
from k8s4r.embedded.supervisor import AlreadyRunning, Supervisor

WEB = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
# Its child ignores SIGTERM: only a supervisor that looks after the whole group ends it.
WORKER = """
import signal, subprocess, sys, threading
child = "import signal, threading; signal.signal(15, signal.SIG_IGN); threading.Event().wait(120)"
subprocess.Popen([sys.executable, "-c", child])
threading.Event().wait(120)
"""
REFUSED = "import sys, threading; threading.Event().wait(1); sys.exit(4)"
BROKEN = "import sys; print('cannot find my trousers'); sys.exit(3)"
SLOW = "import threading; threading.Event().wait(120)"


def a_part(name, source, is_ready=lambda _pid: True, **more):
    def make(wanted, environment):
        marks = {"K8S4R_PART": name, "K8S4R_PART_HOME": str(wanted.home.root)}
        return Program(
            name=name,
            argv=(sys.executable, "-c", source, str(wanted.port)),
            environment={**environment, **marks},
            log=wanted.home.log_of(name),
            is_ready=is_ready,
            stop_steps=(StopStep(15, 5),),
            sweeps_group=True,
        )

    return Part(name, make, **more)


def main():
    wanted = configuration.read(os.environ)
    url = f"{wanted.local_url}/readyz"
    stand_ins = {
        "web": a_part("web", WEB, lambda _pid: probes.answers_200(url)),
        "worker": a_part("worker", WORKER, parts.has_children),
        "refused": a_part("agent", REFUSED, final_codes=frozenset({4})),
        "broken": a_part("web", BROKEN, lambda _pid: False),
        "slow": a_part("web", SLOW, lambda _pid: False),
        "postgres": parts.ALL[0],
        "redis": parts.ALL[1],
    }
    report = reporting.on_stderr()
    supervisor = Supervisor(
        wanted, [stand_ins[name] for name in sys.argv[1:]], report=report, clock=time.monotonic
    )
    try:
        supervisor.run(lambda found: report.plain(found.as_json()))
    except AlreadyRunning as error:
        report.plain(str(error))
        return 5
    except EmbeddedError as error:
        report.plain(f"error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
