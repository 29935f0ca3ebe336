"""What did a person write into the form that connects a cluster, and what is wrong with it?"""

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest

from k8s4r.access import selectors as access
from k8s4r.access.models import Project
from k8s4r.access.pages import may, principal_of
from k8s4r.api import places
from k8s4r.core import conversion
from k8s4r.core.errors import DomainError
from k8s4r.core.roles import Permission
from k8s4r.pages import now_of
from pools.api import intake
from pools.api.intake import NewConfig
from pools.models import K8sConfig
from pools.services import configs

FIELDS: Final = (
    "name", "project", "kubeconfig", "server", "ca_data", "token", "namespace",
    "service_account_name",
)  # fmt: skip
# They are not written into a page again.
_SECRETS: Final = ("kubeconfig", "token")
_MOST_CHARACTERS: Final = 131_072


def projects(request: HttpRequest) -> list[Project]:
    """Return the projects in which this person may connect clusters."""
    rows = access.projects(principal_of(request)).order_by("name")[:1000]
    return [row for row in rows if may(request, Permission.FLEET_WRITE, row.pk)]


def said(request: HttpRequest) -> dict[str, str]:
    """Return what was written, by field; empty fields are left out."""
    texts = {name: request.POST.get(name, "").strip()[:_MOST_CHARACTERS] for name in FIELDS}
    return {name: text for name, text in texts.items() if text}


def repeated(written: Mapping[str, str]) -> dict[str, str]:
    """Return what may stand in the form again."""
    return {name: text for name, text in written.items() if name not in _SECRETS}


def connect(written: Mapping[str, Any], request: HttpRequest) -> K8sConfig:
    """Make the config, as the API would.

    Raises:
        DomainError: names each field that is not taken.
    """
    body = conversion.convert(dict(written), NewConfig)
    principal = principal_of(request)
    project = places.project_named(body.project, principal, Permission.FLEET_WRITE)
    columns, credential = intake.given(body)
    assert credential is not None, "a new config has one"
    return configs.create(
        columns, credential, project=project, principal=principal, now=now_of(request)
    )


def problems(error: DomainError) -> list[str]:
    """Return what is wrong, a sentence each; fields go by their names in the form."""
    found = [f"{one.pointer.strip('/').replace('/', ' > ')}: {one.detail}" for one in error.errors]
    return found or [error.message]
