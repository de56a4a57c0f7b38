from django.contrib import admin
from django.urls import include, path

from . import health

urlpatterns = [
    path("", include("chat.urls")),
    path("accounts/", include("websockets_channels.accounts")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
]
