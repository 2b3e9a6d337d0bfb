"""The settings under test, with data of the tests' own and the owner's login, since tests make tables.

Beside the installation's data: tests neither disturb an ``up`` in this folder nor lose their server to its end.
What the run-time role may do has tests of its own.
"""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("DATA_DIR", str(Path(__file__).resolve().parent.parent / "var" / "tests"))

from config.settings import *  # noqa: F403
from config.settings import DATABASES, OWNER_LOGIN

DATABASES["default"].update(OWNER_LOGIN)

# Hashing passwords well takes a tenth of a second each.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Tests read messages and pages, not hashed file names.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
