from __future__ import annotations

import pytest
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.test import RequestFactory

from accounts.models import Organisation, Team, User
from accounts.roles import Role

pytestmark = pytest.mark.django_db
PASSWORD = "seven herons wade"


@pytest.fixture
def organisation() -> Organisation:
    return Organisation.objects.create(slug="default", name="Harbour")


def make(organisation: Organisation, **about: object) -> User:
    fields = {"email": "Ada@Harbour.example", "password": PASSWORD, "name": "Ada", "role": Role.AUDITOR} | about
    return User.objects.create_user(organisation=organisation, **fields)  # type: ignore[arg-type]


def test_one_signs_in_by_address_whatever_its_case(organisation: Organisation) -> None:
    user = make(organisation)
    request = RequestFactory().post("/")
    assert user.email == "ada@harbour.example"
    assert authenticate(request, username="ADA@harbour.example ", password=PASSWORD) == user
    assert authenticate(request, username="ada@harbour.example", password="wrong") is None


def test_an_address_belongs_to_one_person(organisation: Organisation) -> None:
    make(organisation)
    with pytest.raises(ValidationError):
        make(organisation, email="ada@HARBOUR.example")


def test_the_database_refuses_an_address_in_mixed_case(organisation: Organisation) -> None:
    with pytest.raises(IntegrityError):
        User.objects.create(email="Ada@harbour.example", organisation=organisation, role=Role.AUDITOR)


@pytest.mark.parametrize(
    "about", [{"time_zone": "Berlin"}, {"role": "boss"}, {"email": "ada"}, {"role": Role.TEAM_LEAD}]
)
def test_nonsense_about_a_person_is_refused(organisation: Organisation, about: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        make(organisation, **about)


def test_a_person_is_in_a_team_of_their_own_organisation(organisation: Organisation) -> None:
    other = Organisation.objects.create(slug="quay", name="Quay")
    team = Team.objects.create(organisation=other, slug="north", name="North")
    with pytest.raises(ValidationError, match="another organisation"):
        make(organisation, team=team)


def test_only_who_operates_the_installation_has_djangos_permissions(organisation: Organisation) -> None:
    administrator = make(organisation, role=Role.ADMINISTRATOR)
    operator = User.objects.create_superuser("ops@harbour.example", PASSWORD, name="Ops")
    assert not administrator.has_perm("django_q.view_task")
    assert operator.has_perm("django_q.view_task")
    assert administrator.has_module_perms("relationships")
    assert not administrator.has_module_perms("axes")
    assert operator.role == Role.ADMINISTRATOR
    operator.is_active = False
    assert not operator.has_perm("django_q.view_task")


def test_a_chosen_password_replaces_the_generated_one(organisation: Organisation) -> None:
    user = make(organisation)
    user.has_generated_password = True
    user.set_password("another heron flies")
    assert user.has_generated_password is False
