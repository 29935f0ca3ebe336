"""What a K8s config may become is judged on its locked row, whatever a request was read against."""

import pytest

from k8s4r.access.principals import Principal, PrincipalKind
from k8s4r.core.errors import Invalid
from k8s4r.core.roles import EVERYTHING
from pools.models import K8sConfig
from pools.services import configs
from tests.builders import a_k8s_config, an_admin, seconds

pytestmark = pytest.mark.django_db


def test_a_credential_is_not_sent_to_a_server_that_its_config_has_left_meanwhile(now):
    config, user = a_k8s_config(), an_admin()
    person = Principal(kind=PrincipalKind.PERSON, id=user.pk, token_id=user.pk, rights=EVERYTHING)
    # A request to stay where it was, read before somebody moved it and gave another credential.
    asked = {"server": config.server}
    K8sConfig.objects.filter(pk=config.pk).update(server="https://elsewhere.example:6443")
    with pytest.raises(Invalid) as refused:
        configs.change(config.pk, asked, principal=person, now=now + seconds(1))
    assert [one.rule for one in refused.value.errors] == ["credential_needed"]
    assert K8sConfig.objects.get(pk=config.pk).server == "https://elsewhere.example:6443"
