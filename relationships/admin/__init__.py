"""The screens: for account managers first. They read by queries and write by commands; nothing else.

The look and the menu are settings (`config.unfold`), rights are those of `accounts.screens`.
"""

from __future__ import annotations

from django.contrib import admin

from relationships.admin import advice, agenda, clients, log, operation, people, policies, webhooks

__all__ = ["advice", "agenda", "clients", "log", "operation", "people", "policies", "webhooks"]

admin.site.index_template = "relationships/home.html"
