"""Addresses of the API, its documents, and what operators ask."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, re_path

from .resource import NothingHere
from .views import advice, clients, events, policies, roster, service, standing, vocabulary, webhooks

_V1: list[URLPattern | URLResolver] = [
    path("actions", advice.Actions.as_view(), name="actions"),
    path("actions/rules", advice.Rules.as_view(), name="action-rules"),
    path("actions/<str:id>/snooze", advice.Snooze.as_view(), name="snooze"),
    path("clients", clients.Clients.as_view(), name="clients"),
    path("clients/bulk", clients.ClientsBulk.as_view(), name="clients-bulk"),
    path("clients/<str:id>", clients.Client.as_view(), name="client"),
    path("clients/<str:id>/events", events.ClientEvents.as_view(), name="client-events"),
    path("clients/<str:id>/stage", standing.Stage.as_view(), name="stage"),
    path("clients/<str:id>/timeline", standing.Timeline.as_view(), name="timeline"),
    path("clients/<str:id>/strength", standing.Strength.as_view(), name="strength"),
    path("clients/<str:id>/actions", advice.ClientActions.as_view(), name="client-actions"),
    path("clients/<str:id>/balance", advice.Balance.as_view(), name="balance"),
    path("clients/<str:id>/ties", advice.Ties.as_view(), name="ties"),
    path("clients/<str:id>/gaps", standing.Gaps.as_view(), name="gaps"),
    path("clients/<str:id>/dossier", standing.Dossier.as_view(), name="dossier"),
    path("contacts", roster.Contacts.as_view(), name="contacts"),
    path("contacts/<str:id>", roster.Contact.as_view(), name="contact"),
    path("contacts/<str:id>/erase", roster.ContactErasure.as_view(), name="contact-erase"),
    path("contacts/<str:id>/export", roster.ContactExport.as_view(), name="contact-export"),
    path("event-types", vocabulary.EventTypes.as_view(), name="event-types"),
    path("event-types/<str:type>", vocabulary.EventType.as_view(), name="event-type"),
    path("events", events.Events.as_view(), name="events"),
    path("events/bulk", events.EventsBulk.as_view(), name="events-bulk"),
    path("events/head", events.EventsHead.as_view(), name="events-head"),
    path("events/<str:event_id>", events.Event.as_view(), name="event"),
    path("gaps", standing.AllGaps.as_view(), name="all-gaps"),
    path("handovers", advice.Handovers.as_view(), name="handovers"),
    path("meetings", roster.Meetings.as_view(), name="meetings"),
    path("people", roster.People.as_view(), name="people"),
    path("people/<str:id>/ties", advice.Leaving.as_view(), name="leaving"),
    path("pipeline", standing.Pipeline.as_view(), name="pipeline"),
    path("pipeline/movements", standing.Movements.as_view(), name="movements"),
    path("policies", policies.Policies.as_view(), name="policies"),
    path("policies/<str:version>", policies.Policy.as_view(), name="policy"),
    path("policies/<str:version>/adopt", policies.Adopt.as_view(), name="policy-adopt"),
    path("policies/<str:version>/adoptions/<str:id>", policies.Adoption.as_view(), name="policy-adoption"),
    path("policies/<str:version>/evidence", policies.Evidence.as_view(), name="policy-evidence"),
    path("policies/<str:version>/preview", policies.Preview.as_view(), name="policy-preview"),
    path("policies/<str:version>/previews/<str:id>", policies.PreviewResult.as_view(), name="policy-preview-result"),
    path("questions", roster.Questions.as_view(), name="questions"),
    path("questions/statistics", roster.QuestionStatistics.as_view(), name="question-statistics"),
    path("webhooks", webhooks.Endpoints.as_view(), name="webhooks"),
    path("webhooks/<str:id>", webhooks.Endpoint.as_view(), name="webhook"),
    path("webhooks/<str:id>/deliveries", webhooks.Deliveries.as_view(), name="webhook-deliveries"),
    path("webhooks/<str:id>/deliveries/<str:delivery_id>", webhooks.Delivery.as_view(), name="webhook-delivery"),
    path("webhooks/<str:id>/deliveries/<str:delivery_id>/replay", webhooks.ReplayDelivery.as_view()),
    path("webhooks/<str:id>/deliveries/<str:delivery_id>/skip", webhooks.SkipDelivery.as_view()),
    path("webhooks/<str:id>/replay", webhooks.Replay.as_view()),
    path("webhooks/<str:id>/retire", webhooks.Retire.as_view()),
    path("webhooks/<str:id>/rotate-secret", webhooks.RotateSecret.as_view()),
    path("webhooks/<str:id>/test", webhooks.Test.as_view()),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include(_V1)),
    path("api/schema", service.OpenApi.as_view(), name="schema"),
    path("api/docs", service.Docs.as_view(), name="docs"),
    path("api/problems", service.Problems.as_view(), name="problems"),
    re_path(r"^api(?:/.*)?$", NothingHere.as_view()),
    path("health/live", service.live, name="live"),
    path("health/ready", service.ready, name="ready"),
    path("metrics", service.prometheus, name="metrics"),
]
