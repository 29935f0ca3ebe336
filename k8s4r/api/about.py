"""Which server is this, what does it stand on, and who is asking? For `k8s4r doctor`."""

import platform
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework.request import Request
from rest_framework.response import Response

from k8s4r import database
from k8s4r.access.models import Project
from k8s4r.access.principals import Principal
from k8s4r.api import answers
from k8s4r.api.operations import operation
from k8s4r.api.requests import principal_of
from k8s4r.api.views import View

PATIENCE_S: Final = 0.5


class AboutView(View):
    """``GET about``: versions are for people who are known, not for everybody."""

    # What is known of backups and restores: of the apps above.
    keeping: Callable[[], Mapping[str, Any]] = dict

    @operation(
        needs=None,
        answers={200: answers.About},
    )
    def get(self, request: Request) -> Response:
        """Tell versions, ``null`` for what is away, the last backup, and what the caller may do."""
        principal = principal_of(request)
        return Response(
            {
                "version": own_version(),
                "python": platform.python_version(),
                "database": _database_version(),
                "redis": _redis_version(),
                "user": principal.name,
                "permissions": _permissions(principal),
                **self.keeping(),
            }
        )


def _permissions(principal: Principal) -> dict[str, list[str]]:
    """Return what is allowed by the name of the project; ``*`` stands for every one."""
    rights = principal.rights
    found: dict[str, list[str]] = {}
    if rights.everywhere:
        found["*"] = [*sorted(rights.everywhere)]
    names = Project.objects.in_bulk(list(rights.in_projects))
    return found | {
        names[project_id].name: [*sorted(own)]
        for project_id, own in rights.in_projects.items()
        if project_id in names
    }


def own_version() -> str:
    """Return the version of this server."""
    try:
        return version("k8s4r")
    except PackageNotFoundError:
        return "0"


def _database_version() -> str:
    ((said,),) = database.rows("SHOW server_version")
    return f"PostgreSQL {str(said).split()[0]}"


def _redis_version() -> str | None:
    client = redis.Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=PATIENCE_S,
        socket_timeout=PATIENCE_S,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        return f"Redis {client.info('server')['redis_version']}"
    except redis.RedisError:
        return None
    finally:
        client.close()
