"""A real browser on a live server, with the demo's kind of data. Skipped where there is no Chromium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from accounts.models import User
from tests.admin.conftest import PASSWORD, House, house

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["house"]
CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what is in this folder, and says why it is skipped."""
    try:
        import playwright.sync_api  # noqa: F401

        reason = None if CHROMIUM else "no Chromium on this machine (Debian: apt-get install chromium)"
    except ImportError:
        reason = "playwright is not installed"
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    # Playwright's loop would make Django refuse its database within the test.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@dataclass
class Visit:
    """A page in a window of its own, and everything it complained of or asked of other servers."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> None:
        self.page.on("console", lambda said: self._complain(said.text) if said.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self._complain(str(error)))
        self.page.on("request", lambda asked: self._asked(asked.url))

    def _complain(self, what: str) -> None:
        # A refused form answers 422, which the browser notes as a failure to load.
        if "status of 422" not in what:
            self.complaints.append(what)

    def _asked(self, url: str) -> None:
        if not url.startswith((self.base, "data:")):
            self.complaints.append(f"asked {url}")

    def go(self, path: str) -> None:
        self.page.goto(self.base + path)

    def sign_in(self, user: User) -> None:
        self.go("/admin/login/")
        self.page.fill("#id_username", user.email)
        self.page.fill("#id_password", PASSWORD)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url("**/admin/")

    def overflows(self) -> bool:
        """Whether the page is wider than its window."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > innerWidth"))

    def be_narrow_and_dark(self) -> None:
        """A telephone at night."""
        self.page.set_viewport_size({"width": 390, "height": 844})
        self.page.emulate_media(color_scheme="dark")


@pytest.fixture
def visit(chromium: Browser, live_server: Any, house: House) -> Iterator[Visit]:
    """Mia, signed in, in a wide window of a far zone. Ends with a check that nothing complained."""
    for user in (house.mia, house.admin):
        user.set_password(PASSWORD)
        user.save()
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, timezone_id="Asia/Tokyo")
    visit = Visit(context.new_page(), live_server.url)
    visit.listen()
    visit.sign_in(house.mia)
    yield visit
    context.close()
    assert not visit.complaints
