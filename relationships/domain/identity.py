"""Normal forms, under which names and addresses that are written differently are the same.

They unify how a thing is written (Unicode, case, blanks, quotes and dashes) and never guess what is meant: "Acme" and
"Acme Ltd" stay two.
"""

from __future__ import annotations

import unicodedata

_SIGNS = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u00b4\u0060\u02bc", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", None),
    }
)


def normal_name(name: str) -> str:
    """A name for comparison: NFKC, signs unified, blanks collapsed, case folded."""
    unified = unicodedata.normalize("NFKC", name).translate(_SIGNS)
    return unicodedata.normalize("NFC", " ".join(unified.split()).casefold())


def normal_email(address: str) -> str:
    """An e-mail address for comparison: without blanks and "mailto:", case folded.

    RFC 5321 lets the local part differ by case; no mail provider in use does.
    """
    bare = unicodedata.normalize("NFC", address.strip()).casefold()
    return bare.removeprefix("mailto:").strip("<> ")


def normal_handle(platform: str, handle: str) -> str:
    """A handle on a platform for comparison: case folded, without a leading "@"; an address for "email"."""
    if platform.strip().casefold() == "email":
        return normal_email(handle)
    return unicodedata.normalize("NFKC", handle.strip()).casefold().lstrip("@")


def normal_domain(domain: str) -> str:
    """A domain for comparison: lower case, without scheme, path, "www." and the root's dot; IDNA where it can be."""
    bare = domain.strip().casefold().partition("://")[2] or domain.strip().casefold()
    bare = bare.partition("/")[0].rstrip(".").removeprefix("www.")
    try:
        return bare.encode("idna").decode()
    except UnicodeError:
        return bare
