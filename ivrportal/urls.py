"""The portal's URLs."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from ivrportal.observability import health
from settings_sync.holidays import feed_views

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("", include("calllogs.urls")),
    path("admin/", admin.site.urls),
    path("language/", include("django.conf.urls.i18n")),
    path("calendar/<str:token>.ics", feed_views.calendar, name="holiday_calendar"),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
]

handler400 = "ivrportal.web.error_pages.bad_request"
handler403 = "ivrportal.web.error_pages.denied"
handler404 = "ivrportal.web.error_pages.not_found"
handler500 = "ivrportal.web.error_pages.server_error"
