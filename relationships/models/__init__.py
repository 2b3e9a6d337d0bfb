"""Tables, a module per subject. Import the models from their module; this only makes Django know them all."""

from relationships.models import (
    capture,
    integrations,
    log,
    policies,
    projections,
    reports,
    roster,
    suggestions,
    webhooks,
)

__all__ = [
    "capture",
    "integrations",
    "log",
    "policies",
    "projections",
    "reports",
    "roster",
    "suggestions",
    "webhooks",
]
