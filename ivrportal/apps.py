"""The portal's two applications: its own room, and Django's admin with our site in it."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class PortalAdminConfig(AdminConfig):
    default_site = "ivrportal.site.PortalSite"


class PortalConfig(AppConfig):
    name = "ivrportal"
    verbose_name = "Portal"

    def ready(self) -> None:
        from ivrportal import checks, logging  # noqa: F401  (registers them)

        logging.catch_the_rest()
