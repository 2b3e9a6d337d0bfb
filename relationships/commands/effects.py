"""What some events change in the roster's rows: the tier of a client, and who has left it."""

from __future__ import annotations

from relationships.domain.facts import CORRECTED, RETRACTED, Fact, effective
from relationships.domain.instants import from_us, to_us
from relationships.domain.policy import DEFAULT_TIER
from relationships.models.log import Event
from relationships.models.roster import Client, Contact

# Types after which the rows are read anew from the log. A correction may concern any of the others.
EFFECTIVE = frozenset({"tier_changed", "contact_left", CORRECTED, RETRACTED})
_NAMING_TIER = ("client_registered", "client_updated", "tier_changed")
_READ = EFFECTIVE.union(_NAMING_TIER)


def take_effect(ledger_id: int, client_id: str) -> None:
    """Puts into the client's rows what its effective events say now; call it in the transaction of the append."""
    # Of these types alone: the ledger is locked by now.
    events = Event.objects.filter(ledger_id=ledger_id, stream_id=client_id, type__in=_READ)
    facts = effective(
        Fact(
            str(event.pk),
            event.version,
            event.type,
            to_us(event.occurred_at),
            event.source,
            event.external_id,
            event.data,
        )
        for event in events
    )
    tiers = [fact.data["tier"] for fact in facts if fact.type in _NAMING_TIER and fact.data.get("tier")]
    tier = tiers[-1] if tiers else DEFAULT_TIER
    Client.objects.filter(ledger_id=ledger_id, pk=client_id).exclude(tier=tier).update(tier=tier)
    left = {fact.data["contact_id"]: from_us(fact.at) for fact in facts if fact.type == "contact_left"}
    contacts = Contact.objects.filter(ledger_id=ledger_id, client_id=client_id)
    contacts.exclude(pk__in=left).filter(left_at__isnull=False).update(left_at=None)
    for contact_id, left_at in left.items():
        contacts.filter(pk=contact_id).exclude(left_at=left_at).update(left_at=left_at)
