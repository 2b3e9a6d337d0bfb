"""Normal forms and ids."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relationships.domain.identity import normal_domain, normal_email, normal_handle, normal_name
from relationships.domain.ids import uuid7


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Deutsche  Umwelthilfe", " deutsche umwelthilfe"),
        ("Cafe\u0301 Zoé", "Café Zoé"),
        ("L\u2019Oréal", "l'oréal"),
        ("A\u2013B", "a-b"),
        ("\ufeffACME", "Acme"),
        ("STRASSE", "Straße"),
    ],
)
def test_what_is_only_written_differently_is_the_same_name(one: str, other: str) -> None:
    assert normal_name(one) == normal_name(other)


def test_nothing_is_guessed() -> None:
    assert normal_name("Acme") != normal_name("Acme Ltd")


@given(st.text())
def test_a_normal_name_is_its_own_normal_form(name: str) -> None:
    assert normal_name(normal_name(name)) == normal_name(name)


def test_addresses_handles_and_domains() -> None:
    assert normal_email(" MAILTO:Ann@Example.ORG ") == "ann@example.org"
    assert normal_handle("x", "@Ann") == normal_handle("x", "ann")
    assert normal_handle("Email", "<Ann@example.org>") == "ann@example.org"
    assert normal_domain("https://www.Bücher.example/shop") == "xn--bcher-kva.example"


def test_ids_are_version_7_and_sort_by_time() -> None:
    first, second = uuid7(1_767_571_200_000), uuid7(1_767_571_200_001)
    assert uuid.UUID(first).version == 7
    assert uuid.UUID(first).variant == uuid.RFC_4122
    assert first < second
    assert len({uuid7(1) for _ in range(1000)}) == 1000
