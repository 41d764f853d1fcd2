"""The ASGI application: the push endpoint, and Django behind it."""

import gc

from ivrportal.wsgi import application as _wsgi_application  # first: it sets up Django

# isort: split
from calllogs.intake.endpoint import push_endpoint_middleware
from ivrportal.celery import prepare_to_publish
from ivrportal.web.wsgi_adapter import wsgi_to_asgi

REQUEST_THREADS = 16  # per process

prepare_to_publish()

# The push endpoint is outermost, so that Django's own request checks cannot reject a push.
application = push_endpoint_middleware(wsgi_to_asgi(_wsgi_application, REQUEST_THREADS))

# All modules are loaded and stay loaded. Freezing them keeps the garbage collector from scanning them during pushes.
gc.collect()
gc.freeze()
