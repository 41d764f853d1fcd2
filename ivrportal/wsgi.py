"""The WSGI entry: refuses to serve with half a configuration."""

import gc
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ivrportal.settings")

from django.core.wsgi import get_wsgi_application

_portal = get_wsgi_application()

# After set-up, because both need the applications.
from calllogs.views import with_door  # noqa: E402
from ivrportal.celery import prepare_to_publish  # noqa: E402
from ivrportal.checks import require_complete  # noqa: E402

require_complete()
prepare_to_publish()

# The provider's door is outermost: a push reaches it whatever Django thinks of the request.
application = with_door(_portal)

# What is loaded by now stays for good: the collector need not look through it again and again, beside the pushes.
gc.collect()
gc.freeze()
