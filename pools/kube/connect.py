"""How is a connection to a cluster opened? From values alone: no file, no name server, no proxy.

The loaders of the `kubernetes` client run programs, read files and obey proxies that a kubeconfig
names; none of them is used. Connections go to the addresses that were checked, whatever the name
resolves to by now; the certificate is checked for the name. No redirect is followed.
"""

import socket
import ssl
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import urllib3
from kubernetes import client
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import create_connection

from pools.core.access import Access, Address, Credential

# Seconds to connect, and between two pieces of an answer.
TIMEOUT: Final = (3.0, 30.0)
# Calls at the same time on connections that are kept.
CONNECTIONS: Final = 16
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a private folder is made in it


class CannotConnect(Exception):
    """The certificates of an access are none; the message names which, never their content."""


class Client(client.ApiClient):
    """The client of one cluster; every call has a time limit, its own or `TIMEOUT`."""

    def close(self) -> None:
        """Close the connections; calls that are under way end by themselves."""
        super().close()  # type: ignore[no-untyped-call]

    def call_api(
        self,
        method: str,
        url: str,
        header_params: Mapping[str, str] | None = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: Any = None,
    ) -> Any:
        """Send a request; see the class."""
        limit = _request_timeout or TIMEOUT
        return super().call_api(method, url, header_params, body, post_params, limit)


def open(access: Access) -> Client:
    """Return a client of the cluster; nothing is sent yet. Close it with ``close()``.

    Raises:
        CannotConnect: the authority, or the certificate and its key, cannot be read.
    """
    settings = client.Configuration(
        host=access.server.rstrip("/"),
        # Empty, not None: nothing is taken from the environment.
        proxy="",
        no_proxy="",
        api_key=_headers(access.credential),
        connection_pool_maxsize=CONNECTIONS,
    )
    opened = Client(settings)
    opened.user_agent = "k8s4r"
    opened.rest_client.pool_manager = _connections(access)
    return opened


def _headers(credential: Credential) -> dict[str, str]:
    return {"authorization": f"Bearer {credential.token}"} if credential.token else {}


def _connections(access: Access) -> urllib3.PoolManager:
    manager = urllib3.PoolManager(
        ssl_context=_context(access),
        # A redirect is an answer like any other refusal; who repeats is decided by the caller.
        retries=urllib3.Retry(0, redirect=0, raise_on_redirect=False),
        maxsize=CONNECTIONS,
        server_hostname=access.tls_server_name or None,
        socket_options=[
            (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        ],
    )
    manager.pool_classes_by_scheme = {"https": _pool_to(access.addresses)}
    return manager


def _context(access: Access) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=access.ca or None)
    except (ssl.SSLError, ValueError) as error:
        raise CannotConnect("the certificate authority cannot be read") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if access.credential.certificate:
        _identify(context, access.credential)
    return context


def _identify(context: ssl.SSLContext, credential: Credential) -> None:
    """Load the client certificate: OpenSSL takes files alone, so they exist while it reads."""
    memory = str(_MEMORY) if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="k8s4r-", dir=memory) as folder:
        certificate, key = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        for path, text in ((certificate, credential.certificate), (key, credential.key)):
            path.touch(mode=0o600)
            path.write_text(text)
        try:
            # A password prompt would wait for ever: an encrypted key is refused.
            context.load_cert_chain(certificate, key, password=_no_password)
        except (ssl.SSLError, ValueError) as error:
            raise CannotConnect("the client certificate and its key cannot be used") from error


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def _pool_to(addresses: tuple[Address, ...]) -> type[HTTPSConnectionPool]:
    """Return the class of a connection pool that knows these addresses alone."""

    class Connection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connected(self, addresses)

    class Pool(HTTPSConnectionPool):
        ConnectionCls = Connection

    return Pool


def _connected(connection: HTTPSConnection, addresses: tuple[Address, ...]) -> socket.socket:
    """Connect to the first address that takes it, in their order."""
    failure: Exception = NewConnectionError(connection, "no address to connect to")
    for address in addresses:
        try:
            made = create_connection(
                (str(address), connection.port or 443),
                connection.timeout,
                socket_options=connection.socket_options,
            )
        except TimeoutError:
            failure = ConnectTimeoutError(connection, f"{address} does not answer in time")
        except OSError as error:
            failure = NewConnectionError(connection, f"{address}: {error}")
        else:
            sys.audit("http.client.connect", connection, str(address), connection.port)
            return made
    raise failure
