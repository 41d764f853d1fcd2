"""The portal's pages as a WSGI application; refuses to serve with half a configuration. `ivrportal.asgi` is served."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ivrportal.settings")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

# After set-up, because it needs the applications.
from ivrportal.checks import require_complete  # noqa: E402

require_complete()
