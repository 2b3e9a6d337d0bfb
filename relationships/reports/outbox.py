"""Mail as files, for an installation without a mail server: one ``.eml`` a message, opened by any mail
program.

A file is named after its Message-ID, which is the same on every attempt, and appears whole or not at all: a
message written twice is one file, and a killed worker leaves no half of one.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend


class EmailBackend(BaseEmailBackend):
    """Writes to ``settings.EMAIL_FILE_PATH``, which it creates, for this user's eyes only."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        folder = Path(settings.EMAIL_FILE_PATH)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for message in email_messages:
            _write(folder, message)
        return len(email_messages)


def _write(folder: Path, message: EmailMessage) -> None:
    mail = message.message()
    name = re.sub(r"[^A-Za-z0-9.@_-]", "", mail["Message-ID"])
    handle, unfinished = tempfile.mkstemp(dir=folder, prefix=".", suffix=".part")
    with os.fdopen(handle, "wb") as file:
        file.write(mail.as_bytes())
        file.flush()
        os.fsync(file.fileno())
    Path(unfinished).replace(folder / f"{name}.eml")


def forget(*, before: datetime) -> None:
    """Removes what was written before a moment, unfinished messages of killed workers included."""
    if not settings.EMAIL_FILE_PATH:
        return
    for file in Path(settings.EMAIL_FILE_PATH).glob("*"):
        if file.suffix in (".eml", ".part") and file.stat().st_mtime < before.timestamp():
            file.unlink(missing_ok=True)
