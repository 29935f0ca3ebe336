"""Which documents are made from the code? `python -m tests.architecture.documents` writes them."""

import re
from pathlib import Path

from pydantic_core import PydanticUndefined

from executors.gateway.catalogue import OF_FLEET, OF_PROCESS, Described
from k8s4r.settings import Environment

DOCS = Path(__file__).resolve().parents[2] / "docs"
CONFIGURATION = DOCS / "configuration.md"
METRICS = DOCS / "metrics.md"
_HEAD = """# Configuration

Every setting of the server is an environment variable. `k8s4r up` sets those that it knows; on
servers of your own, set `K8S4R_DATABASE_URL`, `K8S4R_REDIS_URL`, `K8S4R_URL` and the three secrets.
A secret may stand in a file: `K8S4R_SECRET_KEY_FILE` and its like name one. The agent's own
settings are in [agent.md](agent.md). This page is made from `k8s4r/settings.py`.

| variable | default | meaning |
|---|---|---|
"""
_METRICS_HEAD = """# Metrics

`GET /metrics` of every web process, in the text format of Prometheus. Names, labels and units are
stable: a change is in the changelog. With `K8S4R_METRICS_TOKEN` (or its file) set, a scraper brings
it as a bearer token; without one only callers on the loopback address are answered, and none that
comes through a proxy. An example, rules for alerts and a dashboard are in `deploy/monitoring/`;
what to do at each alert is in [runbook.md](runbook.md).
This page is made from `executors/gateway/catalogue.py`.
"""
_METRICS_FLEET = """
## Of the fleet

Counted in the database at each scrape: every process says the same, so take `max`, never `sum`,
over several. While the database is away they are absent and `k8s4r_database_up` is 0.
"""
_METRICS_PROCESS = """
## Of one process

Since its start: take `sum(rate(...))` over several.
"""
_METRICS_TABLE = """
| name | type | labels | unit | meaning |
|---|---|---|---|---|
"""
_METRIC = re.compile(r"^\| `(k8s4r_\w+)` \| (\w+) \| ([^|]*) \|", re.MULTILINE)


def configuration() -> str:
    """Return the page of all settings, in the order of the code."""
    rows = []
    for name, field in Environment.model_fields.items():
        default = "" if field.default in {None, "", PydanticUndefined} else f"`{field.default}`"
        secret = name.removesuffix("_file").replace("_", " ")
        meaning = field.description or f"File that holds the {secret}."
        rows.append(f"| `K8S4R_{name.upper()}` | {default} | {meaning} |\n")
    return _HEAD + "".join(rows)


def metrics() -> str:
    """Return the page of all metrics, in the order of the catalogue."""
    return "".join(
        [_METRICS_HEAD, _METRICS_FLEET, _table(OF_FLEET), _METRICS_PROCESS, _table(OF_PROCESS)]
    )


def _table(metrics: tuple[Described, ...]) -> str:
    rows = [
        f"| `{metric.name}` | {metric.kind} | {', '.join(f'`{one}`' for one in metric.labels)} "
        f"| {metric.unit} | {metric.meaning} |\n"
        for metric in metrics
    ]
    return _METRICS_TABLE + "".join(rows)


def promised_metrics() -> dict[str, tuple[str, list[str]]]:
    """Return what the page of metrics promises: type and labels by name."""
    rows = _METRIC.findall(METRICS.read_text())
    return {name: (kind, re.findall(r"`(\w+)`", labels)) for name, kind, labels in rows}


if __name__ == "__main__":
    CONFIGURATION.write_text(configuration())
    METRICS.write_text(metrics())
