"""What would a K8s config do? Test its cluster; read, write and preview its pod template."""

from dataclasses import replace
from typing import Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.bodies import Nothing
from k8s4r import clock
from k8s4r.access.principals import Principal
from k8s4r.api.operations import Repeats, operation
from k8s4r.api.requests import principal_of
from k8s4r.api.views import View
from k8s4r.core import conversion
from k8s4r.core.roles import Permission
from pools import conf, selectors
from pools.api import config_answers, config_shapes, intake, reaching
from pools.api.bodies import Slug
from pools.core import manifests, templates
from pools.core.manifests import Ground, Identity
from pools.core.pods import PodMode
from pools.core.ports import ClusterRefused, ClusterUnreachable
from pools.core.templates import PodTemplate
from pools.models import K8sConfig
from pools.services import configs, shaping
from pools.services.shaping import ForPool

EXAMPLE = Identity(pod="00000000-0000-0000-0000-000000000000", name="k8s4r-example-000000000000")


class Previewed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST k8s-configs/{id}/pod-template/preview``: a template that is not kept, or the present.

    ``dry_run`` ``server``: the cluster says what it would do with the pod.
    """

    pod_template: PodTemplate | UnsetType = UNSET
    mode: Literal["slots", "task"] = "slots"
    pool: Slug = "example"
    dry_run: Literal["", "server"] = ""


class TestView(View):
    """``POST k8s-configs/{id}/test``."""

    @operation(
        needs=Permission.FLEET_WRITE,
        body=Nothing,
        answers={200: config_answers.Report},
        repeats=Repeats.IN_PARTS,
    )
    def post(self, request: Request, config_id: UUID) -> Response:
        """Look at the cluster now: reach, certificate, expiry, identity, each verb it needs."""
        conversion.convert(request.data, Nothing)
        now = clock.now()
        row = _writable(config_id, principal_of(request))
        return Response(config_shapes.report(reaching.test(row, now=now), at=now))


class PodTemplateView(View):
    """``GET PUT k8s-configs/{id}/pod-template``."""

    @operation(needs=Permission.FLEET_READ, answers={200: config_answers.PodTemplate})
    def get(self, request: Request, config_id: UUID) -> Response:
        """Show the pod template of a K8s config."""
        return Response(
            config_shapes.pod_template(selectors.config(config_id, principal_of(request)))
        )

    @operation(
        needs=Permission.FLEET_WRITE,
        body=intake.PodTemplateBody,
        answers={200: config_answers.PodTemplate},
    )
    def put(self, request: Request, config_id: UUID) -> Response:
        """Replace the pod template: running pods stay as they are, idle ones are replaced."""
        principal = principal_of(request)
        _writable(config_id, principal)
        columns = intake.template_of(request.data)
        row = configs.change(config_id, columns, principal=principal, now=clock.now())
        return Response(config_shapes.pod_template(row))


class PreviewView(View):
    """``POST k8s-configs/{id}/pod-template/preview``."""

    @operation(
        needs=Permission.FLEET_WRITE,
        body=Previewed,
        answers={200: config_answers.Preview},
        refuses=(ClusterUnreachable, ClusterRefused),
        repeats=Repeats.IN_PARTS,
    )
    def post(self, request: Request, config_id: UUID) -> Response:
        """Show the manifest that a pod would be made from."""
        body = conversion.convert(request.data, Previewed)
        row = _writable(config_id, principal_of(request))
        ground = _ground(row, body)
        refused = None
        if body.dry_run:
            refused = reaching.dry_run(row, manifests.manifest(ground, EXAMPLE))
        return Response(config_shapes.preview(ground, EXAMPLE, refused))


def _ground(row: K8sConfig, body: Previewed) -> Ground:
    pool = ForPool(
        id=EXAMPLE.pod, name=body.pool, project=row.project.name, mode=PodMode(body.mode)
    )
    ground = shaping.of_config(row, pool, platform=conf.platform())
    if not isinstance(body.pod_template, PodTemplate):
        return ground
    templates.check(body.pod_template, conf.images(), at="/pod_template")
    return replace(ground, template=body.pod_template)


def _writable(config_id: UUID, principal: Principal) -> K8sConfig:
    """Return a config whose cluster the caller may have called.

    Raises:
        NotFound: there is no such config for the caller.
        Forbidden: the caller may see the config, and no more.
    """
    row = selectors.config(config_id, principal)
    principal.require(Permission.FLEET_WRITE, row.project_id)
    return row
