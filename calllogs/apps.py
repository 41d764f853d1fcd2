from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CallLogsConfig(AppConfig):
    name = "calllogs"
    verbose_name = _("Calls")

    def ready(self) -> None:
        from calllogs import checks  # noqa: F401  (registers the checks)
