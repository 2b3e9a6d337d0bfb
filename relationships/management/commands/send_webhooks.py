"""The process that tells others what happens. `manage.py up` runs one; elsewhere it runs beside `qcluster`."""

from __future__ import annotations

import logging
import signal
import threading
from datetime import datetime, timedelta
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection
from django.utils import timezone

from relationships import webhooks
from relationships.models.reports import Heartbeat

logger = logging.getLogger(__name__)

HEARTBEAT = "webhooks"
BEATS_EVERY = timedelta(seconds=10)
POLL_S = 0.5
AFTER_FAILURE_S = 1.0


class Command(BaseCommand):
    help = "Sends webhooks until it is told to stop. A second one beside it does no harm."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()

        def ask_to_stop(number: int, frame: FrameType | None) -> None:
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, ask_to_stop)
        sender = webhooks.Sender()
        beaten = datetime.min.replace(tzinfo=timezone.get_current_timezone())
        while not stop.is_set():
            now = timezone.now()
            try:
                if now - beaten >= BEATS_EVERY:
                    Heartbeat.objects.update_or_create(name=HEARTBEAT, defaults={"at": now})
                    beaten = now
                if not sender.turn(now=now):
                    sender.wait(POLL_S)
            except DatabaseError:
                logger.exception("the database does not answer; trying again")
                connection.close()
                stop.wait(AFTER_FAILURE_S)
        # What is on its way is waited for: else it would be sent a second time.
        sender.close(now=timezone.now())
