"""What does a person read about one way into a cluster?"""

from collections.abc import Mapping
from typing import Any

from k8s4r.cli import ages, cluster_kinds, sections
from k8s4r.cli.kinds import POOL
from k8s4r.cli.output import Context
from k8s4r.cli.session import Session
from k8s4r.cli.terminal import clean


def write(session: Session, config: Mapping[str, Any]) -> None:
    """Write health, place, account, pod template and pools of a K8s config."""
    terminal = session.terminal
    context = Context(session.client.server_time, {})
    name = f"{config['project']}/{config['name']}"
    sections.heading(terminal, name, cluster_kinds.health(config, context), config["id"])
    for trouble in (config["alarm"], config["last_error"]):
        if trouble:
            terminal.write(clean(trouble))
    sections.title(terminal, "Cluster")
    sections.facts(terminal, _facts(config, context))
    sections.title(terminal, "Pods")
    used, _ = session.client.items(POOL.path, {"project": config["project"]}, limit=200)
    names = [one["name"] for one in used if (one["k8s"] or {}).get("config_id") == config["id"]]
    sections.facts(terminal, [("pools", ", ".join(names) or "none"), *_pods(config)])
    sections.next_steps(terminal, _steps(config))


def _facts(config: Mapping[str, Any], context: Context) -> list[tuple[str, Any]]:
    return [
        ("server", config["server"]),
        ("namespace", config["namespace"]),
        ("proves itself", config["credential_kind"].replace("_", " ")),
        ("good until", config["credential_expires_at"] or "it does not say"),
        ("cluster uid", config["cluster_uid"] or "not seen yet"),
        ("checked", ages.age(config["checked_at"], context.now) or "never"),
        ("pods seen", ages.age(config["observed_at"], context.now) or "never"),
        ("default", "yes" if config["is_default"] else "no"),
        ("description", config["description"]),
    ]


def _pods(config: Mapping[str, Any]) -> list[tuple[str, Any]]:
    template = config["pod_template"]
    return [
        ("account", config["service_account_name"]),
        ("pull secrets", ", ".join(config["image_pull_secrets"])),
        ("image", template.get("image") or "the platform's"),
        ("environment", ", ".join(one["name"] for one in template.get("env", ()))),
    ]


def _steps(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    name = config["name"]
    return [
        (f"k8s4r test k8s-config {name}", "look at the cluster now"),
        (f"k8s4r create pool P --k8s-config {name} --max 10", "let a pool have its pods there"),
    ]
