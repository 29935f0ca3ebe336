"""What may a pod of ours look like? A typed allow-list: whatever is not named here is refused.

Lists of what is forbidden fail when Kubernetes grows a field; this one names what is taken. Values
of labels and of the environment may hold variables, ``{{pool}}`` and its like, which are filled in
for each pod.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from k8s4r.core import labels
from k8s4r.core.errors import FieldProblem, Invalid, pointer
from pools.core.images import Images

VARIABLES: Final = ("pool", "project", "pod", "config", "namespace", "task")
PREFIX: Final = "k8s4r.io/"
OUR_LABELS: Final = frozenset(f"{PREFIX}{name}" for name in ("config", "pool", "pod", "busy"))
# Options of the agent that lead it nowhere else; the others are the pool's to set.
TUNING: Final = frozenset(
    f"K8S4R_AGENT_{name}" for name in ("CANCEL_GRACE_PERIOD", "LABELS", "LOG_FORMAT")
)
PLAIN_ENV: Final = frozenset({"TZ", "LANG", "LC_ALL"})
# Where the agent has its folders; the rest belongs to the image or to the kernel.
TAKEN: Final = (
    "/tmp", "/var/lib/k8s4r", "/var/run", "/run", "/proc", "/sys", "/dev", "/etc", "/usr",  # noqa: S108
    "/bin", "/sbin", "/lib", "/lib64", "/boot", "/root", "/opt",
)  # fmt: skip

_VARIABLE: Final = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_QUANTITY: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,3})?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_RESOURCE: Final = re.compile(
    r"cpu|memory|ephemeral-storage|[a-z0-9]([a-z0-9.-]*[a-z0-9])?\.[a-z]+/[a-z0-9]([a-z0-9._-]*)"
)
_ENV_NAME: Final = re.compile(r"K8S4R_ENV_[A-Z0-9_]+")
_UNITS: Final[dict[str, Decimal | int]] = {
    "": 1, "m": Decimal("0.001"), "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip

DnsLabel: TypeAlias = Annotated[
    str, Meta(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=63)
]
DnsName: TypeAlias = Annotated[
    str, Meta(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", max_length=253)
]
Quantity: TypeAlias = Annotated[str, Meta(max_length=20)]
# A user or group that is nobody of the node; 0 is root.
Unprivileged: TypeAlias = Annotated[int, Meta(ge=1000, le=2**31 - 1)]


class _Part(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    rename="camel",
):
    """Kubernetes' names for what it holds."""


class Resources(_Part, frozen=True, kw_only=True):
    """What a pod asks for and may use at most."""

    requests: dict[str, Quantity] = {}
    limits: dict[str, Quantity] = {}


class EnvVar(_Part, frozen=True, kw_only=True):
    """A variable of the agent's environment; never from a Secret or a field."""

    name: Annotated[str, Meta(min_length=1, max_length=128)]
    value: Annotated[str, Meta(max_length=4096)] = ""


class VolumeMount(_Part, frozen=True, kw_only=True):
    """An empty folder that lives as long as the pod."""

    name: DnsLabel
    mount_path: Annotated[str, Meta(min_length=2, max_length=1024)]
    size_limit: Quantity | None = None
    medium: Literal["", "Memory"] = ""


class SecurityContext(_Part, frozen=True, kw_only=True):
    """Who the pod runs as; the switches are there to be said, not to be loosened."""

    run_as_user: Unprivileged | None = None
    run_as_group: Unprivileged | None = None
    fs_group: Unprivileged | None = None
    run_as_non_root: bool = True
    read_only_root_filesystem: bool = True
    allow_privilege_escalation: bool = False


class PodTemplate(_Part, frozen=True, kw_only=True):
    """What the pods of a config, or of one pool, look like beyond what is always so."""

    image: Annotated[str, Meta(max_length=512)] | None = None
    resources: Resources | None = None
    env: Annotated[list[EnvVar], Meta(max_length=64)] = []
    labels: dict[str, str] = {}
    volume_mounts: Annotated[list[VolumeMount], Meta(max_length=16)] = []
    security_context: SecurityContext | None = None
    termination_grace_period_seconds: Annotated[int, Meta(ge=5, le=3600)] | None = None


def check(template: PodTemplate, images: Images, *, at: str) -> None:
    """Refuse a template that says what it may not.

    Raises:
        Invalid: names each field that is not taken, and the rule.
    """
    found = list(_problems(template, images, at))
    if found:
        raise Invalid(f"{found[0].pointer}: {found[0].detail}", errors=found)


def stored(template: PodTemplate) -> dict[str, Any]:
    """Return a template as it is kept."""
    built: dict[str, Any] = msgspec.to_builtins(template)
    return built


def kept(value: object) -> PodTemplate:
    """Return a template that `stored` made."""
    return msgspec.convert(value, PodTemplate)


def laid_over(base: PodTemplate, over: PodTemplate) -> PodTemplate:
    """Return ``base`` with what ``over`` says: lists and maps by name, the rest as a whole."""
    return PodTemplate(
        image=over.image or base.image,
        resources=over.resources or base.resources,
        env=_by_name(base.env, over.env),
        labels={**base.labels, **over.labels},
        volume_mounts=_by_name(base.volume_mounts, over.volume_mounts),
        security_context=over.security_context or base.security_context,
        termination_grace_period_seconds=(
            over.termination_grace_period_seconds or base.termination_grace_period_seconds
        ),
    )


def filled(text: str, variables: Mapping[str, str]) -> str:
    """Return the text with its variables; all of them are known by now."""
    return _VARIABLE.sub(lambda match: variables[match[1]], text)


def _problems(template: PodTemplate, images: Images, at: str) -> Iterator[FieldProblem]:
    if template.image is not None and (why := images.objection(template.image)):
        yield FieldProblem(f"{at}/image", "image", why)
    yield from _of_resources(template.resources, f"{at}/resources")
    yield from _of_env(template.env, f"{at}/env")
    yield from _of_labels(template.labels, f"{at}/labels")
    yield from _of_mounts(template.volume_mounts, f"{at}/volumeMounts")
    yield from _of_security(template.security_context, f"{at}/securityContext")


def _of_resources(resources: Resources | None, at: str) -> Iterator[FieldProblem]:
    if resources is None:
        return
    found = [
        *_of_quantities(resources.requests, f"{at}/requests"),
        *_of_quantities(resources.limits, f"{at}/limits"),
    ]
    yield from found
    for name, asked in resources.requests.items():
        most = resources.limits.get(name)
        if not found and most is not None and amount(asked) > amount(most):
            where = at + pointer("requests", name)
            yield FieldProblem(where, "bounds", f"asks for {asked}, more than the limit {most}")


def _of_quantities(given: Mapping[str, str], at: str) -> Iterator[FieldProblem]:
    for name, value in given.items():
        if not _RESOURCE.fullmatch(name) or len(name) > 253:
            why = "cpu, memory, ephemeral-storage, or a resource with its vendor's domain"
            yield FieldProblem(at + pointer(name), "name", why)
        yield from _of_quantity(value, at + pointer(name))


def _of_quantity(value: str | None, at: str) -> Iterator[FieldProblem]:
    if value is not None and not _QUANTITY.fullmatch(value):
        yield FieldProblem(
            at, "quantity", "a number with a unit of Kubernetes, such as 500m or 2Gi"
        )


def _of_env(env: Sequence[EnvVar], at: str) -> Iterator[FieldProblem]:
    yield from _repeated([one.name for one in env], at)
    for index, one in enumerate(env):
        if one.name not in TUNING | PLAIN_ENV and not _ENV_NAME.fullmatch(one.name):
            why = f"begins with K8S4R_ENV_, or is one of {', '.join(sorted(TUNING | PLAIN_ENV))}"
            yield FieldProblem(f"{at}/{index}/name", "name", why)
        yield from _of_text(one.value, f"{at}/{index}/value")


def _of_labels(given: Mapping[str, str], at: str) -> Iterator[FieldProblem]:
    for key, value in given.items():
        where = at + pointer(key)
        if not key.startswith(PREFIX):
            yield FieldProblem(where, "prefix", f"labels begin with {PREFIX}")
        elif key in OUR_LABELS:
            yield FieldProblem(where, "reserved", f"{key} is set by the pool")
        yield from _of_text(value, where)
    # A variable is a name or an id, and so is what it stands for.
    plain = {key: _VARIABLE.sub("x", value) for key, value in given.items()}
    yield from labels.problems(plain, at=at)


def _of_text(text: str, at: str) -> Iterator[FieldProblem]:
    for name in _VARIABLE.findall(text):
        if name not in VARIABLES:
            known = ", ".join(f"{{{{{one}}}}}" for one in VARIABLES)
            yield FieldProblem(at, "variable", f"no variable {name!r}: there are {known}")
    if not text.isprintable():
        yield FieldProblem(at, "characters", "printable characters only")


def _of_mounts(mounts: Sequence[VolumeMount], at: str) -> Iterator[FieldProblem]:
    yield from _repeated([one.name for one in mounts], at)
    yield from _repeated([one.mount_path for one in mounts], at, field="mountPath")
    for index, one in enumerate(mounts):
        path = one.mount_path
        if not path.startswith("/") or posixpath.normpath(path) != path or not path.isprintable():
            why = "an absolute path without . and .."
            yield FieldProblem(f"{at}/{index}/mountPath", "path", why)
        elif any(path == taken or path.startswith(f"{taken}/") for taken in TAKEN):
            yield FieldProblem(f"{at}/{index}/mountPath", "reserved", f"{path} is not free")
        yield from _of_quantity(one.size_limit, f"{at}/{index}/sizeLimit")
        if one.name in ("work", "tmp", "identity"):
            yield FieldProblem(f"{at}/{index}/name", "reserved", f"{one.name} is ours")


def _of_security(context: SecurityContext | None, at: str) -> Iterator[FieldProblem]:
    if context is None:
        return
    for name, said, only in (
        ("runAsNonRoot", context.run_as_non_root, True),
        ("readOnlyRootFilesystem", context.read_only_root_filesystem, True),
        ("allowPrivilegeEscalation", context.allow_privilege_escalation, False),
    ):
        if said is not only:
            yield FieldProblem(f"{at}/{name}", "tighten_only", f"is {str(only).lower()}")


def _repeated(names: Sequence[str], at: str, *, field: str = "name") -> Iterator[FieldProblem]:
    for index, name in enumerate(names):
        if name in names[:index]:
            yield FieldProblem(f"{at}/{index}/{field}", "unique", f"{name} is there already")


def amount(quantity: str) -> Decimal:
    """Return what a quantity of Kubernetes stands for (its "Quantity" reference), in units."""
    found = _QUANTITY.fullmatch(quantity)
    assert found is not None, "checked when it was read"
    return Decimal(found[1]) * _UNITS[found[2] or ""]


def _by_name(base: Iterable[Any], over: Iterable[Any]) -> list[Any]:
    return [*{one.name: one for one in (*base, *over)}.values()]
