"""What operators of the installation look at: jobs and refused sign-ins, in the theme's dress and read-only."""

from __future__ import annotations

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.admin import ModelAdmin

from accounts.screens import ReadOnly, operates

for model in (AccessAttempt, AccessFailureLog, AccessLog, Failure, OrmQ, Schedule, Success):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


class Operation(ReadOnly, ModelAdmin):
    """For superusers."""

    open_to = staticmethod(operates)


@admin.register(Schedule)
class ScheduleAdmin(Operation):
    list_display = ("name", "func", "next_run", "repeats", "schedule_type")


@admin.register(Failure)
class FailureAdmin(Operation):
    list_display = ("name", "func", "started", "stopped", "attempt_count")
    ordering = ("-stopped",)


@admin.register(AccessAttempt)
class AccessAttemptAdmin(Operation):
    list_display = ("attempt_time", "username", "ip_address", "failures_since_start")
    ordering = ("-attempt_time",)
    fields = list_display
