"""How much of the time is covered by acts that bridge a gap.

A covering act casts a window forward; the covered time is the union of all windows. Acts come in order of time, so
the union is kept as one running total and the end of the latest window: `up_to(t)` is exact for any t not
before the latest act, which is all that a fold ever asks.

Source: `model.md` §6.
"""

from __future__ import annotations


class Cover:
    """The union of the windows cast so far."""

    __slots__ = ("total", "until")

    def __init__(self, total: int = 0, until: int | None = None) -> None:
        self.total = total
        self.until = until

    def cast(self, at: int, window: int) -> None:
        """An act at `at` covers from then on for `window` microseconds."""
        end = at + window
        if self.until is None or at >= self.until:
            self.total += window
            self.until = end
        elif end > self.until:
            self.total += end - self.until
            self.until = end

    def up_to(self, instant: int) -> int:
        """Microseconds covered before `instant`, which must not lie before the latest act."""
        if self.until is None:
            return 0
        return self.total - max(0, self.until - instant)


def falls_below(covered: int, since: int, begins: int, threshold: float) -> int:
    """The moment at which `covered` ÷ (t − begins) sinks below `threshold`, when nothing more is covered.

    Not before `since`: the answer is `since` when the share is below the threshold by then already.
    """
    return max(since, begins + int(covered / threshold) + 1)


def rises_to(uncovered: int, since: int, begins: int, threshold: float) -> int:
    """The moment at which a share that grows from `since` on reaches `threshold`.

    `uncovered` is what was not covered of the span from `begins` to `since`; from then on every moment is. The share
    at t is 1 − uncovered ÷ (t − begins).
    """
    return max(since, begins + -int(-(uncovered / (1 - threshold)) // 1))
