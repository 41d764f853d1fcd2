"""The WSGI entry: refuses to serve with half a configuration."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ivrportal.settings")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

# After set-up: the checks need the applications.
from ivrportal.checks import require_complete  # noqa: E402

require_complete()

# The door is last, and outermost: a push reaches it whatever Django thinks of the request.
from calllogs.views import with_door  # noqa: E402

application = with_door(application)
