"""Policies: the rules in words, drafts in a form, previews with who would move where and why, adoption. Administrators
only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from accounts.models import User
from accounts.screens import principal_of, sets_policies, user_of
from relationships import commands, queries
from relationships.admin import words
from relationships.admin.agenda import Agenda
from relationships.admin.screens import client_url, page, request_id, the_clock
from relationships.domain.fields import FieldError
from relationships.domain.policy_words import DAYS, POINTS_UNIT, SECTIONS, SHARE, TIMES, WORDS, Word, sentence_case
from relationships.models.policies import PolicyVersion
from relationships.queries.rows import Mover, PolicyDetail, PolicyRow, PreviewAnswer, RunRow, Stand

STATUS = {"in_force": "In force", "former": "Adopted formerly", "draft": "Draft"}
UNITS = {DAYS: "days", SHARE: "0 to 1", TIMES: "times", POINTS_UNIT: "points"}
PER_PAGE = 50
NAME, REASON = "name", "reason"


@admin.register(PolicyVersion)
class PolicyAdmin(Agenda):
    """All versions, one of them, a draft, a preview, an adoption."""

    open_to = staticmethod(sets_policies)

    def get_urls(self) -> list[URLPattern]:
        def view(route: str, act: Any, name: str) -> URLPattern:
            return path(route, self.admin_site.admin_view(act), name=f"relationships_policyversion_{name}")

        return [
            *super().get_urls(),
            view("new/", self.new, "new"),
            view("<int:version>/", self.one, "change"),
            view("<int:version>/preview/", self.preview, "preview"),
            view("<int:version>/adopt/", self.adopt, "adopt"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        _only_for_administrators(request)
        try:
            found = queries.policies(principal_of(request), limit=PER_PAGE, cursor=request.GET.get("cursor") or None)
        except (queries.NotFound, queries.Invalid):
            raise Http404 from None
        return page(
            request,
            "policies.html",
            "Policies",
            rows=[_line(row) for row in found.rows],
            people=_people(request, found.rows),
            under_way=_under_way(request),
            new_url=policy_url("new"),
            next=f"?cursor={found.next}" if found.next else None,
            previous=f"?cursor={found.previous}" if found.previous else None,
        )

    def new(self, request: HttpRequest) -> HttpResponse:
        """A draft in a form, from the version in force or the one that `from` in the address names."""
        _only_for_administrators(request)
        base = _detail(request, _version_asked(request))
        form = DraftForm(base.policy, request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            try:
                version = commands.draft_policy(
                    principal_of(request),
                    changes=form.changes(),
                    based_on=base.version,
                    name=form.cleaned_data[NAME],
                    reason=form.cleaned_data[REASON],
                    now=the_clock(),
                )
            except commands.Invalid as refused:
                form.refuse(refused.errors)
            else:
                messages.success(request, f"Version {version} is kept as a draft. Nothing has changed for readers yet.")
                return HttpResponseRedirect(policy_url("change", version))
        return page(
            request,
            "policy_form.html",
            f"New policy from version {base.version}",
            status=422 if form.errors else 200,
            form=form,
            base=base,
            back=policy_url("changelist"),
        )

    def one(self, request: HttpRequest, version: int) -> HttpResponse:
        """One version, whole, and in what it differs from the one in force."""
        _only_for_administrators(request)
        found = _detail(request, version)
        principal = principal_of(request)
        latest = queries.latest_preview(principal, version)
        return page(
            request,
            "policy.html",
            _title(found),
            policy=_line(found),
            people=_people(request, [found]),
            detail=found,
            sections=_sections(found),
            evidence=queries.evidence(principal, version),
            under_way=_under_way(request),
            preview_url=policy_url("preview", version),
            seen=latest,
            adopt_url=policy_url("adopt", version),
            new_url=f"{policy_url('new')}?from={version}",
            list_url=policy_url("changelist"),
        )

    def preview(self, request: HttpRequest, version: int) -> HttpResponse:
        """Who would move where and why. A POST works it out; `run` in the address shows one."""
        _only_for_administrators(request)
        principal = principal_of(request)
        found = _detail(request, version)
        if request.method == "POST":
            run = commands.preview_policy(principal, version, now=the_clock(), request_id=request_id(request))
            return HttpResponseRedirect(f"{policy_url('preview', version)}?run={run}")
        latest = queries.latest_preview(principal, version)
        run_id = request.GET.get("run") or (latest.id if latest else None)
        if run_id is None:
            return HttpResponseRedirect(policy_url("change", version))
        try:
            told = queries.preview(principal, version, run_id, limit=PER_PAGE, cursor=request.GET.get("cursor") or None)
        except (queries.NotFound, queries.Invalid):
            raise Http404 from None
        more = f"?run={run_id}&cursor="
        return page(
            request,
            "policy_preview.html",
            f"{_title(found)}: who would stand where",
            policy=_line(found),
            preview=told,
            working=told.state in ("waiting", "running"),
            percent=_percent(told),
            stages=_stages(told),
            movers=[_mover(mover) for mover in told.moves.rows],
            aside=[{"url": client_url(one.client_id), "row": one} for one in told.quarantined],
            back=policy_url("change", version),
            adopt_url=policy_url("adopt", version),
            next=f"{more}{told.moves.next}" if told.moves.next else None,
            previous=f"{more}{told.moves.previous}" if told.moves.previous else None,
        )

    def adopt(self, request: HttpRequest, version: int) -> HttpResponse:
        """Asks whether that is meant, then adopts."""
        _only_for_administrators(request)
        found = _detail(request, version)
        form = AdoptForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            try:
                run_id = commands.adopt_policy(
                    principal_of(request),
                    version,
                    reason=form.cleaned_data[REASON],
                    now=the_clock(),
                    request_id=request_id(request),
                )
            except commands.PolicyConflict as conflict:
                form.add_error(None, str(conflict))
            except commands.Invalid as refused:
                form.add_error(REASON, refused.errors[0].detail)
            else:
                run = queries.adoption(principal_of(request), version, str(run_id))
                messages.success(
                    request,
                    f"Version {version} is in force."
                    if run.state == "done"
                    else f"Version {version} comes into force when all clients are worked out under it; until then "
                    "everybody sees what they saw.",
                )
                return HttpResponseRedirect(policy_url("changelist"))
        return page(
            request,
            "policy_adopt.html",
            f"{'Roll back to' if found.status == 'former' else 'Adopt'} {_title(found).lower()}?",
            status=422 if form.errors else 200,
            form=form,
            policy=_line(found),
            detail=found,
            seen=queries.latest_preview(principal_of(request), version),
            preview_url=policy_url("preview", version),
            back=policy_url("change", version),
        )


class Number(forms.CharField):
    """A number as it was typed: what it may be is for the domain to say."""

    def __init__(self, word: Word, value: float) -> None:
        attrs = {"class": "rel-input", "inputmode": "decimal", "autocomplete": "off"}
        super().__init__(
            label=sentence_case(word.label),
            help_text=word.effect,
            widget=forms.TextInput(attrs=attrs),
            initial=f"{value:g}",
            max_length=30,
        )
        self.word, self.value = word, value

    def clean(self, value: Any) -> float:
        text = str(super().clean(value)).replace(",", ".")
        try:
            return float(text)
        except ValueError:
            raise forms.ValidationError("This is not a number.") from None


@dataclass(frozen=True, slots=True)
class Group:
    """A section of the form: `changed` of its fields differ from the version that the draft is made from."""

    title: str
    about: str
    fields: list[forms.BoundField]
    opened: bool
    changed: int


class DraftForm(forms.Form):
    """All numbers of a policy, with those of the version that the draft is made from."""

    name = forms.CharField(
        label="Name", required=False, max_length=80, widget=forms.TextInput(attrs={"class": "rel-input"})
    )
    reason = forms.CharField(
        label="Why",
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"class": "rel-input", "rows": 2}),
        help_text="What is to become better by it.",
    )

    def __init__(self, base: Mapping[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for pointer, word in WORDS.items():
            self.fields[pointer] = Number(word, _value(base, pointer))

    def changes(self) -> dict[str, Any]:
        """The numbers that differ, in the shape of a policy."""
        changes: dict[str, Any] = {}
        for pointer, field in self.fields.items():
            if isinstance(field, Number) and self.cleaned_data[pointer] != field.value:
                *steps, last = pointer.split("/")[1:]
                place = changes
                for step in steps:
                    place = place.setdefault(step, {})
                place[last] = self.cleaned_data[pointer]
        return changes

    def refuse(self, errors: Iterable[FieldError]) -> None:
        """Shows what the domain refused, at its field."""
        for error in errors:
            pointer = error.pointer.removeprefix("/changes")
            place = pointer if pointer in self.fields else error.pointer.strip("/")
            self.add_error(place if place in self.fields else None, error.detail)

    def groups(self) -> list[Group]:
        """The sections; those with an error or a change stand open, and the first."""
        found = []
        for section in SECTIONS:
            fields = [self[word.pointer] for word in section.words]
            changed = sum(str(field.value()) != field.field.initial for field in fields)
            wrong = any(field.errors for field in fields)
            found.append(Group(section.title, section.about, fields, wrong or changed > 0, changed))
        return found


class AdoptForm(forms.Form):
    """The confirmation, with a reason that goes into the log."""

    reason = forms.CharField(
        label="Why",
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"class": "rel-input", "rows": 2}),
        help_text="Kept with the adoption, in the log.",
    )


def policy_url(act: str, version: int | None = None) -> str:
    """The page of an act: changelist, new, or for a version change, preview, adopt."""
    return reverse(f"admin:relationships_policyversion_{act}", args=[] if version is None else [version])


def _only_for_administrators(request: HttpRequest) -> None:
    if not sets_policies(request):
        raise PermissionDenied


def _detail(request: HttpRequest, version: int | None) -> PolicyDetail:
    principal = principal_of(request)
    try:
        if version is None:
            in_force = [row for row in queries.policies(principal, limit=500).rows if row.status == "in_force"]
            version = in_force[0].version if in_force else 1
        return queries.policy(principal, version)
    except queries.NotFound:
        raise Http404 from None


def _version_asked(request: HttpRequest) -> int | None:
    asked = request.GET.get("from", "")
    if not asked:
        return None
    if not (asked.isascii() and asked.isdecimal() and len(asked) <= 9):
        raise Http404
    return int(asked)


def _value(policy: Mapping[str, Any], pointer: str) -> float:
    found: Any = policy
    for step in pointer.split("/")[1:]:
        found = found.get(step, 0)
    return float(found)


def _title(policy: PolicyRow) -> str:
    return f"Policy {policy.version}" + (f": {policy.name}" if policy.name else "")


def _line(policy: PolicyRow) -> dict[str, Any]:
    return {
        "row": policy,
        "title": _title(policy),
        "url": policy_url("change", policy.version),
        "status": STATUS[policy.status],
        "in_force": policy.status == "in_force",
        "former": policy.status == "former",
        "differences": [one.sentence for one in policy.differences],
    }


def _people(request: HttpRequest, rows: Iterable[PolicyRow]) -> dict[str, str]:
    """The names of the logins behind `user:<id>`: one query."""
    labels = {label for row in rows for label in (row.created_by, row.adopted_by) if label}
    ids = [int(label[5:]) for label in labels if label.startswith("user:") and label[5:].isdecimal()]
    users = User.objects.filter(organisation=user_of(request).organisation_id, pk__in=ids)
    names = {f"user:{user.pk}": str(user) for user in users}
    return {label: names.get(label, label) for label in labels}


def _under_way(request: HttpRequest) -> RunRow | None:
    try:
        return queries.adoption_under_way(principal_of(request))
    except queries.NotFound:
        return None


def _sections(policy: PolicyDetail) -> list[dict[str, Any]]:
    differs = {one.pointer: one.before for one in policy.from_in_force}
    return [
        {
            "title": section.title,
            "about": section.about,
            "changed": sum(word.pointer in differs for word in section.words),
            "rows": [
                {
                    "label": sentence_case(word.label),
                    "value": word.told(_value(policy.policy, word.pointer)),
                    "in_force": word.told(differs[word.pointer]) if word.pointer in differs else None,
                    "effect": word.effect,
                }
                for word in section.words
            ],
        }
        for section in SECTIONS
    ]


def _percent(run: PreviewAnswer) -> int:
    return min(100, round(100 * run.progress.events_done / max(1, run.progress.events_total)))


def _stages(preview: PreviewAnswer) -> list[dict[str, Any]]:
    return [
        {
            "stage": words.stage(row.stage),
            "now": row.now,
            "then": row.then,
            "change": row.then - row.now,
            "healths": [one for one in row.by_health if one.now != one.then],
        }
        for row in reversed(preview.stages)
        if row.now or row.then
    ]


def _mover(mover: Mover) -> dict[str, Any]:
    same_stage = mover.from_.stage == mover.to.stage
    return {
        "name": mover.name,
        "url": client_url(mover.client_id),
        "before": _stand(mover.from_, mover.client_id),
        "after": _stand(mover.to, mover.client_id),
        "what": (
            f"{mover.from_.health.capitalize()} → {mover.to.health}"
            if same_stage
            else words.change(mover.from_.stage, mover.to.stage)
        ),
        "why": sentence_case(mover.to.health_reason if same_stage else mover.to.reason),
    }


def _stand(stand: Stand, client_id: str) -> dict[str, Any]:
    return {
        "stage": words.stage(stand.stage),
        "health": stand.health,
        "sentence": stand.sentence,
        "because": [{"phrase": one.phrase, "url": client_url(client_id, one.event_id)} for one in stand.because],
    }
