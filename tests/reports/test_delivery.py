from __future__ import annotations

import os
import signal
import smtplib
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection, transaction
from pytest_django import Settings

from accounts.models import User
from relationships.models.reports import Delivery, ReportRun, ReportSchedule
from relationships.reports import delivery as deliveries
from relationships.reports import schedules
from tests.reports.conftest import MONDAY, Cast

pytestmark = pytest.mark.django_db
Mails = list[EmailMultiAlternatives]


@pytest.fixture
def run(cast: Cast, schedule: ReportSchedule, hand_made: list[dict[str, Any]]) -> ReportRun:
    schedules.open_runs(now=MONDAY)
    run = schedules.make(ReportRun.objects.get().id, now=MONDAY)
    assert run is not None
    return run


def claimed(now: datetime) -> list[UUID]:
    with transaction.atomic():
        return list(schedules.claim(Delivery, now=now))


def delivery_to(user: User) -> Delivery:
    return Delivery.objects.get(user_id=user.pk)


def test_a_manager_is_sent_their_own_clients_and_no_others(cast: Cast, run: ReportRun, mailoutbox: Mails) -> None:
    assert deliveries.deliver(delivery_to(cast.anna).id, now=MONDAY) == "sent"
    (mail,) = mailoutbox
    html = str(mail.alternatives[0][0])
    assert mail.to == ["anna@harbour.example"]
    for part in (str(mail.body), html):
        assert "Kestrel Optics" in part
        assert "Dunmore" not in part
        assert "Larkspur" not in part
    assert mail.subject == "Your clients on Mon 23 Nov: 1 moved, 1 may fall within 30 days"


def test_an_administrator_is_sent_all_clients(cast: Cast, run: ReportRun, mailoutbox: Mails) -> None:
    deliveries.deliver(delivery_to(cast.ada).id, now=MONDAY)
    for client in ("Kestrel Optics", "Dunmore Textiles"):
        assert client in str(mailoutbox[0].body)


def test_the_mail_is_plain_text_with_an_html_alternative_and_a_message_id_of_its_own(
    cast: Cast, run: ReportRun, mailoutbox: Mails
) -> None:
    deliveries.deliver(delivery_to(cast.anna).id, now=MONDAY)
    message = mailoutbox[0].message()
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.walk()][1:] == ["text/plain", "text/html"]
    assert message["Message-ID"] == delivery_to(cast.anna).message_id
    assert message["Message-ID"].startswith(f"<report.{run.id}.{cast.anna.pk}@")


def test_a_mail_is_sent_once_however_often_it_is_asked_for(cast: Cast, run: ReportRun, mailoutbox: Mails) -> None:
    for _ in range(3):
        assert deliveries.deliver(delivery_to(cast.anna).id, now=MONDAY) == "sent"
    assert len(mailoutbox) == 1


def test_a_client_that_changed_hands_after_the_snapshot_is_still_told_to_its_owner_of_then(
    cast: Cast, run: ReportRun, mailoutbox: Mails
) -> None:
    stored = ReportRun.objects.get().snapshot
    deliveries.deliver(delivery_to(cast.boris).id, now=MONDAY + timedelta(days=2))
    assert "Dunmore Textiles" in str(mailoutbox[0].body)
    assert ReportRun.objects.get().snapshot == stored


class NoServer(EmailBackend):
    def open(self) -> bool:
        raise ConnectionRefusedError("nobody listens")


class Refuses(EmailBackend):
    def send_messages(self, messages: Any) -> int:
        raise smtplib.SMTPRecipientsRefused({"anna@harbour.example": (550, b"no such mailbox")})


class FallsSilent(EmailBackend):
    def send_messages(self, messages: Any) -> int:
        super().send_messages(messages)
        raise TimeoutError("no answer to the end of the message")


class Dies(EmailBackend):
    """The message is out; the worker does not live to write it down."""

    def send_messages(self, messages: Any) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0


@pytest.mark.parametrize("backend", [NoServer, Refuses])
def test_what_certainly_was_not_sent_is_tried_again_and_given_up_after_three_attempts(
    cast: Cast, run: ReportRun, settings: Settings, backend: type
) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.{backend.__name__}"
    delivery = delivery_to(cast.anna)
    states = [deliveries.deliver(delivery.id, now=MONDAY) for _ in range(4)]
    assert states == ["waiting", "waiting", "failed", "failed"]
    delivery.refresh_from_db()
    assert (delivery.attempts, delivery.next_attempt_at) == (3, None)
    assert "mail server" in delivery.problem


def test_what_may_have_been_sent_is_unknown_and_not_sent_again_unless_asked(
    cast: Cast, run: ReportRun, settings: Settings, mailoutbox: Mails
) -> None:
    usual, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, f"{__name__}.FallsSilent"
    delivery = delivery_to(cast.anna)
    assert deliveries.deliver(delivery.id, now=MONDAY) == "unknown"
    settings.EMAIL_BACKEND = usual
    assert deliveries.deliver(delivery.id, now=MONDAY) == "unknown"
    assert len(mailoutbox) == 1
    assert deliveries.send_again(delivery.id, now=MONDAY)
    assert deliveries.deliver(delivery.id, now=MONDAY) == "sent"
    first, second = mailoutbox
    assert first.message()["Message-ID"] == second.message()["Message-ID"]


def test_what_was_sent_cannot_be_asked_for_again(cast: Cast, run: ReportRun, mailoutbox: Mails) -> None:
    deliveries.deliver(delivery_to(cast.anna).id, now=MONDAY)
    assert not deliveries.send_again(delivery_to(cast.anna).id, now=MONDAY)


def test_a_reader_who_lost_the_login_is_not_written_to(cast: Cast, run: ReportRun, mailoutbox: Mails) -> None:
    User.objects.filter(pk=cast.anna.pk).update(is_active=False)
    assert deliveries.deliver(delivery_to(cast.anna).id, now=MONDAY) == "failed"
    assert mailoutbox == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.database
def test_a_worker_killed_while_sending_leaves_an_unknown_mail_that_is_not_sent_again(
    cast: Cast, run: ReportRun, settings: Settings, mailoutbox: Mails
) -> None:
    usual, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, f"{__name__}.Dies"
    delivery = delivery_to(cast.anna)
    connection.close()  # a connection must not be shared by two processes
    if (child := os.fork()) == 0:
        try:
            deliveries.deliver(delivery.id, now=MONDAY)
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("sending", 1)

    settings.EMAIL_BACKEND = usual
    later = MONDAY + schedules.LEASE
    assert delivery.id in claimed(later)
    assert deliveries.deliver(delivery.id, now=later) == "unknown"
    assert mailoutbox == []
    assert delivery.id not in claimed(later + schedules.LEASE)


def test_without_a_mail_server_a_mail_is_a_file_that_mail_programs_open(
    cast: Cast, run: ReportRun, settings: Settings, tmp_path: Path
) -> None:
    settings.EMAIL_BACKEND = "relationships.reports.outbox.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "outbox")
    for _ in range(2):
        Delivery.objects.update(state="waiting")
        deliveries.deliver(delivery_to(cast.anna).id, now=MONDAY)
    (file,) = (tmp_path / "outbox").iterdir()
    message = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert file.suffix == ".eml"
    assert file.stat().st_mode & 0o077 == 0
    assert message["To"] == "anna@harbour.example"
    body = message.get_body(("html",))
    assert body is not None
    assert "Kestrel Optics" in body.get_content()
