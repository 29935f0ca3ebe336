"""Of kubeconfigs, servers and pod templates a short list is taken; the rest is refused by name."""

import base64
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509

from k8s4r.core import conversion
from k8s4r.core.errors import DomainError
from k8s4r.core.networks import allowed_from
from pools.core import credentials, kubeconfigs, servers, templates
from pools.core.access import Credential
from pools.core.images import Images
from pools.core.templates import PodTemplate
from tests.kube import hostile

IMAGES = Images("localhost/k8s4r-agent:latest")
NOTHING = allowed_from("")
LISTED = allowed_from("127.0.0.0/8, 10.0.0.0/8, 169.254.0.0/16")


def the_problems(error: DomainError) -> set[tuple[str, str]]:
    return {(one.pointer, one.rule) for one in error.errors}


def test_a_kubeconfig_with_a_token_is_taken_as_text_and_as_base64():
    text = hostile.a_kubeconfig()
    read = kubeconfigs.read(text)
    assert (read.server, read.namespace, read.context_name) == (hostile.SERVER, "work", "it")
    assert read.ca == hostile.an_authority().pem
    assert read.credential == Credential(token=hostile.CANARY)
    assert kubeconfigs.read(base64.encodebytes(text.encode()).decode()) == read


def test_a_kubeconfig_with_a_client_certificate_says_until_when_it_is_good():
    certificate, key = hostile.an_authority().client("k8s4r", lifetime=timedelta(days=90)).texts
    until = x509.load_pem_x509_certificate(certificate.encode()).not_valid_after_utc
    encoded = [base64.b64encode(text.encode()).decode() for text in (certificate, key)]
    names = ("client-certificate-data", "client-key-data")
    read = kubeconfigs.read(hostile.a_kubeconfig(user=dict(zip(names, encoded, strict=True))))
    assert credentials.expires_at(read.credential) == until
    other, _ = hostile.an_authority().client("other").texts
    with pytest.raises(DomainError, match="not the key"):
        credentials.certificate(other, key, at="/c", key_at="/k")


def test_a_token_that_is_a_jwt_says_until_when_it_is_good():
    claims = base64.urlsafe_b64encode(b'{"exp": 1800000000}').decode().rstrip("=")
    said = credentials.expires_at(Credential(token=f"e30.{claims}.c2ln"))
    assert said == datetime.fromtimestamp(1_800_000_000, UTC)
    assert credentials.expires_at(Credential(token=hostile.CANARY)) is None
    assert credentials.expires_at(Credential(token="plain")) is None


@pytest.mark.parametrize("name", [*hostile.kubeconfigs("x")])
def test_a_hostile_kubeconfig_is_refused_by_its_rule_quickly(name, tmp_path):
    marker = tmp_path / "ran"
    at, rule, text = hostile.kubeconfigs(str(marker))[name]
    written, began = text(), time.process_time()
    with pytest.raises(DomainError) as refused:
        kubeconfigs.read(written)
    assert (at, rule) in the_problems(refused.value)
    assert time.process_time() - began < 1
    assert not marker.exists()
    assert "canary" not in str(refused.value).lower() + repr(refused.value.errors).lower()


def check_as_if_it_led_here(server: str) -> None:
    """Check an address; a name as if it resolved to the loopback."""
    place = servers.check(server, NOTHING)
    servers.check_addresses([ip_address("127.0.0.1")], place.host, NOTHING)


@pytest.mark.parametrize(("server", "rule"), [*hostile.SERVERS.items()])
def test_a_server_inside_or_in_disguise_is_refused_by_its_rule(server, rule):
    with pytest.raises(DomainError) as refused:
        check_as_if_it_led_here(server)
    assert the_problems(refused.value) == {("/server", rule)}


@pytest.mark.parametrize(
    "server",
    [hostile.SERVER, "https://k8s.example.org", "https://k8s.example.org:6443/k8s/clusters/c-1",
     "https://[2606:2800:21f::1]:6443"],
)  # fmt: skip
def test_a_public_server_is_taken(server):
    assert servers.check(server, NOTHING).port in (443, 6443)


def test_a_listed_network_takes_its_addresses_but_never_the_link_or_the_metadata():
    assert servers.check("https://127.0.0.1:6443", LISTED).port == 6443
    servers.check_addresses([ip_address("10.1.2.3")], "it", LISTED)
    with pytest.raises(DomainError, match="no cluster is"):
        servers.check("https://169.254.169.254", LISTED)


def test_one_bad_address_among_good_ones_is_enough_to_refuse_a_name():
    good, bad = ip_address("93.184.215.14"), ip_address("192.168.0.1")
    servers.check_addresses([good], "it", NOTHING)
    with pytest.raises(DomainError, match="K8S4R_CLUSTER_ALLOWED_NETWORKS"):
        servers.check_addresses([good, bad], "it", NOTHING)


def take(template: object) -> None:
    read = conversion.convert(template, PodTemplate, at="/pod_template")
    templates.check(read, IMAGES, at="/pod_template")


@pytest.mark.parametrize("name", [*hostile.TEMPLATES])
def test_what_a_pod_template_may_not_say_is_refused_by_its_rule(name):
    at, rule, template = hostile.TEMPLATES[name]
    with pytest.raises(DomainError) as refused:
        take(template)
    assert (f"/pod_template{at}", rule) in the_problems(refused.value)
