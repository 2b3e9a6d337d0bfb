"""The vocabulary: what is taken, what is refused and how it is said, what is sealed, and the schemas."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relationships.domain.events import EVENT_TYPES, FieldError, InvalidData, UnknownType, clean, json_schema, split
from relationships.domain.fold import GESTURES, SPOKEN
from relationships.domain.policy import DEFAULT_POLICY

ANN = "0190c7a4-7b1e-7cc3-9a52-5d5b0f1a2b3c"
US = "0190c7a4-7b1e-7cc3-9a52-000000000001"


def errors(type: str, data: dict[str, Any], **options: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidData) as caught:
        clean(type, data, **options)
    return [(error.pointer, error.code) for error in caught.value.errors]


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_each_type_has_an_example_that_its_schema_and_validation_take(name: str) -> None:
    kind = EVENT_TYPES[name]
    jsonschema.Draft202012Validator.check_schema(json_schema(name))
    jsonschema.Draft202012Validator(json_schema(name)).validate(dict(kind.example))
    cleaned = clean(name, kind.example, resolved=False)
    assert clean(name, cleaned, resolved=False) == cleaned
    assert kind.summary.endswith((".", "text."))


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_clear_and_sealed_make_the_whole(name: str) -> None:
    cleaned = clean(name, EVENT_TYPES[name].example, resolved=False)
    clear, personal = split(name, cleaned)
    assert clear | personal == cleaned
    assert not set(clear) & set(EVENT_TYPES[name].sealed)


def test_the_fold_and_the_policy_know_the_same_types() -> None:
    assert {name for name, kind in EVENT_TYPES.items() if kind.spoken} == SPOKEN
    assert set(EVENT_TYPES) >= GESTURES
    assert set(DEFAULT_POLICY.points) <= set(EVENT_TYPES)


@pytest.mark.parametrize(
    ("type", "direction"),
    [
        ("question_asked", "inbound"),
        ("answer_acknowledged", "inbound"),
        ("advocacy_given", "inbound"),
        ("question_answered", "outbound"),
        ("call_held", "mutual"),
        ("introduction_made", "mutual"),
    ],
)
def test_a_silent_direction_is_filled_in(type: str, direction: str) -> None:
    assert clean(type, {"channel": "email"})["direction"] == direction


@pytest.mark.parametrize("name", [name for name, kind in EVENT_TYPES.items() if kind.kind == "meeting"])
def test_meetings_are_mutual(name: str) -> None:
    assert clean(name, EVENT_TYPES[name].example, resolved=False)["direction"] == "mutual"


def test_elsewhere_a_direction_is_required() -> None:
    assert errors("message_sent", {"channel": "email"}) == [("/direction", "required")]


@pytest.mark.parametrize(
    ("type", "data", "expected"),
    [
        ("meeting_held", {}, [("/mode", "required")]),
        ("meeting_held", {"mode": "phone"}, [("/mode", "invalid_choice")]),
        ("message_sent", {"direction": "inbound", "chanel": "email"}, [("/chanel", "unknown_field")]),
        ("message_sent", {"direction": "inbound", "a/b": 1}, [("/a~1b", "unknown_field")]),
        ("message_sent", {"direction": "inbound", "thread": "a\x00b"}, [("/thread", "invalid_text")]),
        ("message_sent", {"direction": "inbound", "topics": ["\ud800"]}, [("/topics/0", "invalid_text")]),
        ("message_sent", {"direction": "inbound", "thread": "x" * 256}, [("/thread", "too_long")]),
        ("message_sent", {"direction": "inbound", "topics": "x"}, [("/topics", "wrong_type")]),
        ("message_sent", {"direction": "inbound", "contacts": ["ann@x.example"]}, [("/contacts/0", "invalid_id")]),
        ("call_held", {"minutes": True}, [("/minutes", "wrong_type")]),
        ("call_held", {"minutes": -1}, [("/minutes", "out_of_range")]),
        ("meeting_scheduled", {"starts_at": "2026-09-03T08:00:00"}, [("/starts_at", "naive_time")]),
        ("meeting_scheduled", {"starts_at": "soon"}, [("/starts_at", "invalid_time")]),
        ("meeting_scheduled", {"starts_at": "2026-02-30T08:00:00Z"}, [("/starts_at", "invalid_time")]),
        ("meeting_scheduled", {"starts_at": "0001-01-01T00:00:00+14:00"}, [("/starts_at", "invalid_time")]),
        ("meeting_scheduled", {"starts_at": "9999-12-31T23:59:59Z"}, [("/starts_at", "out_of_range")]),
        ("meeting_scheduled", {"starts_at": "1969-12-31T23:59:59Z"}, [("/starts_at", "out_of_range")]),
        (
            "meeting_scheduled",
            {"starts_at": "2026-09-03T08:00:00Z", "ends_at": "2026-09-03T07:00:00Z"},
            [("/ends_at", "before_start")],
        ),
        ("client_registered", {"name": "A", "external_ids": [{"source": "a:b", "id": "1"}]}, None),
    ],
)
def test_bad_data_is_refused_with_its_place(type: str, data: dict[str, Any], expected: Any) -> None:
    assert errors(type, data) == (expected or [("/external_ids/0/source", "invalid_source")])


def test_data_that_is_no_object_is_refused() -> None:
    assert errors("message_sent", ["direction", "inbound"]) == [("", "wrong_type")]  # type: ignore[arg-type]


def test_an_unknown_type_says_where_the_known_ones_are() -> None:
    with pytest.raises(UnknownType, match="event-types"):
        clean("mesage_sent", {})


def test_people_may_be_ids_addresses_or_accounts_before_they_are_resolved() -> None:
    people = [ANN, "ann@x.example", {"platform": "linkedin", "handle": "ann", "name": "Ann"}]
    data = {"direction": "inbound", "contacts": people}
    assert clean("message_sent", data, resolved=False)["contacts"] == people
    wrong = {"direction": "inbound", "contacts": ["ann", {"handle": "x", "mail": "y"}]}
    assert errors("message_sent", wrong, resolved=False) == [
        ("/contacts/0", "invalid_person"),
        ("/contacts/1/mail", "unknown_field"),
        ("/contacts/1/platform", "required"),
    ]


def test_times_are_written_in_utc() -> None:
    cleaned = clean("meeting_scheduled", {"starts_at": "2026-09-03T10:00:00+02:00"})
    assert cleaned["starts_at"] == "2026-09-03T08:00:00Z"


def test_fractions_finer_than_a_microsecond_are_cut_off() -> None:
    cleaned = clean("meeting_scheduled", {"starts_at": "2026-09-03T08:00:00.123456789Z"})
    assert cleaned["starts_at"] == "2026-09-03T08:00:00.123456Z"


def test_who_is_named_twice_is_still_one() -> None:
    data = {"direction": "inbound", "contacts": [ANN, US, ANN.upper()]}
    assert clean("message_sent", data)["contacts"] == [ANN, US]
    people: list[Any] = ["a@x.example", {"platform": "x", "handle": "a"}, "a@x.example"]
    data = {"direction": "inbound", "contacts": people}
    assert clean("message_sent", data, resolved=False)["contacts"] == people[:2]


def test_what_is_personal_in_one_type_is_personal_in_each_that_can_be_corrected() -> None:
    """The type of what a correction is about is not known where its data is split."""
    for name in {name for kind in EVENT_TYPES.values() if kind.postable for name in kind.sealed}:
        holders = [kind.specs[name] for kind in EVENT_TYPES.values() if kind.postable and name in kind.specs]
        assert all(spec.sealed for spec in holders), name


def test_null_is_silence() -> None:
    assert "thread" not in clean("message_sent", {"direction": "inbound", "thread": None})


def test_personal_fields_of_a_correction_are_sealed_too() -> None:
    stated = {"event_id": ANN, "reason": "r", "data": {"mode": "video", "place": "Their office"}}
    clear, personal = split("event_corrected", stated)
    assert clear == {"event_id": ANN, "data": {"mode": "video"}}
    assert personal == {"reason": "r", "data": {"place": "Their office"}}


@given(
    st.sampled_from(sorted(EVENT_TYPES)), st.dictionaries(st.text(max_size=8), st.text() | st.integers() | st.none())
)
def test_anything_is_either_taken_or_refused_with_places(type: str, data: dict[str, Any]) -> None:
    faults: tuple[FieldError, ...] = ()
    try:
        cleaned = clean(type, data)
    except InvalidData as refused:
        faults = refused.errors
    else:
        assert clean(type, cleaned) == cleaned
        return
    assert faults
    assert all(fault.pointer.startswith("/") and fault.code and fault.detail for fault in faults)
