"""Where may a cluster be? An https address, outside of our own network unless it is listed.

What ``server`` says is checked when it is written; what its name resolves to is checked at each
connection, which then goes to the checked address: a name that changes its mind leads nowhere.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from k8s4r.core import networks
from k8s4r.core.errors import FieldProblem, Invalid
from k8s4r.core.networks import Address, Allowed

MOST_CHARACTERS: Final = 2_048
SETTING: Final = "K8S4R_CLUSTER_ALLOWED_NETWORKS"
# No cluster is there, whatever is listed: this host and link, metadata services, groups.
NEVER: Final = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("169.254.0.0/16"),
    IPv4Network("100.100.100.200/32"),
    IPv4Network("224.0.0.0/3"),
    IPv6Network("::/128"),
    IPv6Network("fe80::/10"),
    IPv6Network("fd00:ec2::254/128"),
    IPv6Network("ff00::/8"),
)
_HOST: Final = re.compile(
    r"([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.?"
)
_PRINTED: Final = re.compile(r"[!-~]*")
_PATH: Final = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?")


@dataclass(frozen=True, slots=True)
class Place:
    """The host and the port of a server."""

    host: str
    port: int


def place(server: str) -> Place:
    """Return where a server is; it was checked before."""
    parts = urlsplit(server)
    return Place(parts.hostname or "", parts.port or 443)


def check(server: str, allowed: Allowed, *, at: str = "/server") -> Place:
    """Return where a server is.

    Raises:
        Invalid: the address is not taken; names the rule.
    """
    why = _objection(server, allowed)
    if why is not None:
        raise Invalid(f"server: {why[1]}", errors=[FieldProblem(at, *why)])
    return place(server)


def check_addresses(
    resolved: Sequence[Address], host: str, allowed: Allowed, *, at: str = "/server"
) -> None:
    """Refuse a host that has an address which may not be called: one is enough.

    Raises:
        Invalid: says which kind of place it leads to, and how it may be listed.
    """
    for address in resolved:
        why = _objection_to(address, allowed)
        if why is not None:
            told = f"{host} leads to {address}, {why[1]}"
            raise Invalid(f"server: {told}", errors=[FieldProblem(at, why[0], told)])


def _objection(server: str, allowed: Allowed) -> tuple[str, str] | None:
    """Return the rule that an address breaks, and the sentence about it."""
    if len(server) > MOST_CHARACTERS or not _PRINTED.fullmatch(server):
        return "characters", f"at most {MOST_CHARACTERS} printable ASCII characters, no spaces"
    try:
        parts = urlsplit(server)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "address", "is not an address"
    return _objection_to_form(parts, port) or _objection_to_host(parts, host, allowed)


def _objection_to_form(parts: SplitResult, port: int | None) -> tuple[str, str] | None:
    if parts.scheme != "https":
        return "https", "begins with https://"
    if "@" in parts.netloc:
        return "userinfo", "holds no user and no password"
    if parts.query or parts.fragment or not _PATH.fullmatch(parts.path):
        return "path", "ends after the host and a plain path"
    return ("port", "the port is between 1 and 65535") if port == 0 else None


def _objection_to_host(parts: SplitResult, host: str, allowed: Allowed) -> tuple[str, str] | None:
    address = networks.literal(host)
    if address is None:
        return None if _HOST.fullmatch(host) else ("host", "names no host")
    bare = parts.netloc.strip("[]") if parts.port is None else parts.netloc.rpartition(":")[0]
    try:
        ip_address(bare.strip("[]"))
    except ValueError:
        return "address", "an address is written in its usual form, such as 192.0.2.1"
    return _objection_to(address, allowed)


def _objection_to(address: Address, allowed: Allowed) -> tuple[str, str] | None:
    real = networks.inner(address)
    if any(real in network for network in NEVER if network.version == real.version):
        return "never", "where no cluster is: of this host, of its link, or for many"
    if not allowed.admits(address):
        return "private", f"a private network; an administrator may list it in {SETTING}"
    return None
