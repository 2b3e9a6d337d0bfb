"""Which event a correction or retraction takes the place of: the latest of its fact's lineage, so that none forks."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from relationships.domain.facts import RETRACTED
from relationships.event_store.reading import events
from relationships.event_store.records import Conflict, EventUnknown, Recorded
from relationships.event_store.stating import Stated

_LINES = """
WITH RECURSIVE line (named, event_id, stream_id, type) AS (
    SELECT e.event_id, e.event_id, e.stream_id, e.type FROM relationships_event e
     WHERE e.ledger_id = %(ledger)s AND e.event_id = ANY(%(named)s::uuid[])
    UNION ALL
    SELECT line.named, e.event_id, e.stream_id, e.type
      FROM line JOIN relationships_event e ON e.ledger_id = %(ledger)s AND e.supersedes = line.event_id
)
SELECT named::text, event_id::text, stream_id::text, type FROM line
"""


class Lineage:
    """The lineages that some amendments belong to. Read, and valid, while their streams are locked."""

    def __init__(self, ledger_id: int, amendments: Sequence[Stated]) -> None:
        self._ledger_id = ledger_id
        self._next: dict[str, str] = {}
        self._stream: dict[str, str] = {}
        # Retractions by id; those in the database are read when they are needed.
        self._final: dict[str, Recorded | None] = {}
        named = list({_named(one) for one in amendments})
        if not named:
            return
        with connection.cursor() as cursor:
            cursor.execute(_LINES, {"ledger": ledger_id, "named": named})
            lines: dict[str, str] = {}
            for root, event_id, stream_id, type in cursor.fetchall():
                if root in lines:
                    self._next[lines[root]] = event_id
                lines[root] = event_id
                self._stream[event_id] = stream_id
                if type == RETRACTED:
                    self._final[event_id] = None

    def superseded_by(self, amendment: Stated) -> str:
        """The id of the event that it takes the place of.

        Raises EventUnknown when what it names is not in its stream, Conflict when the fact was retracted.
        """
        latest = _named(amendment)
        if self._stream.get(latest) != amendment.stream_id:
            raise EventUnknown(latest)
        while latest in self._next:
            latest = self._next[latest]
        if latest in self._final:
            raise Conflict(self._retraction(latest), ["data/event_id"])
        return latest

    def note(self, amendment: Recorded) -> None:
        """Takes in an amendment of the same batch that is recorded now."""
        assert amendment.supersedes is not None
        self._next[amendment.supersedes] = amendment.event_id
        self._stream[amendment.event_id] = amendment.stream_id
        if amendment.type == RETRACTED:
            self._final[amendment.event_id] = amendment

    def _retraction(self, event_id: str) -> Recorded:
        return self._final[event_id] or events(self._ledger_id, [event_id])[event_id]


def _named(amendment: Stated) -> str:
    return str(amendment.data["event_id"])
