"""What every test gets: the embedded server stopped at the end, and skips that say why."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from pytest_django import DjangoDbBlocker

ROOT = Path(__file__).resolve().parent.parent
REAL_DATA = ROOT.parent / "shared" / "data"

# How long a draw takes says how busy the machine is; no test is to fail for that.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not REAL_DATA.is_dir():
        absent = pytest.mark.skip(reason=f"no data collection in {os.path.relpath(REAL_DATA, ROOT)}")
        for item in items:
            if "real_data" in item.keywords:
                item.add_marker(absent)


def pytest_unconfigure() -> None:
    """Stops the embedded server, which would else stay."""
    from django.conf import settings

    if settings.DATABASES["default"]["ENGINE"] == "config.embedded":
        from config import embedded

        embedded.stop(settings.EMBEDDED_DIRECTORY)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Lets tests with real transactions empty the tables of the log; tests/event_store proves the triggers."""
    from django.db import connection

    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE relationships_event DISABLE TRIGGER event_not_truncated")
        cursor.execute("ALTER TABLE relationships_sealedpart DISABLE TRIGGER sealed_part_not_truncated")
