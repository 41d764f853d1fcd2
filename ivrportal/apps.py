"""The portal's two applications: its own room, and Django's admin with our site in it."""

from typing import Any

from django.apps import AppConfig, apps
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy


class PortalAdminConfig(AdminConfig):
    default_site = "ivrportal.site.PortalSite"


class PortalConfig(AppConfig):
    name = "ivrportal"
    verbose_name = "Portal"

    def ready(self) -> None:
        from ivrportal import (
            accounts,
            checks,  # noqa: F401  (checks register themselves)
        )
        from ivrportal.accounts import audit_signals
        from ivrportal.observability import logging

        # As in the navigation; Django's own word is for engineers.
        apps.get_app_config("auth").verbose_name = gettext_lazy("People")
        logging.catch_the_rest()
        audit_signals.connect()
        accounts.begin_listening()
        post_migrate.connect(_keep_roles, dispatch_uid="ivrportal.accounts.roles")


def _keep_roles(app_config: AppConfig, **told: Any) -> None:
    """Django tells each application that the tables are in step; only after the last one every permission is made."""
    from ivrportal.accounts import roles

    with_models = [config for config in apps.get_app_configs() if config.models_module is not None]
    known = told.get("apps", apps)  # as the migrations have left them: perhaps without roles, on the way back
    if app_config == with_models[-1] and "permission" in known.all_models["auth"]:
        roles.sync_groups()
