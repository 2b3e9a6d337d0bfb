from __future__ import annotations

import pytest

from accounts.models import ApiKey, Organisation, Team, User
from accounts.roles import SCOPES, Principal, Role, principal_of_key, principal_of_user, system_principal

READS = {"events:read", "clients:read", "reports:read"}
WORKS = READS | {"events:write", "clients:write", "reports:write", "text:read"}


def principal(role: Role, *, is_active: bool = True) -> Principal:
    organisation = Organisation(pk=3, slug="harbour", name="Harbour")
    team = Team(pk=5, organisation=organisation, slug="north", name="North")
    return principal_of_user(
        User(pk=7, organisation=organisation, team=team, role=role, time_zone="Europe/Berlin", is_active=is_active)
    )


@pytest.mark.parametrize(
    ("role", "sight", "allowed"),
    [
        (Role.ADMINISTRATOR, "all", set(SCOPES)),
        (Role.TEAM_LEAD, "team", WORKS | {"imports:write"}),
        (Role.ACCOUNT_MANAGER, "own", WORKS),
        (Role.AUDITOR, "all", READS),
    ],
)
def test_each_role_sees_and_may_do_what_the_table_says(role: Role, sight: str, allowed: set[str]) -> None:
    someone = principal(role)
    assert someone.sight == sight
    assert {scope for scope in SCOPES if someone.may(scope)} == allowed
    assert someone.reads_text is (role != Role.AUDITOR)


def test_every_role_is_in_the_table() -> None:
    assert {principal(role).label for role in Role} == {"user:7"}


def test_who_is_switched_off_may_do_nothing() -> None:
    assert not any(principal(Role.ADMINISTRATOR, is_active=False).may(scope) for scope in SCOPES)


def test_a_principal_carries_who_and_where() -> None:
    someone = principal(Role.ACCOUNT_MANAGER)
    assert (someone.organisation_id, someone.team_id, someone.user_id) == (3, 5, 7)
    assert someone.time_zone == "Europe/Berlin"


def test_a_key_sees_all_unless_it_is_limited_to_a_team() -> None:
    organisation = Organisation(pk=3, slug="harbour", name="Harbour", time_zone="Europe/Paris")
    team = Team(pk=5, organisation=organisation, slug="north", name="North")
    whole = principal_of_key(ApiKey(organisation=organisation, prefix="abc", scopes=["events:read"]))
    limited = principal_of_key(ApiKey(organisation=organisation, team=team, prefix="abc", scopes=["*"]))
    assert (whole.sight, whole.team_id, whole.label, whole.user_id) == ("all", None, "key:abc", None)
    assert (limited.sight, limited.team_id) == ("team", 5)
    assert [scope for scope in SCOPES if whole.may(scope)] == ["events:read"]
    assert not whole.reads_text
    assert limited.reads_text
    assert whole.time_zone == "Europe/Paris"


def test_the_program_itself_may_do_all_within_one_organisation() -> None:
    itself = system_principal(3, "import")
    assert (itself.label, itself.organisation_id, itself.sight) == ("system:import", 3, "all")
    assert all(itself.may(scope) for scope in SCOPES)


def test_a_misspelt_scope_is_an_error_and_not_a_refusal() -> None:
    with pytest.raises(ValueError, match="'events:red' is no scope"):
        principal(Role.ADMINISTRATOR).may("events:red")
