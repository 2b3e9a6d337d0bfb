"""Who is told what happens: endpoints and how they do, what was sent to each, and buttons for when it did not arrive.

For whoever may have others told. Secrets are shown once, in the answer that makes them.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from accounts.screens import principal_of, tells_others
from relationships import commands, queries, webhooks
from relationships.admin import words
from relationships.admin.agenda import Agenda
from relationships.admin.forms import ManyChips
from relationships.admin.screens import client_url, page, the_clock
from relationships.models.webhooks import WebhookEndpoint

PER_PAGE = 50
KINDS = (
    ("event.recorded", "Every event"),
    ("stage.changed", "Changes of stage and health"),
    ("answer.revised", "Revisions of what was told"),
    ("report.ready", "Reports that are ready"),
)
STATES = {"in_order": "in order", "failing": "failing", "disabled": "switched off"}
VIEWS = {"": "All", **{state: state.capitalize() for state in webhooks.STATES}}
SAVED = ("url", "kinds", "description", "include_text")


class EndpointForm(forms.Form):
    """What an endpoint is told, and where."""

    url = forms.CharField(
        label="Address",
        widget=forms.TextInput(attrs={"class": "rel-input", "inputmode": "url", "placeholder": "https://…"}),
        help_text="https on port 443 or 8443, of a host on the public internet.",
    )
    description = forms.CharField(
        label="What it is", required=False, widget=forms.TextInput(attrs={"class": "rel-input"}), max_length=200
    )
    kinds = forms.MultipleChoiceField(label="Tell it of", choices=KINDS, widget=ManyChips)
    include_text = forms.MultipleChoiceField(
        label="Personal text",
        choices=[("yes", "Send it too")],
        required=False,
        widget=ManyChips,
        help_text="Names, addresses and words of persons then leave this program.",
    )

    def stated(self) -> dict[str, Any]:
        """What was filled in, as the order takes it."""
        given = dict(self.cleaned_data)
        return {**given, "include_text": bool(given["include_text"])}

    def refuse(self, refused: commands.Invalid | commands.Forbidden) -> None:
        """Shows at each field why the order was refused."""
        if isinstance(refused, commands.Forbidden):
            self.add_error(None, str(refused))
            return
        for error in refused.errors:
            name = error.pointer.strip("/")
            self.add_error(name if name in self.fields else None, error.detail)


@admin.register(WebhookEndpoint)
class WebhookAdmin(Agenda):
    """Endpoints, and one of them with its deliveries."""

    open_to = staticmethod(tells_others)

    def get_urls(self) -> list[URLPattern]:
        def at(route: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            return path(
                route, self.admin_site.admin_view(_for_those_who_may(view)), name=f"relationships_webhook_{name}"
            )

        return [
            *super().get_urls(),
            at("new/", new, "new"),
            at("<uuid:id>/", show, "one"),
            at("<uuid:id>/change/", change, "change"),
            *(at(f"<uuid:id>/{name}/", _act(act), name) for name, act in ACTS.items()),
            at("<uuid:id>/rotate/", rotate, "rotate"),
            at("<uuid:id>/<uuid:delivery>/replay/", replay_one, "replay_one"),
            at("<uuid:id>/<uuid:delivery>/skip/", skip_one, "skip_one"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not tells_others(request):
            raise PermissionDenied
        found = webhooks.endpoints(principal_of(request), limit=500).rows
        rows = [{"endpoint": one, "url": _url("one", one.id), "state": STATES[one.state]} for one in found]
        return page(request, "webhooks.html", "Webhooks", rows=rows, new_url=reverse("admin:relationships_webhook_new"))


def _for_those_who_may(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    def guarded(request: HttpRequest, **named: uuid.UUID) -> HttpResponse:
        if not tells_others(request):
            raise PermissionDenied
        try:
            return view(request, **{name: str(value) for name, value in named.items()})
        except commands.NotFound:
            raise Http404 from None

    return guarded


def _url(name: str, *ids: str) -> str:
    return reverse(f"admin:relationships_webhook_{name}", args=[uuid.UUID(one) for one in ids])


def new(request: HttpRequest) -> HttpResponse:
    """Makes an endpoint and shows its secret in the answer itself."""
    form = EndpointForm(request.POST or None, initial={"kinds": ["stage.changed"]})
    if form.is_valid():
        try:
            row, secret = webhooks.create(principal_of(request), form.stated(), now=the_clock())
        except (commands.Invalid, commands.Forbidden) as refused:
            form.refuse(refused)
        else:
            return _secret(request, row, secret)
    return _form(request, "New webhook", form, reverse("admin:relationships_webhookendpoint_changelist"))


def change(request: HttpRequest, id: str) -> HttpResponse:
    """Another address, or other kinds."""
    row = webhooks.endpoint(principal_of(request), id)
    known = {name: getattr(row, name) for name in SAVED} | {"include_text": ["yes"] if row.include_text else []}
    form = EndpointForm(request.POST or None, initial=known)
    if form.is_valid():
        try:
            webhooks.change(principal_of(request), id, form.stated(), now=the_clock())
        except (commands.Invalid, commands.Forbidden) as refused:
            form.refuse(refused)
        else:
            messages.success(request, "Saved.")
            return HttpResponseRedirect(_url("one", id))
    return _form(request, f"Change {row.description or row.url}", form, _url("one", id))


def _form(request: HttpRequest, title: str, form: EndpointForm, back: str) -> HttpResponse:
    return page(request, "form.html", title, status=422 if form.errors else 200, form=form, back=back)


def show(request: HttpRequest, id: str) -> HttpResponse:
    """One endpoint: how it does, and its deliveries, the latest first."""
    principal = principal_of(request)
    row = webhooks.endpoint(principal, id)
    state = request.GET.get("state", "")
    try:
        found = webhooks.deliveries(
            principal,
            id,
            state=state if state in webhooks.STATES else None,
            cursor=request.GET.get("cursor") or None,
            limit=PER_PAGE,
        )
    except queries.Invalid:
        raise Http404 from None
    kept = {"state": state} if state else {}
    return page(
        request,
        "webhook.html",
        row.description or row.url,
        endpoint=row,
        state=STATES[row.state],
        kinds=[word for kind, word in KINDS if kind in row.kinds],
        tabs=[{"word": word, "url": f"?state={view}", "here": view == state} for view, word in VIEWS.items()],
        deliveries=[_line(id, one) for one in found.rows],
        acts={name: _url(name, id) for name in (*ACTS, "rotate", "change")},
        next=f"?{urlencode({**kept, 'cursor': found.next})}" if found.next else None,
        previous=f"?{urlencode({**kept, 'cursor': found.previous})}" if found.previous else None,
    )


def _line(id: str, delivery: webhooks.DeliveryRow) -> dict[str, Any]:
    # One that was never tried is held back, or on its way: asking for it would change nothing.
    asked_for = delivery.kind != webhooks.TEST and (delivery.state != "waiting" or delivery.attempts > 0)
    return {
        "row": delivery,
        "when": words.when(delivery.happened_at, "instant", "UTC"),
        "client_url": client_url(delivery.client_id, delivery.event_id) if delivery.client_id else None,
        "replay_url": _url("replay_one", id, delivery.id) if asked_for else None,
        "skip_url": _url("skip_one", id, delivery.id) if delivery.state in ("waiting", "parked") else None,
    }


# ---------------------------------------------------------------------- acts, by POST


def _act(act: Callable[[HttpRequest, str], str]) -> Callable[..., HttpResponse]:
    def acted(request: HttpRequest, id: str) -> HttpResponse:
        if request.method != "POST":
            return HttpResponse(status=405, headers={"Allow": "POST"})
        return HttpResponseRedirect(act(request, id))

    return acted


def _test(request: HttpRequest, id: str) -> str:
    tried = webhooks.test(principal_of(request), id, now=the_clock())
    if tried.ok:
        messages.success(request, f"The test arrived: answered {tried.status} after {tried.seconds:.1f} s.")
    else:
        messages.error(request, f"The test did not arrive: {tried.problem}.")
    return _url("one", id)


def _switch(request: HttpRequest, id: str) -> str:
    on = request.POST.get("enabled") == "yes"
    webhooks.change(principal_of(request), id, {"enabled": on}, now=the_clock())
    messages.success(request, "Switched on: what waits is sent now." if on else "Switched off: nothing is sent.")
    return _url("one", id)


def _replay(request: HttpRequest, id: str) -> str:
    number = webhooks.replay_parked(principal_of(request), id, now=the_clock())
    messages.success(request, f"{number} parked deliveries are sent again.")
    return _url("one", id)


def _retire(request: HttpRequest, id: str) -> str:
    row = webhooks.retire(principal_of(request), id, now=the_clock())
    messages.success(request, f"{row.description or row.url} is told nothing any more.")
    return reverse("admin:relationships_webhookendpoint_changelist")


ACTS = {"test": _test, "switch": _switch, "replay": _replay, "retire": _retire}


def rotate(request: HttpRequest, id: str) -> HttpResponse:
    """A new secret, shown in the answer itself."""
    if request.method != "POST":
        return HttpResponse(status=405, headers={"Allow": "POST"})
    return _secret(request, *webhooks.rotate(principal_of(request), id, now=the_clock()))


def replay_one(request: HttpRequest, id: str, delivery: str) -> HttpResponse:
    """Has one delivery sent again."""
    return _on_delivery(
        request, id, "It is sent again.", lambda: webhooks.replay(principal_of(request), id, delivery, now=the_clock())
    )


def skip_one(request: HttpRequest, id: str, delivery: str) -> HttpResponse:
    """Gives one delivery up."""
    return _on_delivery(
        request,
        id,
        "It is skipped; later ones of its client go out.",
        lambda: webhooks.skip(principal_of(request), id, delivery, now=the_clock()),
    )


def _on_delivery(request: HttpRequest, id: str, done: str, act: Callable[[], object]) -> HttpResponse:
    if request.method != "POST":
        return HttpResponse(status=405, headers={"Allow": "POST"})
    act()
    messages.success(request, done)
    return HttpResponseRedirect(_url("one", id))


def _secret(request: HttpRequest, row: webhooks.EndpointRow, secret: str) -> HttpResponse:
    """The one page that shows a secret; kept nowhere, not even in a session."""
    title, back = row.description or row.url, _url("one", row.id)
    return page(request, "webhook_secret.html", title, endpoint=row, secret=secret, url=back)
