#!/usr/bin/env python
"""Django's command line, and ours: ``manage.py up`` sets everything up and runs it."""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from accounts import walls

    try:
        # Commands and worker are nobody's request. Web requests that a command serves begin with nothing again.
        with walls.seeing_everything():
            execute_from_command_line(sys.argv)
    except ImproperlyConfigured as problem:
        sys.exit(f"Settings: {problem}")


if __name__ == "__main__":
    main()
