"""The two descriptions of an event's data, validation and JSON Schema, agree over anything that may be sent."""

from __future__ import annotations

from typing import Any

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from relationships.domain.events import EVENT_TYPES, InvalidData, clean, json_schema, split
from relationships.domain.fields import Spec

UUIDS = st.uuids(version=4).map(str)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20)
WORDS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=12)
TIMES = st.datetimes(timezones=st.timezones()).map(lambda at: at.replace(microsecond=0).isoformat())
PEOPLE = st.one_of(
    UUIDS,
    WORDS.map(lambda word: f"{word}@example.org"),
    st.fixed_dictionaries({"platform": WORDS, "handle": WORDS}, optional={"name": TEXTS}),
)
HANDLES = st.fixed_dictionaries({"platform": WORDS, "handle": WORDS})
EXTERNALS = st.fixed_dictionaries({"source": WORDS, "id": TEXTS})


def values(spec: Spec) -> st.SearchStrategy[Any]:
    """What a sender might put in a field, mostly right."""
    kinds = {
        "text": TEXTS,
        "choice": st.sampled_from(spec.choices or ("x",)),
        "time": TIMES,
        "zone": st.sampled_from(["Europe/Berlin", "UTC", "Nowhere/At_all"]),
        "integer": st.integers(-1, spec.most + 1),
        "boolean": st.booleans(),
        "id": UUIDS,
        "ids": st.lists(UUIDS, max_size=3),
        "person": PEOPLE,
        "people": st.lists(PEOPLE, max_size=4),
        "texts": st.lists(TEXTS, max_size=3),
        "externals": st.lists(EXTERNALS, max_size=2),
        "handles": st.lists(HANDLES, max_size=2),
        "object": st.dictionaries(WORDS, st.integers(), max_size=2),
    }
    return kinds[spec.kind]


@st.composite
def stated(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    name = draw(st.sampled_from(sorted(EVENT_TYPES)))
    specs = EVENT_TYPES[name].specs
    needed = {field for field, spec in specs.items() if spec.required or field == "direction"}
    chosen = needed | draw(st.sets(st.sampled_from(sorted(specs))))
    return name, {field: draw(values(specs[field])) for field in sorted(chosen)}


VALIDATORS = {name: jsonschema.Draft202012Validator(json_schema(name)) for name in EVENT_TYPES}


@given(stated())
def test_what_is_taken_fits_the_schema_is_stable_and_splits_without_loss(case: tuple[str, dict[str, Any]]) -> None:
    name, data = case
    try:
        cleaned = clean(name, data, resolved=False)
    except InvalidData:
        return
    VALIDATORS[name].validate(data)
    VALIDATORS[name].validate(cleaned)
    assert clean(name, cleaned, resolved=False) == cleaned
    clear, personal = split(name, cleaned)
    assert set(clear) | set(personal) == set(cleaned)
    assert set(personal) - {"data"} == set(EVENT_TYPES[name].sealed) & set(cleaned)
