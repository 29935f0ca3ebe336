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
from rest_framework.views import APIView

from k8s4r import database
from k8s4r.api.permissions import IsPerson
from k8s4r.api.requests import principal_of

PATIENCE_S: Final = 0.5


class AboutView(APIView):
    """``GET about``: versions are for people who are known, not for everybody."""

    permission_classes = (IsPerson,)
    # What is known of backups and restores: of the apps above.
    keeping: Callable[[], Mapping[str, Any]] = dict

    def get(self, request: Request) -> Response:
        """Tell versions, ``null`` for what is away, the caller's name, and the last backup."""
        return Response(
            {
                "version": _own_version(),
                "python": platform.python_version(),
                "database": _database_version(),
                "redis": _redis_version(),
                "user": principal_of(request).name,
                **self.keeping(),
            }
        )


def _own_version() -> str:
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
