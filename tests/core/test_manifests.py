"""What a pod of ours looks like: always restricted, nothing secret, ours by its labels."""

from dataclasses import replace

import pytest

from k8s4r.core import conversion
from pools.core import manifests, templates
from pools.core.images import Images
from pools.core.manifests import Ground, Identity, Platform
from pools.core.pods import PodMode
from pools.core.templates import PodTemplate

IMAGES = Images("localhost/k8s4r-agent:latest")
PLATFORM = Platform(url="https://k8s4r.example", audience="k8s4r.example", image=IMAGES.ours)
GROUND = Ground(
    config="c0ffee",
    namespace="work",
    pool="b0a710",
    pool_name="builders",
    project="default",
    mode=PodMode.SLOTS,
    platform=PLATFORM,
    template=PodTemplate(),
    service_account="k8s4r-agent",
)
ONE = Identity(pod="dead-beef", name="k8s4r-builders-1")


def a_template(**fields) -> PodTemplate:
    template = conversion.convert(fields, PodTemplate)
    templates.check(template, IMAGES, at="/pod_template")
    return template


def env_of(made) -> dict[str, str]:
    return {one["name"]: one["value"] for one in made["spec"]["containers"][0]["env"]}


def test_a_pod_is_restricted_as_the_pod_security_standard_says():
    spec = manifests.manifest(GROUND, ONE)["spec"]
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] >= 1000
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {*spec} <= {
        "restartPolicy", "serviceAccountName", "automountServiceAccountToken", "volumes",
        "enableServiceLinks", "terminationGracePeriodSeconds", "securityContext", "containers",
    }  # fmt: skip


def test_its_agent_proves_itself_by_one_token_that_is_good_for_us_alone():
    made = manifests.manifest(GROUND, ONE)
    assert made["spec"]["automountServiceAccountToken"] is False
    (token,) = [one["projected"] for one in made["spec"]["volumes"] if "projected" in one]
    (source,) = token["sources"]
    assert source["serviceAccountToken"]["audience"] == "k8s4r.example"
    said = env_of(made)
    assert said["K8S4R_AGENT_POD_TOKEN_FILE"] == "/var/run/secrets/k8s4r/token"
    assert said["K8S4R_AGENT_POD"] == "dead-beef"
    assert said["K8S4R_AGENT_K8S_CONFIG"] == "c0ffee"
    assert said["K8S4R_AGENT_SLOTS"] == "3"


def test_a_pod_for_one_task_ends_with_it_and_says_whose_it_is():
    ground = replace(GROUND, mode=PodMode.TASK)
    made = manifests.manifest(ground, replace(ONE, task="t-1", workspace="net"))
    assert made["spec"]["restartPolicy"] == "Never"
    assert env_of(made)["K8S4R_AGENT_SLOTS"] == "1"
    said = made["metadata"]["labels"]
    assert (said["app"], said["workspace-id"], said["task-id"]) == ("k8s4r", "net", "t-1")


def test_variables_are_filled_in_and_ours_cannot_be_said_by_a_template():
    template = a_template(
        env=[{"name": "K8S4R_ENV_WHERE", "value": "{{project}}/{{ pool }}/{{pod}}"}],
        labels={"k8s4r.io/team": "of-{{pool}}"},
    )
    made = manifests.manifest(replace(GROUND, template=template), ONE)
    assert env_of(made)["K8S4R_ENV_WHERE"] == "default/builders/dead-beef"
    assert made["metadata"]["labels"]["k8s4r.io/team"] == "of-builders"
    assert made["metadata"]["labels"]["k8s4r.io/pool"] == "b0a710"


def test_the_hash_is_the_same_for_every_pod_of_a_pool_and_another_after_a_change():
    said = manifests.template_hash(GROUND)
    assert said == manifests.template_hash(replace(GROUND))
    variable = a_template(env=[{"name": "K8S4R_ENV_POD", "value": "{{pod}}"}])
    assert said != manifests.template_hash(replace(GROUND, template=variable))
    assert said != manifests.template_hash(replace(GROUND, service_account="other"))
    assert said != manifests.template_hash(
        replace(GROUND, platform=replace(PLATFORM, url="https://elsewhere.example"))
    )


def test_the_budget_lets_no_busy_pod_of_the_pool_go():
    made = manifests.budget(GROUND)
    assert made["metadata"]["name"] == manifests.budget_name(GROUND.pool)
    assert isinstance(made["spec"]["minAvailable"], int)
    assert made["spec"]["selector"]["matchLabels"] == {
        "k8s4r.io/pool": "b0a710",
        "k8s4r.io/busy": "true",
    }


def test_a_pools_template_goes_over_the_configs():
    base = a_template(
        resources={"requests": {"cpu": "1"}},
        env=[{"name": "TZ", "value": "UTC"}, {"name": "LANG", "value": "C"}],
    )
    over = a_template(env=[{"name": "TZ", "value": "Asia/Tokyo"}], terminationGracePeriodSeconds=90)
    both = templates.laid_over(base, over)
    assert {one.name: one.value for one in both.env} == {"TZ": "Asia/Tokyo", "LANG": "C"}
    assert both.resources == base.resources
    assert both.termination_grace_period_seconds == 90
    assert templates.kept(templates.stored(both)) == both


@pytest.mark.parametrize(
    ("image", "listed", "taken"),
    [
        ("registry.example/team/agent@sha256:" + "0" * 64, (), True),
        ("registry.example/team/agent:1", (), False),
        ("registry.example/team/agent:1", ("registry.example/team",), True),
        ("registry.example/teamwork/agent:1", ("registry.example/team",), False),
        ("registry.example:5000/agent:1", ("registry.example:5000/",), True),
        ("elsewhere.example/agent@sha256:" + "0" * 64, ("registry.example",), False),
        ("localhost/k8s4r-agent:latest", ("registry.example",), True),
        ("Registry.example/Agent", (), False),
        ("registry.example/../agent", ("registry.example",), False),
        ("{{pool}}", ("{{pool}}",), False),
    ],
)
def test_images_are_named_by_digest_or_come_from_a_listed_place(image, listed, taken):
    assert (Images(IMAGES.ours, listed).objection(image) is None) is taken
