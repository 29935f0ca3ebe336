"""Is a cluster as we need it, and what is to be done where it is not?

Every verb of the published Role is asked for: an account that is short of one is found here, and
not by a pod that never comes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pools.core.ports import Verb

SOON: Final = timedelta(days=21)
KUBE_SYSTEM: Final = "kube-system"
_GROUPS: Final = {"poddisruptionbudgets": "policy", "tokenreviews": "authentication.k8s.io"}
_IN_NAMESPACE: Final[Mapping[str, str]] = {
    "pods": "create get list watch delete patch",
    "pods/log": "get",
    "events": "list",
    "poddisruptionbudgets": "get create delete",
    "resourcequotas": "list",
}
_IN_CLUSTER: Final[Mapping[str, str]] = {"tokenreviews": "create", "nodes": "get list"}
ADVICE: Final = "kubectl apply -k deploy/kubernetes gives the account all that it needs"


def _verbs(said: Mapping[str, str], *, namespaced: bool) -> Iterator[Verb]:
    for kind, words in said.items():
        resource, _, part = kind.partition("/")
        for word in words.split():
            yield Verb(
                word, resource, _GROUPS.get(resource, ""), subresource=part, namespaced=namespaced
            )


# Exactly what `deploy/kubernetes` grants.
NEEDED: Final[tuple[Verb, ...]] = (
    *_verbs(_IN_NAMESPACE, namespaced=True),
    *_verbs(_IN_CLUSTER, namespaced=False),
    Verb("get", "namespaces", namespaced=False, name=KUBE_SYSTEM),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was looked at; ``advice`` says what to do where it is not well."""

    name: str
    ok: bool
    detail: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one look at a cluster told; ``uid`` and ``version`` empty: it was not reached."""

    steps: tuple[Step, ...]
    uid: str = ""
    version: str = ""
    expires_at: datetime | None = None

    @property
    def healthy(self) -> bool:
        return all(step.ok for step in self.steps)

    @property
    def failure(self) -> str:
        """Return the first thing that is not well, for lists; empty when all is."""
        return next((f"{step.name}: {step.detail}" for step in self.steps if not step.ok), "")

    def stored(self) -> dict[str, Any]:
        """Return the report as it is kept and answered."""
        return {
            "healthy": self.healthy,
            "cluster_uid": self.uid,
            "version": self.version,
            "credential_expires_at": self.expires_at and self.expires_at.isoformat(),
            "steps": [
                {"name": one.name, "ok": one.ok, "detail": one.detail, "advice": one.advice}
                for one in self.steps
            ],
        }


def expiry(expires_at: datetime | None, *, now: datetime) -> Step:
    """Return how long the credential is good: it is looked at before it is too late."""
    advice = "make a new token or certificate and PATCH it into this config"
    if expires_at is None:
        return Step(name="credential", ok=True, detail="does not say until when it is good")
    until = f"{expires_at:%Y-%m-%d %H:%M} UTC"
    if expires_at <= now:
        return Step(name="credential", ok=False, detail=f"expired at {until}", advice=advice)
    if expires_at - now < SOON:
        return Step(name="credential", ok=True, detail=f"expires soon, at {until}", advice=advice)
    return Step(name="credential", ok=True, detail=f"good until {until}")


def identity(uid: str, pinned: str) -> Step:
    """Return whether this is the cluster that it was before."""
    if pinned and uid != pinned:
        return Step(
            name="identity",
            ok=False,
            detail=f"another cluster ({uid}) answers where {pinned} did",
            advice="make a config of its own for another cluster",
        )
    return Step(name="identity", ok=True, detail=f"kube-system has the uid {uid}")


def permissions(allowed: Sequence[bool]) -> tuple[Step, ...]:
    """Return a step for each verb of `NEEDED`, in its order."""
    return tuple(
        Step(
            name=f"may {verb}" + (f" {verb.name}" if verb.name else ""),
            ok=ok,
            detail="" if ok else "the account may not",
            advice="" if ok else ADVICE,
        )
        for verb, ok in zip(NEEDED, allowed, strict=True)
    )
