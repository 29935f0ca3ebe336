"""How does a WSGI server reach Django?"""

import os

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "k8s4r.settings")
if not settings.HAS_SECRET_KEY:
    raise ImproperlyConfigured(
        "set K8S4R_SECRET_KEY or K8S4R_SECRET_KEY_FILE, the same for every server process: "
        "sessions and the tokens of attempts are checked with it"
    )
application = get_wsgi_application()
