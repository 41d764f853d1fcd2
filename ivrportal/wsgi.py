"""Django as a WSGI application, which `ivrportal.asgi` wraps. Importing it fails if the configuration is invalid."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ivrportal.settings")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

# After set-up, because it needs the app registry.
from ivrportal.checks import require_valid_configuration  # noqa: E402

require_valid_configuration()
