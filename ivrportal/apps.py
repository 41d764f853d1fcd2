"""App configurations: the portal's own app, and Django's admin with our admin site."""

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

        # The same label as in the navigation; Django's is technical.
        apps.get_app_config("auth").verbose_name = gettext_lazy("People")
        logging.log_uncaught_exceptions()
        audit_signals.connect()
        accounts.connect_signals()
        post_migrate.connect(_sync_roles_after_migrate, dispatch_uid="ivrportal.accounts.roles")


def _sync_roles_after_migrate(app_config: AppConfig, **kwargs: Any) -> None:
    """Runs for the last app only: Django sends post_migrate for each app, and each creates its own permissions."""
    from ivrportal.accounts import roles

    with_models = [config for config in apps.get_app_configs() if config.models_module is not None]
    known = kwargs.get(
        "apps", apps
    )  # the migrated state, which may have no auth tables after migrating backwards
    if app_config == with_models[-1] and "permission" in known.all_models["auth"]:
        roles.sync_groups()
