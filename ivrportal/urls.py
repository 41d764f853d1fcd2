"""The portal's addresses, as the contract lists them."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from ivrportal import health

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("", include("calllogs.urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
]
