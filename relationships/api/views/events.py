"""Events: a client's, the whole log as a feed, one, many at once. They are added and never changed: GET and POST."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import StreamingHttpResponse
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import security
from relationships import commands, queries
from relationships.domain import events as vocabulary
from relationships.domain.ids import bound_to
from relationships.queries.changes import seen
from relationships.queries.events import SORTS
from relationships.queries.rows import EventRow, Feed, RedactedRow
from relationships.queries.scope import MOST

from .. import parameters, requests
from ..bulk import ATOMIC, RESULTS, Item, items_of, refuse, result
from ..cloudevents import CLOUD_EVENTS, EXAMPLE, cloud_event
from ..conditions import etag, expected_version
from ..idempotency import resumable
from ..operations import CLOUDEVENTS, NDJSON, Body, Reply, answer, operation, page_of
from ..parameters import LIMIT, PAGE, SINCE, UNTIL, Parameter, choice, word
from ..parsers import BulkJsonParser, NdjsonParser
from ..renderers import CloudEventsRenderer, JsonRenderer, NdjsonRenderer, to_json
from ..resource import Resource, link_header
from ..serializers.events import EventSerializer, HeadSerializer, RedactedEventSerializer

_FILTERS = (
    Parameter("type", "Of this type only.", *choice(tuple(vocabulary.EVENT_TYPES)), example="meeting_held"),
    SINCE,
    UNTIL,
    Parameter("direction", "This way only.", *choice(vocabulary.DIRECTIONS)),
    Parameter("channel", "By this channel only.", *choice(vocabulary.CHANNELS)),
    parameters.sort(SORTS, "-version"),
    *PAGE,
)


class ClientEvents(Resource):
    @operation(
        "list_client_events",
        "The events of a client",
        tag="events",
        scope="events:read",
        description="Newest first unless `sort` says otherwise; `since` and `until` are about `occurred_at`.",
        parameters=_FILTERS,
        replies={200: page_of(EventSerializer, "A page of events.")},
    )
    def get(self, request: Request, id: str) -> Response:
        return self.paged(queries.client_events(self.principal, id, **self.asked), EventSerializer)

    @operation(
        "record_event",
        "Record an event",
        tag="events",
        scope="events:write",
        description=(
            "People in `data` are named by id, by e-mail address or by `{platform, handle, name}`; unknown ones are "
            "added. The same `(source, external_id)` sent again answers 200 with the stored event. `If-Match` is "
            "honoured, and demanded for event_corrected and event_retracted."
        ),
        request=(Body(requests.EVENT_IN, requests.EVENT_EXAMPLES),),
        replies={
            201: answer(EventSerializer, "It was recorded.", "Location", "ETag"),
            200: answer(EventSerializer, "It was known already; nothing was written.", "Location"),
        },
        conditions=("If-Match",),
        problems=("forbidden", "conflict", "precondition_failed", "precondition_required"),
    )
    @resumable
    def post(self, request: Request, id: str) -> Response:
        event_id = bound_to(self.claim.id, 0) if self.claim else None
        event, created = self._recorded_before(event_id) or self._record(request, id, event_id)
        headers = {"Location": request.build_absolute_uri(reverse("event", args=[event.event_id]))}
        if created:
            headers["ETag"] = etag(event.version)
        return Response(EventSerializer.written(event), status=201 if created else 200, headers=headers)

    def _record(self, request: Request, id: str, event_id: str | None) -> tuple[EventRow, bool]:
        appended = commands.record_event(
            self.principal,
            id,
            self.body,
            if_match=expected_version(request, lambda: seen(self.principal, id, now=self.now).version),
            now=self.now,
            request_id=self.request_id,
            event_id=event_id,
        )
        return queries.appended(self.principal, appended), appended.created

    def _recorded_before(self, event_id: str | None) -> tuple[EventRow, bool] | None:
        """What an earlier run of this very request recorded before it died; None when it came to nothing."""
        if event_id is None or not (self.claim and self.claim.resumed):
            return None
        try:
            return queries.event(self.principal, event_id), True
        except queries.NotFound:
            return None


_FEED_SCHEMA = {
    "type": "object",
    "required": ["data", "next_cursor", "has_more"],
    "properties": {
        "data": {"type": "array", "items": {"anyOf": [EventSerializer, RedactedEventSerializer]}},
        "next_cursor": {"type": "string", "description": "Send it as `after`; works at the end of the log too."},
        "has_more": {"type": "boolean", "description": "Whether there is more at this moment."},
    },
}
_FEED_EXAMPLE = {
    "data": [EventSerializer.example, RedactedEventSerializer.example],
    "next_cursor": "WyJmZWVkMSIsMSwxLDEyOTBd",
    "has_more": False,
}


class Events(Resource):
    renderer_classes = [JsonRenderer, NdjsonRenderer, CloudEventsRenderer]

    @operation(
        "read_feed",
        "The whole log, in order",
        tag="events",
        scope="events:read",
        description=(
            "A durable feed: keep `next_cursor` and come back with it. Positions have no holes, so a reader can prove "
            "that it missed nothing; what it may not see comes redacted. As `application/x-ndjson` the answer streams "
            "to the end of the log, whatever `limit` says, and ends. As `application/cloudevents-batch+json` it is a "
            "bare array, paged by `Link`."
        ),
        parameters=(
            Parameter("after", "Where to go on: a cursor; from the beginning unless given.", *word(2_000)),
            LIMIT,
        ),
        replies={
            200: Reply(
                "A stretch of the log.",
                (
                    Body(_FEED_SCHEMA, {"a page": _FEED_EXAMPLE}, name="Feed"),
                    Body(EventSerializer, {"a line": EventSerializer.example}, NDJSON),
                    Body(CLOUD_EVENTS, {"a batch": [EXAMPLE]}, CLOUDEVENTS, name="CloudEvents"),
                ),
                ("Link", "Next-Cursor"),
            )
        },
        problems=("cursor_from_another_epoch",),
    )
    def get(self, request: Request) -> Response | StreamingHttpResponse:
        form = request.accepted_renderer.format
        if form == NdjsonRenderer.format:
            self.asked["limit"] = MOST
            if "after" not in self.asked:
                security.note_export(f"ledger:{self.ledger_id}", form, now=self.now, principal=self.principal)
        feed = queries.feed(self.principal, **self.asked)
        if form == NdjsonRenderer.format:
            return StreamingHttpResponse(self._lines(feed), content_type=NDJSON)
        following = self.link("after", feed.next_cursor) if feed.has_more else None
        headers = {"Next-Cursor": feed.next_cursor, **link_header(next=following)}
        if form == CloudEventsRenderer.format:
            return Response([cloud_event(request, row) for row in feed.rows], headers=headers)
        data = [_written(row) for row in feed.rows]
        return Response({"data": data, "next_cursor": feed.next_cursor, "has_more": feed.has_more}, headers=headers)

    def _lines(self, feed: Feed) -> Iterator[bytes]:
        """Line by line to where the log ended when the question came, a page of it in memory at a time."""
        end = queries.head(self.principal).position
        while True:
            for row in feed.rows:
                if row.position > end:
                    return
                yield to_json(_written(row)) + b"\n"
            if not feed.has_more:
                return
            feed = queries.feed(self.principal, after=feed.next_cursor, limit=MOST)


def _written(row: EventRow | RedactedRow) -> dict[str, Any]:
    return (EventSerializer if isinstance(row, EventRow) else RedactedEventSerializer).written(row)


class EventsHead(Resource):
    @operation(
        "read_head",
        "The end of the log",
        tag="events",
        scope="events:read",
        description="Where to begin a feed that is to bring only what comes from now on.",
        replies={200: answer(HeadSerializer, "Where the log ends.")},
    )
    def get(self, request: Request) -> Response:
        return Response(HeadSerializer.written(queries.head(self.principal)))


class Event(Resource):
    @operation(
        "get_event",
        "One event",
        tag="events",
        scope="events:read",
        replies={200: answer(EventSerializer, "The event.")},
    )
    def get(self, request: Request, event_id: str) -> Response:
        return Response(EventSerializer.written(queries.event(self.principal, event_id)))


class EventsBulk(Resource):
    parser_classes = [BulkJsonParser, NdjsonParser]

    @operation(
        "record_events",
        "Record many events at once",
        tag="events",
        scope="events:write",
        description=(
            "At most 1,000 and 5 MB; each names its client by `client_id` or `client`. What is wrong with one does "
            "not stop the rest, unless `atomic`. Unknown clients are not made. Corrections go one by one."
        ),
        parameters=(ATOMIC,),
        request=(
            Body(
                {
                    "type": "object",
                    "required": ["events"],
                    "properties": {"events": {"type": "array", "maxItems": 1000, "items": requests.BULK_EVENT_REF}},
                    "additionalProperties": False,
                },
                {"two events": {"events": requests.BULK_EXAMPLE}},
                name="EventsIn",
            ),
            Body(requests.BULK_EVENT, {"a line": requests.BULK_EXAMPLE[0]}, NDJSON, name="BulkEvent"),
        ),
        replies={200: RESULTS["event_id"]},
        problems=("batch_refused",),
    )
    @resumable
    def post(self, request: Request) -> Response:
        items, atomic = items_of(request, "events"), self.asked.get("atomic", False)
        if atomic:
            refuse("events", [(index, 0, None, item.unreadable) for index, item in enumerate(items)])
        found = commands.record_events(
            self.principal,
            [item.value for item in items],
            atomic=atomic,
            now=self.now,
            request_id=self.request_id,
            bound_to=self.claim.id if self.claim else None,
            resumed=bool(self.claim and self.claim.resumed),
        )
        results = [_outcome(item, one) for item, one in zip(items, found, strict=True)]
        return Response({"results": [result(request, "event_id", *one) for one in results]})


def _outcome(item: Item, one: commands.Result) -> tuple[int, int, str | None, Exception | None]:
    appended = one.appended
    status = 201 if appended and appended.created else 200
    return one.index, status, appended.event.event_id if appended else None, item.unreadable or one.error
