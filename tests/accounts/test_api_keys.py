from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError

from accounts.models import ApiKey, Organisation, Team

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def organisation() -> Organisation:
    return Organisation.objects.create(slug="harbour", name="Harbour")


def issue(organisation: Organisation, **about: object) -> tuple[ApiKey, str]:
    fields = {"name": "sync", "scopes": ["events:read"], "now": NOW} | about
    return ApiKey.issue(organisation=organisation, **fields)  # type: ignore[arg-type]


def test_a_key_is_known_by_its_secret_which_is_kept_nowhere(organisation: Organisation) -> None:
    key, secret = issue(organisation)
    assert ApiKey.authenticate(secret, now=NOW) == key
    stored = ApiKey.objects.values().get()
    assert secret.rpartition("_")[2] not in str(stored)
    assert len(bytes(stored["key_hash"])) == 32


def test_the_prefix_leads_to_the_key_and_begins_the_secret(organisation: Organisation) -> None:
    key, secret = issue(organisation)
    assert secret.startswith(f"rsk_{key.prefix}_")


@pytest.mark.parametrize("altered", ["", "rsk", "rsk__", "nonsense", "rsk_000000000000_x", "rsk_ä\ud800_x", "rsk_\0_"])
def test_other_secrets_lead_to_no_key(organisation: Organisation, altered: str) -> None:
    issue(organisation)
    assert ApiKey.authenticate(altered, now=NOW) is None


def test_a_right_prefix_with_a_wrong_secret_leads_to_no_key(organisation: Organisation) -> None:
    _, secret = issue(organisation)
    assert ApiKey.authenticate(secret[:-1] + ("A" if secret[-1] != "A" else "B"), now=NOW) is None
    assert ApiKey.authenticate(secret + "A", now=NOW) is None


def test_a_key_works_until_the_moment_it_expires(organisation: Organisation) -> None:
    _, secret = issue(organisation, expires_at=NOW + timedelta(days=1))
    assert ApiKey.authenticate(secret, now=NOW + timedelta(days=1, microseconds=-1))
    assert ApiKey.authenticate(secret, now=NOW + timedelta(days=1)) is None


def test_a_revoked_key_is_dead_at_once_and_the_first_revocation_counts(organisation: Organisation) -> None:
    key, secret = issue(organisation)
    key.revoke(now=NOW)
    key.revoke(now=NOW + timedelta(days=1))
    assert ApiKey.authenticate(secret, now=NOW) is None
    key.refresh_from_db()
    assert key.revoked_at == NOW


def test_use_is_noted_at_most_once_a_minute(organisation: Organisation) -> None:
    key, secret = issue(organisation)
    for seconds, noted in ((0, 0), (59, 0), (60, 60)):
        ApiKey.authenticate(secret, now=NOW + timedelta(seconds=seconds))
        key.refresh_from_db()
        assert key.last_used_at == NOW + timedelta(seconds=noted)


def test_a_key_is_refused_with_every_reason(organisation: Organisation) -> None:
    other = Organisation.objects.create(slug="quay", name="Quay")
    team = Team.objects.create(organisation=other, slug="north", name="North")
    with pytest.raises(ValidationError) as refused:
        issue(organisation, scopes=["events:red"], team=team, expires_at=NOW)
    assert set(refused.value.message_dict) == {"scopes", "team", "expires_at"}
    assert "'events:red'" in str(refused.value)


def test_a_key_without_scopes_is_refused(organisation: Organisation) -> None:
    with pytest.raises(ValidationError, match="nothing given"):
        issue(organisation, scopes=[])
