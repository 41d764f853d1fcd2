from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SettingsSyncConfig(AppConfig):
    name = "settings_sync"
    verbose_name = _("Office")

    def ready(self) -> None:
        from settings_sync import checks  # noqa: F401  (registers the checks)
