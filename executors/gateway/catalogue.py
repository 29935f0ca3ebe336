"""Which metrics are there? Names, types, labels and units: stable API, told in docs/metrics.md."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """A type of Prometheus."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Described:
    """One metric: how its samples are called and what they say. Units are Prometheus's own."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    unit: str
    meaning: str

    @property
    def family(self) -> str:
        """Return the name of the family: that of a counter has no ``_total``."""
        return self.name.removesuffix("_total") if self.kind is Kind.COUNTER else self.name


_POOL: Final = ("project", "pool")
_CLUSTER: Final = ("project", "config")
_C, _G, _H = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM

OF_FLEET: Final = (
    Described("k8s4r_tasks", _G, (*_POOL, "state"), "tasks", "Tasks that have not ended."),
    Described(
        "k8s4r_tasks_waiting", _G, (*_POOL, "reason"), "tasks",
        "Pending tasks by why they wait; `new`: no pass has looked at them yet.",
    ),
    Described(
        "k8s4r_queue_oldest_seconds", _G, _POOL, "seconds",
        "Age of the oldest pending task that is not delayed; 0 without one.",
    ),
    Described(
        "k8s4r_waiting_oldest_seconds", _G, ("reason",), "seconds",
        "Age of the oldest task that waits for this reason now, over all pools.",
    ),
    Described(
        "k8s4r_tasks_ended_total", _C, ("outcome",), "tasks",
        "Tasks that ended, since the first; outlives their rows and every process.",
    ),
    Described(
        "k8s4r_task_failures_total", _C, ("outcome", "reason"), "tasks",
        "Those of them that failed or timed out; a reason that is no code of ours is `other`.",
    ),
    Described(
        "k8s4r_agents", _G, ("desired", "observed"), "agents",
        "Agents by what people want of them and what they are; those in pods count as pods.",
    ),
    Described("k8s4r_slots", _G, (), "slots", "Slots of the agents that are online."),
    Described("k8s4r_slots_used", _G, (), "slots", "Those of them with a current attempt."),
    Described(
        "k8s4r_pool_slots", _G, _POOL, "slots",
        "Slots of the pool's agents that are online; an agent in two pools counts in both.",
    ),
    Described(
        "k8s4r_pool_slots_used", _G, _POOL, "slots",
        "Those of them with a current attempt, of this pool or another.",
    ),
    Described(
        "k8s4r_pods", _G, (*_POOL, "state"), "pods",
        "Pods that are not gone; a state in which there is none is absent.",
    ),
    Described(
        "k8s4r_pods_failing", _G, (*_POOL, "failure"), "pods",
        "Those of them that do not work, by why.",
    ),
    Described(
        "k8s4r_pod_slots", _G, (*_POOL, "lane", "status"), "slots",
        "Slots of pods; `away`: nothing on them, and their agent is not there or drains.",
    ),
    Described(
        "k8s4r_pool_pods_desired", _G, _POOL, "pods",
        "How many pods the pool should have by the last look at its demand.",
    ),
    Described(
        "k8s4r_pool_pods_ready", _G, _POOL, "pods", "How many were ready at that look."
    ),
    Described("k8s4r_pool_pods_max", _G, _POOL, "pods", "How many it may have at most."),
    Described(
        "k8s4r_scaling_decisions", _G, (*_POOL, "code"), "looks",
        "Looks at the pool's demand in the last hour, by what they led to.",
    ),
    Described(
        "k8s4r_pod_actions_pending", _G, ("kind",), "actions",
        "What is to be done to pods in their clusters and is not done yet.",
    ),
    Described(
        "k8s4r_pod_action_oldest_seconds", _G, (), "seconds",
        "For how long the oldest of them could have been done.",
    ),
    Described(
        "k8s4r_cluster_seen_age_seconds", _G, _CLUSTER, "seconds",
        "Since the pods of a K8s config were last listed; absent before the first time.",
    ),
    Described(
        "k8s4r_cluster_failures", _G, _CLUSTER, "calls",
        "Calls in a row that the cluster did not answer.",
    ),
    Described(
        "k8s4r_cluster_alarm", _G, _CLUSTER, "0 or 1",
        "Does its pods' state need a person? Many missing at once, or another cluster.",
    ),
    Described(
        "k8s4r_job_age_seconds", _G, ("job",), "seconds",
        "Since a periodic job was last begun, by anybody.",
    ),
    Described(
        "k8s4r_pulse_age_seconds", _G, ("source",), "seconds",
        "Since a part was last known to work: `gateway`, `sweeper`, and `queue.*` for workers.",
    ),
    Described(
        "k8s4r_notifications", _G, ("state",), "messages",
        "Messages to targets that are kept; `dead` ones were given up.",
    ),
    Described(
        "k8s4r_generation", _G, (), "number",
        "Which life of the database this is: one more after each restore.",
    ),
    Described(
        "k8s4r_backup_age_seconds", _G, (), "seconds",
        "Since the last backup; absent before the first.",
    ),
    Described(
        "k8s4r_audit_seal_age_seconds", _G, (), "seconds",
        "Since the last seal of the audit events; absent before the first.",
    ),
)  # fmt: skip

OF_PROCESS: Final = (
    Described(
        "k8s4r_database_up", _G, (), "0 or 1",
        "Did the database answer this scrape? With 0 everything that is counted in it is absent.",
    ),
    Described("k8s4r_redis_up", _G, (), "0 or 1", "Is the subscription to Redis there?"),
    Described(
        "k8s4r_news_failed_total", _C, (), "messages", "News that did not get out to Redis."
    ),
    Described(
        "k8s4r_credentials_refused_total", _C, ("what",), "credentials",
        "Bad tokens, bad logins, and what was answered 429 as it came too often (`slowed`).",
    ),
    Described(
        "k8s4r_dispatch_pass_seconds", _H, (), "seconds",
        "How long a dispatch pass of this process took.",
    ),
    Described(
        "k8s4r_reports_total", _C, (), "reports", "Reports of agents that this process took."
    ),
    Described(
        "k8s4r_slot_drift_total", _C, (), "attempts",
        "Attempts that a runner said to have in another slot than ordered; it stays 0.",
    ),
    Described("k8s4r_gateway_claims_held", _G, (), "requests", "Claims that wait for orders."),
    Described("k8s4r_gateway_followers", _G, (), "requests", "Logs that are followed."),
    Described(
        "k8s4r_gateway_batches_total", _C, ("collector",), "batches", "Batches committed."
    ),
    Described("k8s4r_gateway_items_total", _C, ("collector",), "calls", "Calls in them."),
    Described(
        "k8s4r_gateway_repeated_total", _C, ("collector",), "calls",
        "Calls repeated one by one, because their batch failed.",
    ),
)  # fmt: skip

METRICS: Final = {metric.name: metric for metric in (*OF_FLEET, *OF_PROCESS)}
