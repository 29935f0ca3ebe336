"""How is one cluster reached? Everything that a connection needs, and nothing else."""

from dataclasses import dataclass, field

from k8s4r.core.networks import Address

__all__ = ["Access", "Address", "Credential"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What an account proves itself with: a token, or a client certificate and its key (PEM)."""

    token: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One cluster as one K8s config reaches it.

    ``addresses`` are what the host of ``server`` resolved to, each of them checked: connections go
    to these and to no other, so that a name that changes meanwhile leads nowhere. ``ca`` is PEM;
    empty: the authorities that this machine trusts. The certificate is checked for
    ``tls_server_name``, and without one for the host. ``config`` is the id of the K8s config.
    """

    config: str
    server: str
    addresses: tuple[Address, ...]
    ca: str = ""
    tls_server_name: str = ""
    namespace: str = "default"
    credential: Credential = field(default=Credential(), repr=False)
