"""Whatever is done of the list in `docs/security.md` stands in the log: once, by whom, to what, from where (E13)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.forms.models import model_to_dict
from django.utils import timezone
from pytest_django import Settings

from accounts import security
from accounts.models import SecurityEntry, User
from tests.admin.conftest import PASSWORD, House, house
from tests.security.acts import ACTS, HERE, HIDDEN, NEW, WRONG, Act, Scene
from tests.webhooks.receiver import receiving

__all__ = ["house"]  # fixture


@pytest.fixture
def scene(house: House, settings: Settings, tmp_path: Path) -> Iterator[Scene]:
    settings.WEBHOOK_ALLOW_HOSTS = ["127.0.0.1"]
    with receiving() as receiver:
        yield Scene(house, receiver.url, tmp_path, actor=f"user:{house.admin.pk}")


@pytest.mark.parametrize("act", ACTS, ids=str)
def test_it_is_noted_once_with_who_what_and_from_where_and_nothing_secret(scene: Scene, act: Act) -> None:
    about = act.do(scene)
    [entry] = SecurityEntry.objects.filter(pk__gt=scene.since)
    assert (entry.kind, entry.actor, entry.about) == (act.kind, scene.actor, about)
    assert timedelta(0) <= timezone.now() - entry.at < timedelta(minutes=1)
    by_command = act.way == "by command"
    assert entry.address == ("" if by_command else HERE)
    assert bool(entry.request_id) != by_command
    assert entry.organisation_id == (None if about == "database" else scene.house.organisation.pk)
    private = "|".join(map(re.escape, kept_private(scene)))
    assert not re.search(rf"(?<![A-Za-z])({private})(?![A-Za-z])", json.dumps(model_to_dict(entry), default=str))


def kept_private(scene: Scene) -> set[str]:
    """Secrets, what persons are called, and what they wrote."""
    people = {word for user in User.objects.all() for word in (*user.name.split(), *user.email.split("@"))}
    contact = {"Ann", "Lee", "ann", "brightwater"}
    secret = scene.api.secret or ""
    return people | contact | {PASSWORD, NEW, WRONG, HIDDEN, secret.split("_", 2)[2], "whsec", "Secret plan"}


def test_every_kind_of_entry_is_on_the_list() -> None:
    assert {act.kind for act in ACTS} == set(security.KINDS)
