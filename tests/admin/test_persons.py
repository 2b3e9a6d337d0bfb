"""What a person at a client may demand, and the sheet to read before meeting them."""

from __future__ import annotations

import json
from collections.abc import Callable

from django.test import Client as Browser

from accounts.models import User
from accounts.roles import principal_of_user
from relationships import queries
from relationships.queries.rows import ContactRow
from tests.admin.conftest import House

SignIn = Callable[[User], Browser]


def ann(house: House) -> ContactRow:
    return queries.contacts(principal_of_user(house.admin), client=house.brightwater.id).rows[0]


def url(house: House, act: str) -> str:
    return f"/admin/relationships/client/person/{ann(house).id}/{act}/"


def test_only_administrators_erase_and_only_with_the_name(house: House, signed_in: SignIn) -> None:
    for user in (house.mia, house.lead, house.auditor):
        assert signed_in(user).get(url(house, "erase")).status_code == 403
        assert signed_in(user).post(url(house, "erase"), {"name": "Ann Lee"}).status_code == 403
    browser = signed_in(house.admin)
    page = browser.get(url(house, "erase"))
    assert "Erase Ann Lee for good" in page.content.decode()
    refused = browser.post(url(house, "erase"), {"name": "Ann"})
    assert refused.status_code == 422
    assert ann(house).name == "Ann Lee"
    done = browser.post(url(house, "erase"), {"name": " ann  lee ", "reason": "Asked for by letter"}, follow=True)
    assert "Erased: 4 sealed texts, 1 handles" in done.content.decode()
    assert ann(house).name is None
    assert "person/" + ann(house).id + "/erase" not in done.content.decode()
    again = browser.get(url(house, "erase"), follow=True)
    assert "erased before" in again.content.decode()


def test_who_reads_their_words_exports_them(house: House, signed_in: SignIn) -> None:
    told = b"".join(signed_in(house.mia).get(url(house, "export"), {"form": "json"}).streaming_content)  # type: ignore[attr-defined]
    assert json.loads(told)["person"]["name"] == "Ann Lee"
    page = signed_in(house.mia).get(url(house, "export"))
    assert page.headers["Content-Disposition"].endswith('.html"')
    assert "How long do you take to deliver?" in b"".join(page.streaming_content).decode()  # type: ignore[attr-defined]
    assert signed_in(house.auditor).get(url(house, "export")).status_code == 404
    assert signed_in(house.tom).get(url(house, "export")).status_code == 404


def test_the_client_page_offers_what_its_reader_may(house: House, signed_in: SignIn) -> None:
    def links(user: User) -> list[str]:
        page = signed_in(user).get(f"/admin/relationships/client/{house.brightwater.id}/").content.decode()
        return [act for act in ("export", "erase") if f"{ann(house).id}/{act}/" in page] + ["dossier"] * (
            f"{house.brightwater.id}/dossier/" in page
        )

    assert links(house.admin) == ["export", "erase", "dossier"]
    assert links(house.mia) == ["export", "dossier"]
    assert links(house.auditor) == ["dossier"]


def test_the_dossier_is_one_sheet(house: House, signed_in: SignIn) -> None:
    house.record("commitment_made", 5, what="Send the <offer>")
    path = f"/admin/relationships/client/{house.brightwater.id}/dossier/"
    page = signed_in(house.mia).get(path).content.decode()
    for words in ("Brightwater Foods", "How long do you take to deliver?", "Ann Lee", "Send the &lt;offer&gt;", "Met"):
        assert words in page, words
    blind = signed_in(house.auditor).get(path).content.decode()
    assert "How long" not in blind
    assert "Ann Lee" not in blind
    assert signed_in(house.tom).get(path).status_code == 404
    day = f"{queries_day(house)}"
    assert "As it stood on" in signed_in(house.mia).get(path, {"as_of": day}).content.decode()
    assert signed_in(house.mia).get(path, {"as_of": "1990-01-01"}).status_code == 404
    assert signed_in(house.mia).post(path).status_code == 405


def queries_day(house: House) -> str:
    return house.now.replace(day=1).date().isoformat()
