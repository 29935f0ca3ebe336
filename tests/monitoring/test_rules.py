"""Prometheus itself takes the rules, and each alert fires when it should and not before."""

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.monitoring.test_files import MONITORING, alerts

HISTORIES = Path(__file__).with_name("alerts_test.yml")

pytestmark = pytest.mark.timeout(1200)


def run(promtool: Path, *arguments: str) -> str:
    ended = subprocess.run(
        [str(promtool), *arguments], cwd=MONITORING, capture_output=True, text=True, check=False
    )
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said
    return said


def test_prometheus_takes_the_rules(promtool: Path) -> None:
    said = run(promtool, "check", "rules", "alerts.yml")
    assert f"{len(alerts())} rules found" in said


def test_prometheus_takes_the_example(promtool: Path) -> None:
    run(promtool, "check", "config", "--syntax-only", "prometheus.yml")


def test_each_alert_fires_when_it_should_and_not_before(promtool: Path) -> None:
    run(promtool, "test", "rules", str(HISTORIES))


def test_each_alert_has_a_history_in_which_it_fires_and_a_moment_when_it_does_not() -> None:
    seen: dict[str, set[bool]] = {}
    for history in yaml.safe_load(HISTORIES.read_text())["tests"]:
        for moment in history["alert_rule_test"]:
            seen.setdefault(moment["alertname"], set()).add(bool(moment.get("exp_alerts")))
    assert seen == {alert["alert"]: {True, False} for alert in alerts()}
