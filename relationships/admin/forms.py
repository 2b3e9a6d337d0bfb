"""What people fill in, and the event that it becomes. Rules are the domain's: forms only translate.

Every form here gives `draft(now)`: what `commands.record_event` takes. Each carries a token that becomes the event's
external id, so sending the same form twice records one event.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from relationships.admin import words
from relationships.domain.events import EVENT_TYPES
from relationships.domain.fields import FieldError, Spec
from relationships.queries.rows import EventRow, MeetingRow

SOURCE = "admin"


@dataclass(frozen=True, slots=True)
class Kind:
    """One thing that happens between people, as it stands on a chip; `channel` is the likely one."""

    key: str
    label: str
    type: str
    direction: str | None
    channel: str | None


KINDS = (
    Kind("their_message", "They wrote", "message_sent", "inbound", "email"),
    Kind("our_message", "We wrote", "message_sent", "outbound", "email"),
    Kind("their_question", "They asked", "question_asked", "inbound", "email"),
    Kind("our_answer", "We answered", "question_answered", "outbound", "email"),
    Kind("their_thanks", "They said it helped", "answer_acknowledged", "inbound", "email"),
    Kind("call", "Call", "call_held", "mutual", "phone"),
    Kind("our_idea", "Our idea", "idea_shared", "outbound", "email"),
    Kind("their_idea", "Their idea", "idea_shared", "inbound", "email"),
    Kind("idea_discussed", "Idea discussed", "idea_discussed", "mutual", "email"),
    Kind("advocacy", "They recommended us", "advocacy_given", "inbound", "other"),
    Kind("note", "Note", "note_added", None, None),
)
BY_KEY = {kind.key: kind for kind in KINDS}


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Whom a form lets one choose from: ids (or an address) and names. `me` is whoever is signed in."""

    theirs: Mapping[str, str]
    ours: Mapping[str, str]
    me: str
    zone: str


class Chips(forms.RadioSelect):
    """One of a few: buttons beside each other."""


class ManyChips(forms.CheckboxSelectMultiple):
    """Any of a few."""


class Moment(forms.DateTimeField):
    """A moment in the reader's zone, chosen with the browser's own picker."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"type": "datetime-local", "class": "rel-input"}
        widget = forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs=attrs)
        super().__init__(widget=widget, **kwargs)


class Act(forms.Form):
    """What all forms share: whom it is about, the token, and errors of the domain shown at their field."""

    token = forms.UUIDField(widget=forms.HiddenInput)
    note = ""
    # Where a field of the event's data has another name in the form.
    renamed: Mapping[str, str] = {}

    def __init__(self, people: People, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = people
        self.fields["token"].initial = uuid.uuid4
        for name, options in (("contacts", people.theirs), ("our_people", people.ours)):
            if name in self.fields:
                _offer(self.fields, name, options)
        if "our_people" in self.fields:
            self.fields["our_people"].initial = [people.me]

    def refuse(self, errors: Iterable[FieldError]) -> None:
        """Shows what the domain refused, at the field that it is about where the form has it."""
        for error in errors:
            names = [part for part in error.pointer.split("/") if part not in ("data", "")]
            name = self.renamed.get(names[0], names[0]) if names else ""
            self.add_error(name if name in self.fields else None, error.detail)

    def draft(self, now: datetime) -> dict[str, Any]:
        raise NotImplementedError

    def event(
        self, type: str, occurred_at: datetime, data: Mapping[str, Any], text: str | None = None
    ) -> dict[str, Any]:
        """The order to record an event; what was left empty is left out."""
        return {
            "type": type,
            "occurred_at": occurred_at,
            "occurred_tz": self.people.zone,
            "source": SOURCE,
            "external_id": str(self.cleaned_data["token"]),
            "text": text or None,
            "data": {name: value for name, value in data.items() if value not in (None, "", [])},
        }

    def their_people(self) -> list[Any]:
        """Those chosen, and the new one as an address; commands add who is unknown."""
        given = self.cleaned_data
        chosen: list[Any] = list(given.get("contacts") or [])
        if given.get("new_email"):
            handle = {"platform": "email", "handle": given["new_email"], "name": given.get("new_name") or None}
            chosen.append({name: value for name, value in handle.items() if value})
        return chosen

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if given.get("new_name") and not given.get("new_email") and "new_email" not in self.errors:
            self.add_error("new_email", "Give an address too: it is how this person is known again.")
        return given


def _offer(fields: dict[str, forms.Field], name: str, options: Mapping[str, str]) -> None:
    """Lets one choose from the options; without any the field is left out."""
    field = fields[name]
    assert isinstance(field, forms.MultipleChoiceField)
    field.choices = list(options.items())
    if not options:
        del fields[name]


def _text(rows: int = 3, **attrs: Any) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, "class": "rel-input", **attrs})


def _line(**attrs: Any) -> forms.TextInput:
    return forms.TextInput(attrs={"class": "rel-input", **attrs})


def _select() -> forms.Select:
    return forms.Select(attrs={"class": "rel-input"})


def _choices(options: Mapping[str, str], empty: str) -> list[tuple[str, str]]:
    return [("", empty), *options.items()]


def _one_line(text: str) -> tuple[str, str]:
    """An idea's one line, and the rest of what was said; all of it again where the line had to be cut."""
    first, _, rest = text.partition("\n")
    return first.strip()[:300], rest.strip() if len(first.strip()) <= 300 else text


def _words(given: str) -> list[str]:
    return [word.strip() for word in given.split(",") if word.strip()]


class Topics(forms.CharField):
    """Words with commas between them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=_line(), help_text="With commas between them.", required=False, **kwargs)

    def clean(self, value: Any) -> list[str]:
        return _words(super().clean(value))

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value


class Past(Act):
    """Something that happened: the moment defaults to now and may not lie ahead."""

    occurred_at = Moment(label="When")

    def __init__(self, people: People, *args: Any, **kwargs: Any) -> None:
        super().__init__(people, *args, **kwargs)
        self.fields["occurred_at"].initial = timezone.now
        self.fields["occurred_at"].help_text = f"In your zone, {people.zone}."

    def clean_occurred_at(self) -> datetime:
        moment: datetime = self.cleaned_data["occurred_at"]
        if moment > timezone.now() + timedelta(minutes=5):
            raise ValidationError("This lies ahead. Only what has happened is logged; a meeting ahead is planned.")
        return moment


class ExchangeForm(Past):
    """Something said or written between us: two taps, and more where one likes."""

    kind = forms.ChoiceField(label="What", widget=Chips, choices=[(kind.key, kind.label) for kind in KINDS])
    contacts = forms.MultipleChoiceField(label="With whom", widget=ManyChips, required=False)
    text = forms.CharField(label="In a few words", widget=_text(), required=False, max_length=20_000)
    in_reply_to = forms.ChoiceField(label="In answer to", widget=_select(), required=False)
    channel = forms.ChoiceField(
        label="How", widget=_select(), required=False, choices=_choices(words.CHANNELS, "as usual for it")
    )
    our_account = forms.ChoiceField(
        label="Through",
        widget=_select(),
        required=False,
        choices=[("personal", "a personal account"), ("brand", "our brand account")],
    )
    our_people = forms.MultipleChoiceField(label="Of us", widget=ManyChips, required=False)
    new_name = forms.CharField(
        label="Somebody new: name", widget=_line(autocomplete="off"), required=False, max_length=200
    )
    new_email = forms.EmailField(
        label="Somebody new: e-mail",
        widget=forms.EmailInput(attrs={"class": "rel-input", "autocomplete": "off"}),
        required=False,
    )
    topics = Topics(label="About")
    renamed = {"line": "text", "direction": "kind"}
    field_order = ("kind", "contacts", "text", "occurred_at")

    def __init__(self, people: People, replies: Sequence[tuple[str, str]], *args: Any, **kwargs: Any) -> None:
        super().__init__(people, *args, **kwargs)
        reply = self.fields["in_reply_to"]
        assert isinstance(reply, forms.ChoiceField)
        reply.choices = [("", "nothing in particular"), *replies]
        if not replies:
            del self.fields["in_reply_to"]
        if len(people.theirs) == 1 and "contacts" in self.fields:
            self.fields["contacts"].initial = list(people.theirs)

    @property
    def always(self) -> list[forms.BoundField]:
        """The fields that are seen at once; an answer shows what it answers."""
        names = ["kind", "contacts", "text", "occurred_at"]
        if self["kind"].value() == "our_answer":
            names.insert(1, "in_reply_to")
        return [self[name] for name in names if name in self.fields]

    @property
    def more(self) -> list[forms.BoundField]:
        """The fields behind "More"."""
        shown = {field.name for field in self.always}
        return [field for field in self.visible_fields() if field.name not in shown]

    @property
    def opened(self) -> bool:
        """Whether "More" stands open: something is wrong in there."""
        return any(field.errors for field in self.more)

    def draft(self, now: datetime) -> dict[str, Any]:
        given, kind = self.cleaned_data, BY_KEY[self.cleaned_data["kind"]]
        text = given["text"].strip()
        data: dict[str, Any] = {
            "contacts": self.their_people(),
            "our_people": given.get("our_people"),
            "topics": given["topics"],
        }
        if kind.type != "note_added":
            data |= {
                "direction": kind.direction,
                "channel": given["channel"] or kind.channel,
                "our_account": given["our_account"] or None,
                "in_reply_to": given.get("in_reply_to"),
            }
        if kind.type == "idea_shared" and text:
            data["line"], text = _one_line(text)
        return self.event(kind.type, min(given["occurred_at"], now), data, text)

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        if given.get("kind") == "note" and not (given.get("text") or "").strip():
            self.add_error("text", "A note needs its words.")
        return given


class MeetingHeldForm(Past):
    """A meeting that took place: the planned one, or one that nobody had planned."""

    meeting = forms.ChoiceField(label="Which meeting", widget=Chips, required=False)
    mode = forms.ChoiceField(label="How", widget=Chips, choices=[("in_person", "In person"), ("video", "By video")])
    contacts = forms.MultipleChoiceField(label="Who came of them", widget=ManyChips, required=False)
    our_people = forms.MultipleChoiceField(label="Who came of us", widget=ManyChips, required=False)
    outcome = forms.ChoiceField(
        label="What came of it",
        widget=Chips,
        required=False,
        choices=[
            ("decision", "A decision"),
            ("next_step", "A next step"),
            ("information", "Information"),
            ("none", "Nothing"),
        ],
    )
    minutes = forms.IntegerField(
        label="Minutes",
        min_value=1,
        max_value=10_080,
        required=False,
        widget=forms.NumberInput(attrs={"class": "rel-input", "inputmode": "numeric"}),
    )
    new_name = forms.CharField(
        label="Somebody new: name", widget=_line(autocomplete="off"), required=False, max_length=200
    )
    new_email = forms.EmailField(
        label="Somebody new: e-mail",
        widget=forms.EmailInput(attrs={"class": "rel-input", "autocomplete": "off"}),
        required=False,
    )
    topics = Topics(label="About")
    text = forms.CharField(label="Notes", widget=_text(), required=False, max_length=20_000)
    renamed = {"meeting_id": "meeting"}
    field_order = ("meeting", "mode", "occurred_at", "contacts", "our_people", "outcome", "minutes", "text")

    def __init__(self, people: People, planned: Sequence[MeetingRow], *args: Any, **kwargs: Any) -> None:
        super().__init__(people, *args, **kwargs)
        self.planned = {meeting.meeting_id: meeting for meeting in planned}
        _offer_meetings(self.fields, planned, none="one that was not planned")
        chosen = self.planned.get(str(self.initial.get("meeting", "")))
        if chosen is not None:
            self.initial.setdefault("mode", chosen.mode)
            if chosen.at <= timezone.now():
                self.initial.setdefault("occurred_at", chosen.at)

    def draft(self, now: datetime) -> dict[str, Any]:
        given = self.cleaned_data
        data = {
            "meeting_id": given.get("meeting") or str(given["token"]),
            "mode": given["mode"],
            "contacts": self.their_people(),
            "our_people": given.get("our_people"),
            "outcome": given["outcome"],
            "minutes": given["minutes"],
            "topics": given["topics"],
        }
        return self.event("meeting_held", min(given["occurred_at"], now), data, given["text"].strip())


class PlanForm(Act):
    """A meeting ahead."""

    starts_at = Moment(label="When")
    minutes = forms.IntegerField(
        label="Minutes",
        min_value=5,
        max_value=10_080,
        initial=60,
        widget=forms.NumberInput(attrs={"class": "rel-input", "inputmode": "numeric"}),
    )
    mode = forms.ChoiceField(label="How", widget=Chips, choices=[("in_person", "In person"), ("video", "By video")])
    contacts = forms.MultipleChoiceField(label="Whom we invite", widget=ManyChips, required=False)
    our_people = forms.MultipleChoiceField(label="Of us", widget=ManyChips, required=False)
    place = forms.CharField(label="Where", widget=_line(), required=False, max_length=300)
    agenda = forms.CharField(label="What for", widget=_text(2), required=False, max_length=2000)

    def __init__(self, people: People, *args: Any, **kwargs: Any) -> None:
        super().__init__(people, *args, **kwargs)
        self.fields["starts_at"].help_text = f"In your zone, {people.zone}."

    def clean_starts_at(self) -> datetime:
        moment: datetime = self.cleaned_data["starts_at"]
        if moment <= timezone.now():
            raise ValidationError("This has passed. A meeting that took place is logged as held.")
        return moment

    def draft(self, now: datetime) -> dict[str, Any]:
        given = self.cleaned_data
        ends_at = given["starts_at"] + timedelta(minutes=given["minutes"])
        data = {
            "meeting_id": str(given["token"]),
            "starts_at": _written(given["starts_at"]),
            "ends_at": _written(ends_at),
            "mode": given["mode"],
            "contacts": given.get("contacts"),
            "our_people": given.get("our_people"),
            "place": given["place"],
            "agenda": given["agenda"],
        }
        return self.event("meeting_scheduled", now, data)


class MeetingChangeForm(Act):
    """What became of a planned meeting that was not simply held."""

    meeting = forms.ChoiceField(label="Which meeting", widget=Chips)
    became = forms.ChoiceField(
        label="What became of it",
        widget=Chips,
        choices=[
            ("accepted", "They accepted"),
            ("declined", "They declined"),
            ("moved", "It was moved"),
            ("cancelled", "It was cancelled"),
            ("missed", "Somebody was absent"),
        ],
    )
    new_starts_at = Moment(label="It is now on", required=False)
    side = forms.ChoiceField(
        label="By whom, or who was absent",
        widget=Chips,
        required=False,
        choices=[("theirs", "They"), ("ours", "We"), ("both", "Both")],
    )
    reason = forms.CharField(label="Why", widget=_line(), required=False, max_length=1000)
    renamed = {"meeting_id": "meeting", "by": "side", "absent": "side", "answer": "became"}

    def __init__(self, people: People, planned: Sequence[MeetingRow], *args: Any, **kwargs: Any) -> None:
        super().__init__(people, *args, **kwargs)
        _offer_meetings(self.fields, planned, none=None)
        self.fields["new_starts_at"].help_text = f"When it was moved; in your zone, {people.zone}."

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        if given.get("became") == "moved" and not given.get("new_starts_at") and "new_starts_at" not in self.errors:
            self.add_error("new_starts_at", "Say when it is now to be.")
        return given

    def draft(self, now: datetime) -> dict[str, Any]:
        given = self.cleaned_data
        about = {"meeting_id": given["meeting"]}
        became, side, reason = given["became"], given["side"], given["reason"]
        match became:
            case "moved":
                more = {"new_starts_at": _written(given["new_starts_at"]), "by": side, "reason": reason}
            case "cancelled":
                more = {"by": side, "reason": reason}
            case "missed":
                more = {"absent": side, "reason": reason}
            case _:
                return self.event("meeting_answered", now, {**about, "answer": became}, reason)
        return self.event(f"meeting_{became}", now, {**about, **more})


def _offer_meetings(fields: dict[str, forms.Field], planned: Sequence[MeetingRow], *, none: str | None) -> None:
    field = fields["meeting"]
    assert isinstance(field, forms.ChoiceField)
    options = [
        (one.meeting_id, f"{words.when(one.at, 'instant', 'UTC')} {words.MODES.get(one.mode or '', '')}")
        for one in planned
    ]
    field.choices = [*options, *([("", none)] if none else [])]
    field.initial = options[0][0] if options else ""
    if not options and none:
        del fields["meeting"]


class Decision(Act):
    """What a person decides on what they saw: it carries the client's version at that time."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    reason = forms.CharField(label="Why", widget=_line(), max_length=1000)


class RetractForm(Decision):
    """The event never happened."""

    note = "Nothing is deleted: the event stays in the log, marked as retracted, and counts no more. This is final."

    def __init__(self, people: People, fact: EventRow, *args: Any, **kwargs: Any) -> None:
        super().__init__(people, *args, **kwargs)
        self.fact = fact

    def draft(self, now: datetime) -> dict[str, Any]:
        data = {"event_id": self.fact.event_id, "reason": self.cleaned_data["reason"]}
        return self.event("event_retracted", now, data)


class CorrectForm(Decision):
    """How the event was in truth: its fields as they hold now, made from the vocabulary."""

    note = "Nothing is overwritten: the log keeps what was said before, and the correction beside it."
    occurred_at = Moment(label="When it happened")
    # Ids by which events name each other: changing one by hand would only break the thread.
    KEPT = ("meeting_id", "thread", "in_reply_to", "commitment_id", "their_account", "statement", "url", "ends_at")

    def __init__(
        self, people: People, fact: EventRow, stands: Mapping[str, Any], at: datetime, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(people, *args, **kwargs)
        self.fact, self.stands = fact, stands
        meeting = EVENT_TYPES[fact.type].kind == "meeting"
        self.specs: dict[str, Spec] = {
            name: one
            for name, one in EVENT_TYPES[fact.type].specs.items()
            if name not in self.KEPT and one.kind in _MAKERS and not (meeting and name == "direction")
        }
        for name, one in self.specs.items():
            self.fields[name] = _MAKERS[one.kind](name, one)
            if one.kind == "people":
                _offer(self.fields, name, people.theirs if name == "contacts" else people.ours)
        for name in list(self.specs):
            if name in self.fields:
                self.initial.setdefault(name, _shown(stands.get(name), self.specs[name]))
        # The form shows minutes: a moment left as it was is no change, and keeps its seconds.
        self.initial.setdefault("occurred_at", at.replace(second=0, microsecond=0))
        self.fields["occurred_at"].help_text = f"In your zone, {people.zone}."
        self.order_fields(["reason", "occurred_at"])

    def draft(self, now: datetime) -> dict[str, Any]:
        given = self.cleaned_data
        changed: dict[str, Any] = {"event_id": self.fact.event_id, "reason": given["reason"]}
        if "occurred_at" in self.changed_data:
            changed |= {"occurred_at": _written(given["occurred_at"]), "precision": "instant"}
        whole = dict(self.stands)
        for name in self.specs:
            if name in self.fields and name in self.changed_data:
                whole[name] = _stored(given[name], self.specs[name])
        whole = {name: value for name, value in whole.items() if value not in (None, "", [])}
        if whole != dict(self.stands):
            changed["data"] = whole
        return self.event("event_corrected", now, changed)

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        if not self.errors and not set(self.changed_data) - {"reason", "token", "version"}:
            raise ValidationError("Nothing is different: change what was wrong, or go back.")
        return given


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _shown(value: Any, spec: Spec) -> Any:
    if spec.kind != "time" or not isinstance(value, str):
        return value
    moment = parse_datetime(value)
    return moment and moment.replace(second=0, microsecond=0)


def _stored(value: Any, spec: Spec) -> Any:
    return _written(value) if isinstance(value, datetime) else value


def _label(name: str) -> str:
    known = {"contacts": "Their people", "our_people": "Our people", "our_account": "Through", "topics": "About"}
    return known.get(name, words.type_word(name))


def _choice_field(name: str, spec: Spec) -> forms.Field:
    said = {**words.CHANNELS, **words.MODES} if name in ("channel", "mode") else {}
    options = [(one, words.sentence_case(said.get(one, one.replace("_", " ")))) for one in spec.choices]
    empty = [] if spec.required else [("", "not said")]
    return forms.ChoiceField(label=_label(name), choices=[*empty, *options], required=spec.required, widget=_select())


def _text_field(name: str, spec: Spec) -> forms.Field:
    widget = _text(2) if spec.most > 300 else _line()
    return forms.CharField(label=_label(name), required=spec.required, max_length=spec.most, widget=widget)


# How a field of the vocabulary is filled in; kinds that are not here are kept as they were.
_MAKERS: Mapping[str, Callable[[str, Spec], forms.Field]] = {
    "choice": _choice_field,
    "text": _text_field,
    "time": lambda name, spec: Moment(label=_label(name), required=spec.required),
    "integer": lambda name, spec: forms.IntegerField(
        label=_label(name),
        required=spec.required,
        min_value=0,
        max_value=spec.most,
        widget=forms.NumberInput(attrs={"class": "rel-input"}),
    ),
    "texts": lambda name, spec: Topics(label=_label(name)),
    "people": lambda name, spec: forms.MultipleChoiceField(label=_label(name), required=False, widget=ManyChips),
}


class ClientForm(forms.Form):
    """A new client."""

    name = forms.CharField(widget=_line(autofocus=True), max_length=200)
    tier = forms.ChoiceField(
        label="How closely it is kept",
        widget=Chips,
        initial="standard",
        choices=[
            ("key", "Key: meet about every 60 days"),
            ("standard", "Standard: every 90"),
            ("light", "Light: every 180"),
        ],
    )
    time_zone = forms.CharField(
        label="Time zone", widget=_line(), max_length=64, help_text="Questions are due by its working days."
    )
    owner = forms.ChoiceField(label="Who looks after it", widget=_select(), required=False)
    tags = Topics(label="Tags")
    domains = Topics(label="Internet domains")
    remote_only = forms.BooleanField(
        label="Remote only",
        required=False,
        help_text="Video stands for meeting in person.",
    )

    def __init__(self, owners: Mapping[str, str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        owner = self.fields["owner"]
        assert isinstance(owner, forms.ChoiceField)
        owner.choices = _choices(owners, "nobody yet")

    def refuse(self, errors: Iterable[FieldError]) -> None:
        """Shows what the domain refused, at the field that it is about."""
        for error in errors:
            name = error.pointer.strip("/").split("/")[0]
            self.add_error(name if name in self.fields else None, error.detail)
