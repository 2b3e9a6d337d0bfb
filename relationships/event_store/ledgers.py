"""Ledgers and streams: made once, locked by every append."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import connection, transaction

from relationships.domain.chain import GENESIS
from relationships.event_store.records import Head
from relationships.models.log import EARLIEST, Ledger, LedgerHead, Stream

# organisation → ledger. It is made once and stays; every request asks.
_known: dict[int, int] = {}


def ledger_of(organisation_id: int) -> int:
    """The ledger of an organisation. Raises Ledger.DoesNotExist when it has none yet."""
    ledger_id = _known.get(organisation_id)
    if ledger_id is None:
        ledger_id = Ledger.objects.values_list("pk", flat=True).get(organisation_id=organisation_id)
        _known[organisation_id] = ledger_id
    return ledger_id


def ensure_ledger(organisation_id: int) -> int:
    """The ledger of an organisation, made empty when there is none yet."""
    # The one that is known may have gone with a transaction that was rolled back.
    _known.pop(organisation_id, None)
    with transaction.atomic():
        ledger, _ = Ledger.objects.get_or_create(organisation_id=organisation_id)
        LedgerHead.objects.get_or_create(ledger=ledger, defaults={"chain_hash": GENESIS, "recorded_at": EARLIEST})
        open_stream(ledger.pk, ledger_stream(ledger.pk))
    return ledger.pk


def ledger_stream(ledger_id: int) -> str:
    """The ledger's own stream, for events of the organisation: the adoption of a policy, an import reverted."""
    return str(UUID(int=ledger_id))


def open_stream(ledger_id: int, stream_id: str) -> None:
    """Makes a stream, so that events can be appended to it; one that exists stays as it is."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO relationships_stream (id, ledger_id, version) VALUES (%s, %s, 0) ON CONFLICT DO NOTHING",
            [stream_id, ledger_id],
        )


def open_streams(ledger_id: int, stream_ids: Iterable[str]) -> None:
    """The same for many at once."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO relationships_stream (id, ledger_id, version)
            SELECT id, %s, 0 FROM unnest(%s::uuid[]) AS id ORDER BY id ON CONFLICT DO NOTHING
            """,
            [ledger_id, list(stream_ids)],
        )


def lock_streams(ledger_id: int, stream_ids: Iterable[str]) -> dict[str, int]:
    """Locks streams until the transaction ends and returns their versions; unknown ones are left out.

    In id order, whatever order they are given in: everybody who locks several does it so, and nobody waits in a ring.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id::text, version FROM relationships_stream
             WHERE ledger_id = %s AND id = ANY(%s::uuid[]) ORDER BY id FOR UPDATE
            """,
            [ledger_id, list(stream_ids)],
        )
        return dict(cursor.fetchall())


def head(ledger_id: int) -> Head:
    """Where the ledger ends now. Raises LedgerHead.DoesNotExist for an unknown ledger."""
    with connection.cursor() as cursor:
        cursor.execute(_HEAD, [ledger_id])
        found = cursor.fetchone()
    if found is None:
        raise LedgerHead.DoesNotExist(f"there is no ledger {ledger_id}")
    position, chain_hash, recorded_at, epoch = found
    return Head(position, bytes(chain_hash), recorded_at, epoch)


_HEAD = f"""
SELECT head.position, head.chain_hash, head.recorded_at, ledger.epoch
  FROM "{LedgerHead._meta.db_table}" head JOIN "{Ledger._meta.db_table}" ledger ON ledger.id = head.ledger_id
 WHERE head.ledger_id = %s
"""


def versions(ledger_id: int, stream_ids: Iterable[str]) -> dict[str, int]:
    """The versions of streams, unlocked."""
    found = Stream.objects.filter(ledger_id=ledger_id, pk__in=list(stream_ids)).values_list("pk", "version")
    return {str(stream): version for stream, version in found}
