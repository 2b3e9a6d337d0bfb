"""Stretches of time: from, included, to, excluded, in microseconds. FOREVER is the end of one that has none."""

from __future__ import annotations

from collections.abc import Iterable

Stretch = tuple[int, int]
FOREVER = 1 << 62


def without(whole: Stretch, taken: Iterable[Stretch]) -> list[Stretch]:
    """What is left of a stretch when others are taken out of it, in order."""
    begins, ends = whole
    left = []
    for away, back in sorted(taken):
        if away >= ends:
            break
        if away > begins:
            left.append((begins, away))
        begins = max(begins, back)
    if begins < ends:
        left.append((begins, ends))
    return left
