"""What the web server serves: the provider's door, and the portal's pages behind it."""

import gc

from ivrportal.wsgi import application as _pages  # first: it sets Django up

# isort: split
from calllogs.intake.endpoint import push_endpoint_middleware
from ivrportal.celery import prepare_to_publish
from ivrportal.web.wsgi_adapter import wsgi_to_asgi

PAGES_AT_ONCE = 16  # in each process

prepare_to_publish()

# The provider's door is outermost: a push reaches it whatever Django thinks of the request.
application = push_endpoint_middleware(wsgi_to_asgi(_pages, PAGES_AT_ONCE))

# What is loaded by now stays for good: the collector need not look through it again and again, beside the pushes.
gc.collect()
gc.freeze()
