"""The project package: settings, URLs, admin site, accounts, audit log, observability and development server."""

from ivrportal.celery import app as celery_app

__all__ = ["celery_app"]
