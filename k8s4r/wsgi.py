"""How does a WSGI server reach Django?"""

import os

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

from k8s4r.core.second_factor import Policy

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "k8s4r.settings")
if not settings.HAS_SECRET_KEY:
    raise ImproperlyConfigured(
        "set K8S4R_SECRET_KEY or K8S4R_SECRET_KEY_FILE, the same for every server process: "
        "sessions and the tokens of attempts are checked with it"
    )
if settings.SECOND_FACTOR in {Policy.REQUIRED, Policy.REQUIRED_FOR_ADMINS} and not (
    settings.ENCRYPTION_KEY
):
    raise ImproperlyConfigured(
        "K8S4R_SECOND_FACTOR requires second factors, and there is no key to keep their secrets "
        "with: set K8S4R_ENCRYPTION_KEY_FILE, or nobody could set one up"
    )
application = get_wsgi_application()
