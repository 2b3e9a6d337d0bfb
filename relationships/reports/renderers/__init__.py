"""One module a form. To add one: the module, a place in ``RENDERERS``, a test, a paragraph in
docs/reports.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from relationships.reports.renderers import csv, html, json, text
from relationships.reports.snapshot import Snapshot


class Renderer(Protocol):
    """Turns a snapshot into one form; reads nothing else."""

    FORM: str
    MEDIA_TYPE: str

    def render(self, snapshot: Snapshot, *, people: Mapping[str, str], zone: str) -> str: ...


RENDERERS: tuple[Renderer, ...] = (text, html, csv, json)
FORMS: Mapping[str, Renderer] = {renderer.FORM: renderer for renderer in RENDERERS}
