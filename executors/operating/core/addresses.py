"""Where may a message be sent? Not into our own network, unless an administrator listed it.

Whoever may name an address makes this server call it. So addresses are of known services or of
hosts on the public internet, over TLS; what is private or plain has to be listed in
``K8S4R_NOTIFY_ALLOWED_HOSTS``. What a name resolves to is checked again at each connection.
"""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias
from urllib.parse import SplitResult, parse_qs, urlsplit

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

MOST_CHARACTERS: Final = 2_048
# Schemes of apprise. For these the host is the caller's choice; the ones without TLS in front.
PLAIN: Final = frozenset({"json", "form", "xml", "ntfy", "gotify", "mmost", "mailto"})
SECURE: Final = frozenset({"jsons", "forms", "xmls", "ntfys", "gotifys", "mmosts", "mailtos"})
# For these it is apprise's.
SERVICES: Final = frozenset({"slack", "discord", "tgram", "pagerduty", "opsgenie"})
# They name files of this machine, or what else to fetch.
_FORBIDDEN: Final = frozenset({"attach", "cto", "pgp", "pgpkey", "template"})


@dataclass(frozen=True, slots=True)
class Allowed:
    """What an administrator listed: names, and networks."""

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    def has_name(self, host: str) -> bool:
        """Is this very host listed?"""
        return host.lower().rstrip(".") in self.names

    def admits(self, address: Address) -> bool:
        """May this address be called?"""
        mapped = getattr(address, "ipv4_mapped", None)
        real: Address = mapped or address
        if any(real in network for network in self.networks if network.version == real.version):
            return True
        return real.is_global and not real.is_multicast


def allowed_from(text: str) -> Allowed:
    """Return what a setting lists: host names, addresses and networks, separated by commas."""
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    networks = {entry: _network(entry) for entry in entries}
    return Allowed(
        names=frozenset(entry.lower().rstrip(".") for entry in entries),
        networks=tuple(network for network in networks.values() if network is not None),
    )


def objection(url: str, allowed: Allowed) -> str | None:
    """Return why this address is not taken, for people; ``None``: it is."""
    if len(url) > MOST_CHARACTERS or not url.isprintable() or " " in url:
        return f"at most {MOST_CHARACTERS} printable characters without spaces"
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "not an address"
    if parts.scheme not in PLAIN | SECURE | SERVICES:
        return f"begins with one of {', '.join(sorted(PLAIN | SECURE | SERVICES))}, and ://"
    if not host:
        return "names no host"
    if named := _FORBIDDEN & parse_qs(parts.query, keep_blank_values=True).keys():
        return f"may not say {', '.join(sorted(named))}"
    return None if parts.scheme in SERVICES else _objection_to_host(parts, host, allowed)


def shown(url: str) -> str:
    """Return the address without what opens doors: for people, logs and lists."""
    parts = urlsplit(url)
    if parts.scheme in SERVICES:
        return f"{parts.scheme}://..."
    place = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{place}/..."


def check(resolved: Sequence[Address], host: str, allowed: Allowed) -> None:
    """Refuse to connect to a host that has an address which is not admitted.

    Raises:
        PermissionError: names the host.
    """
    if not allowed.has_name(host) and not all(allowed.admits(address) for address in resolved):
        raise PermissionError(
            f"{host} leads into a private network; see K8S4R_NOTIFY_ALLOWED_HOSTS"
        )


def _objection_to_host(parts: SplitResult, host: str, allowed: Allowed) -> str | None:
    literal = _literal(host)
    listed = allowed.has_name(host) or (
        literal is not None and any(literal in network for network in allowed.networks)
    )
    if listed:
        return None
    if parts.scheme in PLAIN:
        return f"needs TLS: {parts.scheme}s://"
    if literal is not None and not allowed.admits(literal):
        return f"{host} is private; an administrator may list it in K8S4R_NOTIFY_ALLOWED_HOSTS"
    return None


def _literal(host: str) -> Address | None:
    """Return the address that a host's text is, in whatever form a resolver would take."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


def _network(entry: str) -> Network | None:
    try:
        return ip_network(entry, strict=False)
    except ValueError:
        return None
