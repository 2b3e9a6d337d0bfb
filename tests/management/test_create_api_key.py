from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from accounts.models import ApiKey, Organisation, Team

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def organisation() -> Organisation:
    return Organisation.objects.create(slug="default", name="Harbour")


def create(*arguments: str) -> str:
    out = StringIO()
    call_command("create_api_key", "--name", "sync", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_the_secret_stands_alone_on_stdout(organisation: Organisation) -> None:
    Team.objects.create(organisation=organisation, slug="north", name="North")
    out = create("--scopes", "events:read, events:write", "--team", "north", "--expires", "30")
    key = ApiKey.authenticate(out.rstrip("\n"), now=timezone.now())
    assert out.count("\n") == 1
    assert key is not None
    assert key.scopes == ["events:read", "events:write"]
    assert key.team is not None
    assert key.expires_at is not None
    assert (key.expires_at - key.created_at).days == 30


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--scopes", "events:red"], "'events:red' given; there are events:read"),
        (["--scopes", ","], "nothing given"),
        (["--scopes", "*", "--team", "south"], "no team 'south'"),
        (["--scopes", "*", "--organisation", "quay"], "no organisation 'quay'"),
        (["--scopes", "*", "--expires", "0"], "from 1 to 36500"),
    ],
)
def test_what_will_not_do_is_said_and_no_key_made(arguments: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        create(*arguments)
    assert not ApiKey.objects.exists()
