"""Where may a message be sent? Not into our own network, unless an administrator listed it.

Whoever may name an address makes this server call it. So addresses are of known services or of
hosts on the public internet, over TLS; what is private or plain has to be listed in
``K8S4R_NOTIFY_ALLOWED_HOSTS``. What a name resolves to is checked again at each connection.
"""

from collections.abc import Sequence
from typing import Final
from urllib.parse import SplitResult, parse_qs, urlsplit

from k8s4r.core import networks
from k8s4r.core.networks import Address, Allowed

MOST_CHARACTERS: Final = 2_048
# Schemes of apprise. For these the host is the caller's choice; the ones without TLS in front.
PLAIN: Final = frozenset({"json", "form", "xml", "ntfy", "gotify", "mmost", "mailto"})
SECURE: Final = frozenset({"jsons", "forms", "xmls", "ntfys", "gotifys", "mmosts", "mailtos"})
# For these it is apprise's.
SERVICES: Final = frozenset({"slack", "discord", "tgram", "pagerduty", "opsgenie"})
# They name files of this machine, or what else to fetch.
_FORBIDDEN: Final = frozenset({"attach", "cto", "pgp", "pgpkey", "template"})


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
    literal = networks.literal(host)
    listed = allowed.has_name(host) or (literal is not None and allowed.lists(literal))
    if listed:
        return None
    if parts.scheme in PLAIN:
        return f"needs TLS: {parts.scheme}s://"
    if literal is not None and not allowed.admits(literal):
        return f"{host} is private; an administrator may list it in K8S4R_NOTIFY_ALLOWED_HOSTS"
    return None
