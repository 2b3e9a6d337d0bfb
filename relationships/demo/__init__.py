"""The demo: some thirty invented firms and a year and a half with them, dated relative to now.

It comes in as everything does, by commands and ingest, but with an injected clock: each thing is recorded when we
would have learnt of it, mostly at once, sometimes days late, and some of it is corrected or taken back.
"""

from __future__ import annotations

from .loading import Summary, load_demo

__all__ = ["Summary", "load_demo"]
