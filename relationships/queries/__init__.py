"""Every read that the outside needs; changes nothing.

Each takes the principal first and answers frozen values (`rows`). What a principal may not see does not exist:
`NotFound`. A question that makes no sense is `Invalid`.
"""

from __future__ import annotations

from .actions import action, actions, client_actions, for_person, put_off, rule_figures
from .agenda import meetings, questions
from .answering import question_statistics
from .clients import client, clients
from .dossier import dossier
from .errors import Invalid, NotFound
from .events import StaleCursor, appended, client_events, event, events_by_id, feed, head
from .knowing import balance, handovers, leaving, ties
from .latest import Logged, latest
from .persons import PersonRecord, person
from .policies import adoption, adoption_under_way, evidence, latest_preview, policies, policy, preview
from .portfolio import falling, movements, pipeline, quarantined, revisions, timelines
from .portfolio_gaps import all_gaps
from .roster import contact, contacts, people
from .rows import *  # noqa: F403
from .standing import gaps, stage, strength, timeline

__all__ = [
    "Invalid",
    "Logged",
    "NotFound",
    "PersonRecord",
    "StaleCursor",
    "action",
    "actions",
    "adoption",
    "adoption_under_way",
    "all_gaps",
    "appended",
    "balance",
    "client",
    "client_actions",
    "client_events",
    "clients",
    "contact",
    "contacts",
    "dossier",
    "event",
    "events_by_id",
    "evidence",
    "falling",
    "feed",
    "for_person",
    "gaps",
    "handovers",
    "head",
    "latest",
    "latest_preview",
    "leaving",
    "meetings",
    "movements",
    "people",
    "person",
    "pipeline",
    "policies",
    "policy",
    "preview",
    "put_off",
    "quarantined",
    "question_statistics",
    "questions",
    "revisions",
    "rule_figures",
    "stage",
    "strength",
    "ties",
    "timeline",
    "timelines",
]
