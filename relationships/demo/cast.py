"""Who plays in the demo: our people, and some thirty invented firms (`firms.csv`) with those we know there.

All names are made up; addresses end in `.example`, which no mail reaches.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class OurPerson:
    """One of us; `role` is that of their login, None for a colleague without one."""

    name: str
    team: str
    role: str | None

    @property
    def email(self) -> str:
        """Where they would be written to."""
        return f"{_address(self.name)}@harbourline.example"


@dataclass(frozen=True, slots=True)
class Person:
    """A contact at a firm."""

    name: str
    role: str
    email: str


@dataclass(frozen=True, slots=True)
class Firm:
    """A client of the demo. `owner` and `second` are names of our people, `plot` is one of `plots.PLOTS`."""

    key: str
    name: str
    plot: str
    owner: str
    second: str
    tier: str
    zone: str
    people: tuple[Person, ...]
    topics: tuple[str, ...]
    tags: tuple[str, ...]
    remote_only: bool = False

    @property
    def domain(self) -> str:
        """The firm's own domain."""
        return f"{self.key}.example"


OUR_PEOPLE = (
    OurPerson("Marit Solberg", "north", "team_lead"),
    OurPerson("Tomas Weide", "north", "account_manager"),
    OurPerson("Ines Carvalho", "south", "team_lead"),
    OurPerson("Jonah Adeyemi", "south", "account_manager"),
    OurPerson("Lotte Brandsma", "south", None),
)
TEAMS = {"north": "North", "south": "South"}

_ROLES = ("Head of Operations", "Purchasing", "Managing Director", "Project Lead", "Finance")


def _address(name: str) -> str:
    return name.casefold().replace(" ", ".")


def _firm(row: dict[str, str]) -> Firm:
    key = row["key"]
    return Firm(
        key=key,
        name=row["name"],
        plot=row["plot"],
        owner=row["owner"],
        second=row["second"],
        tier=row["tier"],
        zone=row["zone"],
        people=tuple(
            Person(name, _ROLES[number], f"{_address(name)}@{key}.example")
            for number, name in enumerate(row["people"].split(", "))
        ),
        topics=tuple(row["topics"].split(", ")),
        tags=tuple(row["tags"].split(", ")),
        remote_only=row["plot"] == "remote",
    )


def _firms() -> tuple[Firm, ...]:
    with (Path(__file__).parent / "firms.csv").open(encoding="utf-8", newline="") as table:
        return tuple(_firm(row) for row in csv.DictReader(table))


FIRMS = _firms()
