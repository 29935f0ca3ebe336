"""Which addresses may this server call on somebody's word? Public ones, and what is listed.

Whoever may name an address makes this server call it, from inside of our own network. So what is
private has to be listed by an administrator, and what a name resolves to is checked as well.
"""

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

# Gateways turn these into IPv4 addresses: NAT64 (RFC 6052).
_NAT64: Final = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Allowed:
    """What an administrator listed: names, and networks."""

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    def has_name(self, host: str) -> bool:
        """Is this very host listed?"""
        return host.lower().rstrip(".") in self.names

    def lists(self, address: Address) -> bool:
        """Is the address in a listed network?"""
        real = inner(address)
        return any(real in network for network in self.networks if network.version == real.version)

    def admits(self, address: Address) -> bool:
        """May this address be called?"""
        real = inner(address)
        return self.lists(real) or (real.is_global and not real.is_multicast)


def allowed_from(text: str) -> Allowed:
    """Return what a setting lists: host names, addresses and networks, separated by commas."""
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    networks = {entry: _network(entry) for entry in entries}
    return Allowed(
        names=frozenset(entry.lower().rstrip(".") for entry in entries),
        networks=tuple(network for network in networks.values() if network is not None),
    )


def literal(host: str) -> Address | None:
    """Return the address that a host's text is, in whatever form a resolver would take."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


def inner(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one leads to, or the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _network(entry: str) -> Network | None:
    try:
        return ip_network(entry, strict=False)
    except ValueError:
        return None
