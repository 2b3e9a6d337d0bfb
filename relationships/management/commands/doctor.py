"""Says of every part whether it is well."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from relationships.management.findings import all_findings


class Command(BaseCommand):
    help = "One line for each part of the installation; exit 1 if one is bad."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        findings = []
        for finding in all_findings(now=timezone.now()):
            self.stdout.write(str(finding))
            findings.append(finding)
        if not all(finding.ok for finding in findings):
            raise SystemExit(1)
