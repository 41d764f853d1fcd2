"""The portal's wiring: settings, addresses, the admin site, health. Nothing below imports it."""

from ivrportal.celery import app as celery_app

__all__ = ["celery_app"]
