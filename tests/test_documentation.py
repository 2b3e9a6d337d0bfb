"""The documentation says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .documentation import PAGES as MADE
from .documentation import written

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", MADE, ids=lambda page: page.name)
def test_what_follows_from_the_code_is_up_to_date(page: Path) -> None:
    assert page.read_text() == written(page), "read what changed, then run: python -m tests.documentation"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


def test_every_page_is_named_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert f"docs/{page.name}" in readme, f"nobody finds docs/{page.name}: name it in the README"


def test_every_command_is_documented() -> None:
    told = "".join(page.read_text() for page in PAGES)
    for command in (ROOT / "relationships" / "management" / "commands").glob("[a-z]*.py"):
        assert f"manage.py {command.stem}" in told, f"manage.py {command.stem} stands in no page"
