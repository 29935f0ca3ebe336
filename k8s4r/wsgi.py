"""How does a WSGI server reach Django?"""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "k8s4r.settings")
application = get_wsgi_application()
