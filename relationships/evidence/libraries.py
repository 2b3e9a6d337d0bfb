"""The libraries that the back-test needs beyond those of the product, found when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

NEEDED = ("numpy", "scipy.special", "scipy.optimize", "sklearn.linear_model")
INSTALLED_AS = {"sklearn": "scikit-learn"}


class LibrariesMissing(Exception):
    """The back-test needs numpy, scipy and scikit-learn."""

    def __init__(self, name: str) -> None:
        package = name.partition(".")[0]
        super().__init__(
            f"{INSTALLED_AS.get(package, package)} is not installed: pip install -r requirements-evidence.txt"
        )


def library(name: str) -> Any:
    """A module of one of them. Raises LibrariesMissing."""
    try:
        return import_module(name)
    except ImportError as missing:
        raise LibrariesMissing(name) from missing


def need_libraries() -> None:
    """Raises LibrariesMissing unless all are there: to be told before the work, not after it."""
    for name in NEEDED:
        library(name)
