from __future__ import annotations

from django.apps import AppConfig


class RelationshipsConfig(AppConfig):
    name = "relationships"
    verbose_name = "Relationships"
    default_auto_field = "django.db.models.BigAutoField"
