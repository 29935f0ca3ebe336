"""The peer of single creates: a DRF view as the tutorial writes it, that inserts the same rows.

No authentication, no idempotency, no middleware but the one that says the length; a serializer, the
ORM, one transaction. The triggers of the database write the events on both sides.
"""

import os
from typing import Any, cast

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "k8s4r.settings")
django.setup(set_prefix=False)

from a2wsgi import WSGIMiddleware  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.db import transaction  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.parsers import JSONParser  # noqa: E402
from rest_framework.renderers import JSONRenderer  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from executors.models import Requirement, Task  # noqa: E402
from k8s4r import clock  # noqa: E402
from k8s4r.access.models import User  # noqa: E402
from k8s4r.asgi import DJANGO_THREADS  # noqa: E402
from pools.models import Pool  # noqa: E402


class TaskSerializer(serializers.ModelSerializer):  # type: ignore[type-arg]
    """The fields that the bench sends, and those that it reads."""

    class Meta:
        model = Task
        fields = ("id", "name", "driver", "spec", "labels", "state", "submitted_at", "priority")
        read_only_fields = ("id", "state", "submitted_at")


class CreateView(APIView):
    """Insert a requirement, if it is new, and a task."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = (JSONParser,)
    renderer_classes = (JSONRenderer,)

    def post(self, request: Request) -> Response:
        """Create one task."""
        asked = TaskSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        now = clock.now()
        with transaction.atomic():
            pool = Pool.objects.select_related("project").get(
                name="default", project__name="default"
            )
            requirement, _ = Requirement.objects.get_or_create(
                id="0" * 32,
                defaults={"pool": pool, "kind": "exec", "driver": asked.validated_data["driver"]},
            )
            task = asked.save(
                id=clock.new_id(),
                kind="exec",
                project=pool.project,
                pool=pool,
                owner=User.objects.get(username="bench"),
                requirement=requirement,
                sort_key=now.timestamp(),
                submitted_at=now,
                changed_at=now,
            )
        return Response(TaskSerializer(task).data, status=201)


settings.ROOT_URLCONF = __name__
settings.MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
urlpatterns = [
    path("api/v1/tasks", CreateView.as_view()),
    path("healthz", lambda request: HttpResponse(b"ok")),
]
application = WSGIMiddleware(cast("Any", WSGIHandler()), workers=DJANGO_THREADS)
