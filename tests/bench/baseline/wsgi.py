"""The WSGI entry point of a baseline: Django's own handler."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.bench.baseline.settings")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
