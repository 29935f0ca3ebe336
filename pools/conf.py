"""Which policies do the environment's settings make for clusters and pods?"""

from functools import cache

from django.conf import settings

from k8s4r.core.networks import Allowed, allowed_from
from pools.core.images import Images
from pools.core.manifests import Platform


def platform() -> Platform:
    """Return what pods need of us."""
    return Platform(
        url=settings.POD_URL, audience=settings.POD_AUDIENCE, image=settings.ENV.pod_image
    )


def images() -> Images:
    """Return which images pods may have."""
    listed = [entry.strip() for entry in settings.ENV.pod_images.split(",")]
    return Images(settings.ENV.pod_image, tuple(entry for entry in listed if entry))


def cluster_networks() -> Allowed:
    """Return where clusters may be besides the public internet."""
    return _allowed(settings.ENV.cluster_allowed_networks)


@cache
def _allowed(text: str) -> Allowed:
    return allowed_from(text)
