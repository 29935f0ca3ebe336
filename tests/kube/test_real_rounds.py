"""The product's own way to a cluster: a config in the database, and the task that works on it."""

import pytest

from executors import tasks
from executors.clusters import opening
from k8s4r import clock
from k8s4r.access.principals import Principal, PrincipalKind
from pools.core.access import Credential
from pools.models import Pod, Reach
from pools.services import configs
from tests.builders import a_pod, a_pod_pool, a_project, an_admin
from tests.factors import ENCRYPTION_KEY


def _person() -> Principal:
    user = an_admin()
    return Principal(kind=PrincipalKind.PERSON, id=user.pk, token_id=user.pk, name="alice")


@pytest.mark.django_db
def test_a_worker_reaches_a_cluster_by_what_its_config_says(namespace, settings):
    settings.ENCRYPTION_KEY = ENCRYPTION_KEY
    settings.ENV = settings.ENV.model_copy(update={"cluster_allowed_networks": "127.0.0.0/8"})
    told = namespace.access()
    columns = {
        "name": "here",
        "server": told.server,
        "ca_data": told.ca_pem,
        "namespace": told.namespace,
        "service_account_name": "k8s4r-agent",
    }
    config = configs.create(
        columns,
        Credential(token=told.token),
        project=a_project(),
        principal=_person(),
        now=clock.now(),
    )
    pod = a_pod(a_pod_pool(k8s_config=config), now=clock.now())
    tasks.reconcile_cluster(str(config.pk))
    reach = Reach.objects.get(pk=config.pk)
    assert (Pod.objects.get(pk=pod.pk).state, reach.last_error) == ("starting", "")
    assert (reach.healthy, bool(reach.cluster_uid)) == (True, True)
    assert namespace.pod(pod.name)["metadata"]["labels"]["k8s4r.io/pod"] == str(pod.pk)
    opening.means().clusters.forget(config.pk)
