"""Recordings: fetching, caching and archiving. The archive's storage is `STORAGES["recordings"]`."""

from typing import Any

from ivrportal.settings.environment import DEMO, VAR_DIR, env, secret_or_file

# Private networks that recordings may be fetched from; the demo's provider runs on this machine.
RECORDING_ALLOWED_NETWORKS = env.list(
    "RECORDING_ALLOWED_NETWORKS", default=["127.0.0.0/8", "::1/128"] if DEMO else []
)
RECORDING_DEADLINE_S = env.float("RECORDING_DEADLINE_S", default=20.0)
RECORDING_MAX_MB = env.int("RECORDING_MAX_MB", default=100)
RECORDING_CACHE_MB = env.int("RECORDING_CACHE_MB", default=500)
RECORDING_STORAGE = env.str("RECORDING_STORAGE", default="")
RECORDING_RETENTION_DAYS = env.int("RECORDING_RETENTION_DAYS", default=90)
RECORDING_S3_BUCKET = env.str("RECORDING_S3_BUCKET", default="")

recording_storage: dict[str, Any]
if RECORDING_STORAGE == "s3":
    recording_storage = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": RECORDING_S3_BUCKET,
            "region_name": env.str("RECORDING_S3_REGION", default="") or None,
            "endpoint_url": env.str("RECORDING_S3_ENDPOINT", default="") or None,
            "access_key": secret_or_file("RECORDING_S3_ACCESS_KEY") or None,
            "secret_key": secret_or_file("RECORDING_S3_SECRET_KEY") or None,
            "location": env.str("RECORDING_S3_FOLDER", default="recordings"),
            "default_acl": "private",
            "file_overwrite": True,
        },
    }
else:
    # Also while archiving is off: files archived earlier are still played, and deleted when their time is over.
    recording_storage = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": VAR_DIR / "recordings",
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    }
