"""One reader's mail, sent at most once.

``sending`` is committed before the mail server is spoken to, ``sent`` after it took the message. A failure
that certainly sent nothing (no connection, a refusal) is tried again; one that may have sent the message is
not: it is ``unknown`` until somebody asks for it with ``send_again``. A doubled mail would be worse than one
to ask about.
"""

from __future__ import annotations

import logging
import smtplib
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import transaction
from django.urls import NoReverseMatch, reverse

from accounts.models import User
from accounts.roles import Role
from relationships.models.reports import Delivery
from relationships.models.roster import Colleague
from relationships.reports import letter as letters
from relationships.reports import people
from relationships.reports.letter import Letter
from relationships.reports.schedules import LEASE, MANAGERS, MAX_ATTEMPTS, back_off
from relationships.reports.snapshot import Snapshot

logger = logging.getLogger(__name__)

State = Delivery.State


class NotSent(Exception):
    """The mail certainly did not go out."""


class NoReader(NotSent):
    """The reader is gone, or may no longer read reports; trying again is of no use."""


def deliver(delivery_id: UUID, *, now: datetime) -> str:
    """Sends one delivery if it is to be sent, and returns the state it ends in.

    One that another worker left at ``sending`` becomes ``unknown`` and nothing is sent.
    """
    delivery = _begin(delivery_id, now)
    if delivery.state != State.SENDING:
        return delivery.state
    try:
        send(_mail(delivery))
    except NotSent as problem:
        hopeless = isinstance(problem, NoReader) or delivery.attempts >= MAX_ATTEMPTS
        state, again = (State.FAILED, None) if hopeless else (State.WAITING, now + back_off(delivery.attempts))
        return _end(delivery, state, problem=str(problem), next_attempt_at=again)
    except Exception as problem:
        logger.exception("delivery %s: it is not known whether the mail went out", delivery_id)
        return _end(delivery, State.UNKNOWN, problem=f"{type(problem).__name__}: {problem}")
    return _end(delivery, State.SENT, sent_at=now)


def send_again(delivery_id: UUID, *, now: datetime) -> bool:
    """Asks for an ``unknown`` or ``failed`` delivery to be sent once more; False when it is neither."""
    asked = Delivery.objects.filter(id=delivery_id, state__in=[State.UNKNOWN, State.FAILED])
    return bool(asked.update(state=State.WAITING, attempts=0, next_attempt_at=now, problem=""))


def send(mail: EmailMultiAlternatives) -> None:
    """Gives a mail to the server. Raises NotSent if it certainly was not taken; any other error leaves that
    open."""
    connection = get_connection()
    try:
        connection.open()
    except (OSError, smtplib.SMTPException) as problem:
        raise NotSent(f"no connection to the mail server: {problem}") from problem
    try:
        mail.connection = connection
        mail.send()
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPResponseException) as problem:
        raise NotSent(f"the mail server refused it: {problem}") from problem
    finally:
        connection.close()


@transaction.atomic
def _begin(delivery_id: UUID, now: datetime) -> Delivery:
    rows = Delivery.objects.select_for_update(of=("self",)).select_related("run__ledger")
    delivery = rows.get(id=delivery_id)
    if delivery.state == State.SENDING:
        delivery.state, delivery.next_attempt_at = State.UNKNOWN, None
        delivery.problem = "The worker stopped between giving the mail to the server and hearing back."
        delivery.save(update_fields=["state", "next_attempt_at", "problem"])
    elif delivery.state == State.WAITING:
        delivery.state, delivery.next_attempt_at = State.SENDING, now + LEASE
        delivery.attempts += 1
        delivery.save(update_fields=["state", "attempts", "next_attempt_at"])
    return delivery


def _end(
    delivery: Delivery,
    state: State,
    *,
    problem: str = "",
    sent_at: datetime | None = None,
    next_attempt_at: datetime | None = None,
) -> str:
    # Meanwhile another worker may have taken this one for dead and said "unknown": this one knows.
    Delivery.objects.filter(id=delivery.id, state__in=[State.SENDING, State.UNKNOWN]).update(
        state=state, problem=problem[:2000], sent_at=sent_at, next_attempt_at=next_attempt_at
    )
    return state


def _mail(delivery: Delivery) -> EmailMultiAlternatives:
    try:
        user = User.objects.get(
            id=delivery.user_id,
            organisation_id=delivery.run.ledger.organisation_id,
            is_active=True,
            role__in=[Role.ADMINISTRATOR, *MANAGERS],
        )
    except User.DoesNotExist:
        raise NoReader("the reader's login is gone, switched off, or no longer one that reads reports") from None
    letter = letter_to(user, delivery)
    mail = EmailMultiAlternatives(
        subject=letter.subject,
        body=letters.as_text(letter),
        to=[user.email],
        headers={"Message-ID": delivery.message_id, "Auto-Submitted": "auto-generated"},
    )
    mail.attach_alternative(letters.as_html(letter), "text/html")
    return mail


def letter_to(user: User, delivery: Delivery) -> Letter:
    """What the stored snapshot says to this reader: all clients to an administrator, their own to others.

    Reads the snapshot, names and addresses; never a stage.
    """
    if delivery.run.snapshot is None:
        raise NotSent("the report has no snapshot yet")
    snapshot = Snapshot.from_dict(delivery.run.snapshot)
    own = user.role != Role.ADMINISTRATOR
    if own:
        theirs = Colleague.objects.filter(ledger_id=delivery.ledger_id, user_id=user.pk)
        snapshot = snapshot.owned_by({str(colleague) for colleague in theirs.values_list("id", flat=True)})
    return letters.compose(
        snapshot,
        to=user.name,
        own=own,
        zone=user.time_zone,
        people=people(user.organisation_id),
        client_link=_client_link,
        home=_link("admin:index"),
    )


def _client_link(client_id: str) -> str | None:
    return _link("admin:relationships_client_change", client_id)


def _link(name: str, *arguments: str) -> str | None:
    try:
        return settings.BASE_URL.rstrip("/") + reverse(name, args=arguments)
    except NoReverseMatch:
        return None
