"""Rules, dashboard and runbook speak of the metrics that there are, and of each other."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from tests.architecture import documents

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "deploy" / "monitoring"
RUNBOOK = ROOT / "docs" / "runbook.md"
NAME = re.compile(r"\bk8s4r_\w+")
STEPS = ["Means", "See it", "Do", "Ends"]


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text())
    return loaded


def expressions() -> list[str]:
    panels = [panel for panel in dashboard()["panels"] if panel["type"] != "row"]
    variables = [one for one in dashboard()["templating"]["list"] if one["type"] == "query"]
    asked = [target["expr"] for panel in panels for target in panel["targets"]]
    return asked + [one["definition"] for one in variables]


def promised() -> set[str]:
    """Return the names of all samples that the document promises."""
    names = set()
    for name, (kind, _) in documents.promised_metrics().items():
        names |= (
            {f"{name}_{part}" for part in ("bucket", "sum", "count")}
            if (kind == "histogram")
            else {name}
        )
    return names


def test_alerts_ask_only_for_metrics_that_there_are():
    asked = {name for alert in alerts() for name in NAME.findall(alert["expr"])}
    assert asked
    assert asked <= promised()


def test_the_dashboard_asks_only_for_metrics_that_there_are_and_shows_nearly_all():
    asked = {name for expression in expressions() for name in NAME.findall(expression)}
    assert asked <= promised()
    whole = {name.removesuffix("_bucket") for name in asked}
    assert documents.promised_metrics().keys() <= whole


def test_the_dashboard_can_be_imported_with_any_data_source():
    board = dashboard()
    assert board["templating"]["list"][0]["type"] == "datasource"
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    sources = [panel["datasource"]["uid"] for panel in panels if panel["type"] != "row"]
    assert set(sources) == {"${datasource}"}
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


def entries() -> dict[str, list[str]]:
    """Return the alerts of the runbook with the steps that each entry has."""
    section = RUNBOOK.read_text().partition("## Alerts\n")[2].partition("\n## ")[0]
    parts = re.split(r"^### (\S+)$", section, flags=re.MULTILINE)[1:]
    return {
        name: re.findall(r"^- \*\*(.+?):\*\* \S", text, flags=re.MULTILINE)
        for name, text in zip(parts[::2], parts[1::2], strict=True)
    }


def test_each_alert_has_its_entry_in_the_runbook_and_each_entry_its_alert():
    names = [alert["alert"] for alert in alerts()]
    assert list(entries()) == names
    assert all(steps == STEPS for steps in entries().values())


def test_each_alert_says_how_bad_it_is_what_is_wrong_and_where_to_read_on():
    for alert in alerts():
        assert alert["labels"]["severity"] in {"warning", "critical"}
        assert alert["annotations"]["summary"]
        anchor = alert["annotations"]["runbook_url"].partition("docs/runbook.md#")[2]
        assert anchor == alert["alert"].lower()
