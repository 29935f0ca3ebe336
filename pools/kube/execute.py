"""How is something done in a cluster? Every change names the uid that it is meant for."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from pools.core.ports import (
    AlreadyExists,
    ClusterRefused,
    Manifest,
    OtherPod,
    PodSeen,
    Reviewed,
    Verb,
)
from pools.kube import shapes
from pools.kube.api import MERGE_PATCH, Api, Request
from pools.kube.observe import pods_path, refuse_unless_missing

_NAME: Final = "authentication.kubernetes.io/pod-name"
_UID: Final = "authentication.kubernetes.io/pod-uid"
_ACCOUNT: Final = "system:serviceaccount:"
_REVIEWS: Final = "/apis/authentication.k8s.io/v1/tokenreviews"
_ACCESS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def create_pod(api: Api, namespace: str, manifest: Manifest, *, dry_run: bool) -> PodSeen:
    """Make a pod."""
    query = {"dryRun": "All"} if dry_run else {}
    request = Request(method="POST", path=pods_path(namespace), query=query, body=manifest)
    return shapes.pod_seen(api.read(request, shapes.Pod))


def delete_pod(api: Api, namespace: str, name: str, *, uid: str, grace_s: int | None) -> bool:
    """Delete the pod of this uid; Kubernetes itself refuses another one (409)."""
    options: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": uid},
    }
    if grace_s is not None:
        options["gracePeriodSeconds"] = grace_s
    try:
        api.call(Request(method="DELETE", path=pods_path(namespace, name), body=options))
    except ClusterRefused as error:
        refuse_unless_missing(error)
        return False
    return True


def patch_pod(
    api: Api, namespace: str, name: str, *, uid: str, metadata: Mapping[str, Any]
) -> bool:
    """Change labels and annotations; the uid in the patch is one that it must have already.

    Raises:
        OtherPod: it has another: nothing is changed then.
    """
    body = {"metadata": {"uid": uid, **metadata}}
    try:
        api.call(
            Request(method="PATCH", path=pods_path(namespace, name), body=body, content=MERGE_PATCH)
        )
    except ClusterRefused as error:
        if error.facts.get("http_status") == 422 and "metadata.uid" in error.message:
            raise OtherPod(error.message) from error
        refuse_unless_missing(error)
        return False
    return True


def ensure_budget(api: Api, namespace: str, manifest: Manifest) -> None:
    """Make a PodDisruptionBudget unless there is one of its name."""
    try:
        api.call(Request(method="POST", path=_budgets_path(namespace), body=manifest))
    except AlreadyExists:
        return


def delete_budget(api: Api, namespace: str, name: str) -> None:
    """Delete a PodDisruptionBudget if there is one."""
    try:
        api.call(
            Request(method="DELETE", path=f"{_budgets_path(namespace)}/{quote(name, safe='')}")
        )
    except ClusterRefused as error:
        refuse_unless_missing(error)


def review_token(api: Api, token: str, *, audience: str) -> Reviewed | None:
    """Ask whose token this is; only for a service account, and only for the audience."""
    spec = {"token": token, "audiences": [audience]}
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
    status = api.call(Request(method="POST", path=_REVIEWS, body=review)).get("status", {})
    user = status.get("user", {})
    username = str(user.get("username", ""))
    if not status.get("authenticated") or audience not in (status.get("audiences") or ()):
        return None
    if not username.startswith(_ACCOUNT):
        return None
    extra = user.get("extra") or {}
    return Reviewed(
        namespace=username.removeprefix(_ACCOUNT).partition(":")[0],
        pod_name=_only(extra.get(_NAME)),
        pod_uid=_only(extra.get(_UID)),
    )


def allowed(api: Api, namespace: str, verbs: Sequence[Verb]) -> list[bool]:
    """Ask for each verb whether our account may do it."""
    return [_is_allowed(api, namespace, verb) for verb in verbs]


def _is_allowed(api: Api, namespace: str, verb: Verb) -> bool:
    attributes = {
        "verb": verb.verb,
        "group": verb.group,
        "resource": verb.resource,
        "subresource": verb.subresource,
        "name": verb.name,
        **({"namespace": namespace} if verb.namespaced else {}),
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    return bool(
        api.call(Request(method="POST", path=_ACCESS, body=review)).get("status", {}).get("allowed")
    )


def _budgets_path(namespace: str) -> str:
    return f"/apis/policy/v1/namespaces/{quote(namespace, safe='')}/poddisruptionbudgets"


def _only(values: Any) -> str:
    return str(values[0]) if isinstance(values, list) and len(values) == 1 else ""
