"""How the admin looks and what stands in its menu: the settings of django-unfold.

Screens and rights are those of `relationships.admin` and `accounts.admin`; they are named here, never imported.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy

_RIGHTS = "accounts.screens"


def _style(request: HttpRequest) -> str:
    return static("relationships/admin.css")


def _favicon(request: HttpRequest) -> str:
    return static("relationships/favicon.svg")


def _item(title: str, icon: str, name: str, right: str = "signed_in", **more: Any) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{name}"),
        "permission": f"{_RIGHTS}.{right}",
        **more,
    }


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Relationships",
    "SITE_HEADER": "Relationships",
    "SITE_SYMBOL": "handshake",
    "SITE_URL": None,
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "STYLES": [_style],
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _favicon}],
    "DASHBOARD_CALLBACK": "relationships.admin.home.fill",
    "COMMAND": {"search_callback": "relationships.admin.clients.find"},
    # A calm petrol; 600 carries white text, 500 is read on dark ground.
    "COLORS": {
        "primary": {
            "50": "oklch(97.5% .012 225)",
            "100": "oklch(94.5% .025 225)",
            "200": "oklch(89% .045 225)",
            "300": "oklch(82% .07 225)",
            "400": "oklch(74% .095 225)",
            "500": "oklch(66% .105 225)",
            "600": "oklch(47% .09 230)",
            "700": "oklch(41% .08 230)",
            "800": "oklch(35% .065 230)",
            "900": "oklch(30% .05 230)",
            "950": "oklch(22% .04 230)",
        },
    },
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "show_all_applications": False,
        "navigation": [
            {
                "items": [
                    _item("Home", "home", "index"),
                    _item("Clients", "apartment", "relationships_client_changelist"),
                    _item("Meetings", "event", "relationships_meeting_changelist"),
                    _item("Questions", "contact_support", "relationships_question_changelist"),
                    _item("Suggestions", "tips_and_updates", "relationships_suggestion_changelist"),
                ],
            },
            {
                "title": "The log",
                "items": [
                    _item("Events", "receipt_long", "relationships_event_changelist", "sees_everything"),
                    _item("Quarantine", "healing", "relationships_quarantine_changelist", "sees_everything"),
                    _item("Imports", "upload_file", "relationships_importrun_changelist", "sees_everything"),
                ],
            },
            {
                "title": "The rules",
                "items": [_item("Policies", "gavel", "relationships_policyversion_changelist", "sets_policies")],
            },
            {
                "title": "Who may come in",
                "items": [
                    _item("People", "group", "accounts_user_changelist", "lets_people_in"),
                    _item("Teams", "groups", "accounts_team_changelist", "lets_people_in"),
                    _item("API keys", "key", "accounts_apikey_changelist", "lets_people_in"),
                    _item("Webhooks", "webhook", "relationships_webhookendpoint_changelist", "tells_others"),
                    _item("Security log", "policy", "accounts_securityentry_changelist", "sees_everything"),
                ],
            },
            {
                "title": "Operation",
                "items": [
                    _item("Scheduled jobs", "schedule", "django_q_schedule_changelist", "operates"),
                    _item("Failed jobs", "error", "django_q_failure_changelist", "operates"),
                    _item("Refused sign-ins", "gpp_maybe", "axes_accessattempt_changelist", "operates"),
                ],
            },
        ],
    },
}
