"""Addresses: the API, health and documents from `relationships.api`, people under ``/admin/``."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("", include("relationships.api.urls")),
    path("admin/", admin.site.urls),
]
