"""What a person at a client may demand: all that is recorded about them, and to be erased."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase

from accounts import security
from accounts.screens import lets_people_in, principal_of
from relationships import commands, queries
from relationships.admin.screens import client_url, page, request_id, the_clock
from relationships.exports import person_html, person_json
from relationships.queries.rows import ContactRow

_FORMS = {"json": (person_json, "application/json"), "html": (person_html, "text/html; charset=utf-8")}


class EraseForm(forms.Form):
    """Erasing cannot be undone: the name has to be typed."""

    note = (
        "Their name, handles and words are destroyed, here and in every copy, and cannot be brought back: not by us "
        "either. What happened, and when, stays without them, so stages and strength stay as they are. Backups hold "
        "the person until they are overwritten."
    )
    name = forms.CharField(
        label="Their name, as it stands above",
        max_length=300,
        widget=forms.TextInput(attrs={"class": "rel-input", "autocomplete": "off"}),
    )
    reason = forms.CharField(
        label="Why",
        required=False,
        max_length=1000,
        help_text="It is kept: leave their name out.",
        widget=forms.TextInput(attrs={"class": "rel-input"}),
    )

    def __init__(self, wanted: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.wanted = wanted

    def clean_name(self) -> str:
        typed: str = self.cleaned_data["name"]
        if " ".join(typed.split()).casefold() != " ".join(self.wanted.split()).casefold():
            raise forms.ValidationError(f"This is not “{self.wanted}”. Nothing was erased.")
        return typed


def shown_name(contact: ContactRow) -> str:
    """What a contact is called on our pages: the name, else a handle, else the end of the pseudonym."""
    handles = [one.handle for one in contact.handles]
    return contact.name or (handles[0] if handles else f"Contact {contact.id[-4:]}")


def export(request: HttpRequest, contact_id: uuid.UUID) -> HttpResponseBase:
    """Everything recorded about a person as a file, for who may read personal text: `form` json or html."""
    principal = principal_of(request)
    form = "json" if request.GET.get("form") == "json" else "html"
    write, type = _FORMS[form]
    if not principal.reads_text:
        raise Http404
    now = the_clock()
    try:
        record = queries.person(principal, str(contact_id), now=now)
    except queries.NotFound:
        raise Http404 from None
    security.note_export(f"contact:{contact_id}", form, now=now, principal=principal)
    name = f'attachment; filename="person-{contact_id}.{form}"'
    headers = {"Content-Disposition": name, "Cache-Control": "no-store"}
    return StreamingHttpResponse(write(record), content_type=type, headers=headers)


def erase(request: HttpRequest, contact_id: uuid.UUID) -> HttpResponse:
    """Erases a person, for administrators, who type the name."""
    principal = principal_of(request)
    if not lets_people_in(request):
        return page(request, "refused.html", "Erase a person", status=403)
    try:
        contact = queries.contact(principal, str(contact_id))
    except queries.NotFound:
        raise Http404 from None
    if contact.erased_at is not None:
        messages.info(request, "This person was erased before.")
        return HttpResponseRedirect(client_url(contact.client_id))
    name = shown_name(contact)
    form = EraseForm(name, request.POST or None)
    if request.method == "POST" and form.is_valid():
        erasure = commands.erase_person(
            principal,
            contact.id,
            reason=form.cleaned_data["reason"] or None,
            now=the_clock(),
            request_id=request_id(request),
        )
        messages.success(request, _said(erasure))
        return HttpResponseRedirect(client_url(contact.client_id))
    return page(
        request,
        "form.html",
        f"Erase {name} for good",
        form=form,
        save="Erase for good",
        risky=True,
        back=client_url(contact.client_id),
        status=422 if form.is_bound else 200,
    )


def _said(erasure: commands.Erasure) -> str:
    gone = erasure.destroyed
    told = f"Erased: {gone.texts} sealed texts, {gone.handles} handles, {gone.answers + gone.unmatched} copies."
    if not erasure.elsewhere:
        return told
    return f"{told} The same address is known at {len(erasure.elsewhere)} more clients: erase it there too if asked."
