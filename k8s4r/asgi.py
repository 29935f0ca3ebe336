"""What does a web process serve? The gateway's paths, and Django behind them for all others."""

import gc
import os
import sys
from random import SystemRandom
from typing import Any, cast

import django
from a2wsgi import WSGIMiddleware
from starlette.types import ASGIApp

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "k8s4r.settings")
django.setup(set_prefix=False)

# Models can be imported from here on.
from executors.gateway import application as gateway_application  # noqa: E402
from executors.gateway.station import Gateway  # noqa: E402
from k8s4r.wsgi import application as django_application  # noqa: E402

# People's requests wait for each other beyond this many; agents' calls never wait for them.
DJANGO_THREADS = 8

_behind = cast("ASGIApp", WSGIMiddleware(cast("Any", django_application), workers=DJANGO_THREADS))
application = gateway_application.build(Gateway(random=SystemRandom()), behind=_behind)

# Half a millisecond instead of five: the threads here mostly wait for the database, and each answer
# would wait again for whoever computes. An order then comes a fifth sooner at 50 tasks a second.
sys.setswitchinterval(0.0005)
# What is loaded by now stays. Looking through it again at each full collection cost a fifth of the
# heartbeats (benchmarks/fleet.py).
gc.collect()
gc.freeze()
