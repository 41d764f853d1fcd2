"""Static files, and the storages of files."""

from pathlib import Path
from typing import Any

from ivrportal.settings.environment import BASE_DIR, DEMO, VAR_DIR, env
from ivrportal.settings.recordings import recording_storage

STATIC_URL = "/static/"
STATIC_ROOT = None if DEMO else Path(env.str("STATIC_ROOT", default=str(VAR_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "ivrportal" / "static"]
STORAGES: dict[str, Any] = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": VAR_DIR / "media"},
    },
    # The demo serves the source files, so that its first start needs no collectstatic.
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEMO
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
    "recordings": recording_storage,
}
WHITENOISE_USE_FINDERS = DEMO
WHITENOISE_AUTOREFRESH = False
