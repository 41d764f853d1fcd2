"""Celery and its broker, Redis."""

from ivrportal.settings.environment import DEMO, VAR_DIR, secret_or_file

_broker_file = VAR_DIR / "broker" / "url"  # written by ivrportal.devserver.embedded_broker
REDIS_URL = secret_or_file("REDIS_URL")
if not REDIS_URL and DEMO:
    REDIS_URL = _broker_file.read_text().strip() if _broker_file.exists() else "redis://127.0.0.1:6379/0"
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 0}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A publish takes half a second at most, whatever state the broker is in: a save must respond at once.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 0.5,
    "socket_connect_timeout": 0.5,
    "max_retries": 0,
    "retry_policy": {"max_retries": 0},
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SOFT_TIME_LIMIT = 12
CELERY_TASK_TIME_LIMIT = 15
CELERY_TIMEZONE = "UTC"
