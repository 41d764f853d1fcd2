"""The admin theme (django-unfold)."""

from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

UNFOLD = {
    "SITE_TITLE": "IVR Portal",
    "SITE_HEADER": "IVR Portal",
    "SITE_SYMBOL": "support_agent",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _: static("portal/favicon.svg")}
    ],
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "ACCOUNT": {"navigation": [{"title": _("Your account"), "link": reverse_lazy("admin:account")}]},
    "STYLES": [lambda _: static("portal/colors.css"), lambda _: static("portal/portal.css")],
    "SIDEBAR": {"navigation": "ivrportal.navigation.navigation"},
    "COLORS": {
        "primary": {
            "50": "#eef7f6", "100": "#d5ebe9", "200": "#aed9d5", "300": "#7dbfba", "400": "#4a9f9a",
            "500": "#2f837f", "600": "#246a68", "700": "#205655", "800": "#1d4645", "900": "#1b3b3a",
            "950": "#0a2222",
        },
    },
}  # fmt: skip
