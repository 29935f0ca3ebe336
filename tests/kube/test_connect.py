"""A connection goes to the checked address, and believes the right certificate alone."""

import json
import os
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
import urllib3
from kubernetes.client import ApiException, CoreV1Api

from pools.core.access import Access, Credential
from pools.kube import connect
from tests.cluster.authority import Authority, make

LOOPBACK = (ip_address("127.0.0.1"),)
NAMESPACE = {"metadata": {"name": "kube-system", "uid": "5d4a"}}


class Api(ThreadingHTTPServer):
    """An HTTPS server that notes what it is asked, and by whom."""

    daemon_threads = True

    def __init__(self, authority: Authority, host: str, location: str = "") -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.asked: list[dict[str, str]] = []
        self.location = location
        self._pair = authority.serving(host)
        self._authority = authority

    def begin(self, folder: Path, *, asks: bool = False) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self._pair.store(folder, "api"))
        if asks:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=self._authority.pem)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):  # a refused handshake is no news
        pass


class Answering(BaseHTTPRequestHandler):
    """Answers every GET with a namespace, or leads elsewhere."""

    def do_GET(self):
        peer = dict(pair[0] for pair in (self.connection.getpeercert() or {}).get("subject", ()))
        self.server.asked.append({**self.headers, "peer": peer.get("commonName", "")})
        body = json.dumps(NAMESPACE).encode()
        self.send_response(302 if self.server.location else 200)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def authority():
    return make("this cluster")


@pytest.fixture
def api(authority, tmp_path):
    begun = []

    def begin(host: str, *, location: str = "", asks: bool = False) -> Api:
        server = Api(authority, host, location)
        server.begin(tmp_path, asks=asks)
        begun.append(server)
        return server

    yield begin
    for server in begun:
        server.shutdown()
        server.server_close()


def the_access(server: Api, authority: Authority, host: str, **changes) -> Access:
    return Access(
        **{
            "config": "c",
            "server": f"https://{host}:{server.server_port}",
            "addresses": LOOPBACK,
            "ca": authority.pem,
            "credential": Credential(token="s3cret"),
            **changes,
        }
    )


def uid_of(access: Access) -> str:
    opened = connect.open(access)
    try:
        return CoreV1Api(opened).read_namespace("kube-system").metadata.uid
    finally:
        opened.close()


def test_it_connects_to_the_checked_address_whatever_the_name_resolves_to(
    api, authority, monkeypatch
):
    """The name has no address at all; a proxy of the environment is not asked either."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    server = api("cluster.invalid")
    assert uid_of(the_access(server, authority, "cluster.invalid")) == "5d4a"
    (asked,) = server.asked
    assert asked["Host"] == f"cluster.invalid:{server.server_port}"
    assert asked["authorization"] == "Bearer s3cret"


def test_a_certificate_for_another_name_is_not_believed_but_a_named_one_is(api, authority):
    server = api("inner.invalid")
    with pytest.raises((ApiException, urllib3.exceptions.MaxRetryError)):
        uid_of(the_access(server, authority, "outer.invalid"))
    named = the_access(server, authority, "outer.invalid", tls_server_name="inner.invalid")
    assert uid_of(named) == "5d4a"


def test_a_certificate_of_another_authority_is_not_believed(api, authority):
    server = api("cluster.invalid")
    with pytest.raises((ApiException, urllib3.exceptions.MaxRetryError)):
        uid_of(the_access(server, authority, "cluster.invalid", ca=make("another cluster").pem))
    assert server.asked == []


def test_a_redirect_is_an_answer_and_nobody_follows_it(api, authority):
    inside = api("cluster.invalid")
    server = api("cluster.invalid", location=f"https://cluster.invalid:{inside.server_port}/")
    with pytest.raises(ApiException) as refused:
        uid_of(the_access(server, authority, "cluster.invalid"))
    assert refused.value.status == 302
    assert len(server.asked) == 1
    assert inside.asked == []


def test_a_client_certificate_is_shown_and_its_files_are_gone_before_the_first_call(api, authority):
    server = api("cluster.invalid", asks=True)
    certificate, key = authority.client("k8s4r").texts
    memory = (
        Path("/dev/shm") if Path("/dev/shm").is_dir() else Path(os.environ.get("TMPDIR", "/tmp"))
    )
    before = {*memory.glob("k8s4r-*")}
    access = the_access(
        server,
        authority,
        "cluster.invalid",
        credential=Credential(certificate=certificate, key=key),
    )
    opened = connect.open(access)
    assert {*memory.glob("k8s4r-*")} <= before
    assert CoreV1Api(opened).read_namespace("kube-system").metadata.uid == "5d4a"
    assert server.asked[0]["peer"] == "k8s4r"
    opened.close()


def test_when_the_first_address_is_dead_the_second_is_asked(api, authority):
    server = api("cluster.invalid")
    both = (ip_address("127.0.0.9"), *LOOPBACK)
    assert uid_of(the_access(server, authority, "cluster.invalid", addresses=both)) == "5d4a"


@pytest.mark.parametrize("bad", ["ca", "certificate"])
def test_certificates_that_are_none_are_refused_without_their_content(authority, bad):
    junk = "-----BEGIN CERTIFICATE-----\nc2VjcmV0\n-----END CERTIFICATE-----\n"
    changes = {"ca": junk} if bad == "ca" else {"credential": Credential(certificate=junk, key="k")}
    access = Access(
        **{"config": "c", "server": "https://x.invalid", "addresses": LOOPBACK, **changes}
    )
    with pytest.raises(connect.CannotConnect) as refused:
        connect.open(access)
    assert "c2VjcmV0" not in str(refused.value)


def test_nothing_secret_shows_when_an_access_is_printed(authority):
    access = Access(
        config="c",
        server="https://x.invalid",
        addresses=LOOPBACK,
        credential=Credential(token="s3cret-canary", key="s3cret-canary"),
    )
    assert "canary" not in repr(access)
