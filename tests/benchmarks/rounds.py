"""Interleaved rounds of peers, their medians, and the ratios to the first of them."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

# Does one measurement and returns it: as a rule a rate, events a second.
Peer = Callable[[], float]


@dataclass(frozen=True)
class Line:
    """One peer: its median rate, and the median of its ratios to the first peer in the same round."""

    peer: str
    rate: float
    ratio: float
    rates: tuple[float, ...]


@dataclass(frozen=True)
class Result:
    name: str
    rounds: int
    lines: tuple[Line, ...]
    unit: str = "/s"


def measure(name: str, peers: Mapping[str, Peer], *, rounds: int, unit: str = "/s") -> Result:
    """Runs every peer once a round. Every other round goes backwards, so that none always runs first."""
    rates: dict[str, list[float]] = {peer: [] for peer in peers}
    for number in range(rounds):
        order = list(peers) if number % 2 == 0 else list(peers)[::-1]
        for peer in order:
            _show(f"{name}: round {number + 1} of {rounds}, {peer} …")
            rates[peer].append(peers[peer]())
    _show("")
    first = rates[next(iter(peers))]
    return Result(
        name,
        rounds,
        tuple(
            Line(
                peer,
                statistics.median(of_peer),
                statistics.median(rate / base for rate, base in zip(of_peer, first, strict=True)),
                tuple(of_peer),
            )
            for peer, of_peer in rates.items()
        ),
        unit,
    )


def tell(result: Result) -> None:
    print(f"{result.name}: medians of {result.rounds} interleaved rounds")
    width = max(len(line.peer) for line in result.lines)
    for line in result.lines:
        digits = 0 if line.rate >= 100 else 1
        spread = f"{min(line.rates):,.{digits}f} to {max(line.rates):,.{digits}f}"
        print(f"  {line.peer:<{width}}  {line.rate:>9,.{digits}f}{result.unit}  ratio {line.ratio:5.2f}  ({spread})")


def write(results: list[Result], path: Path) -> None:
    path.write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n")


def _show(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text:<70}", end="\n" if not text else "", file=sys.stderr, flush=True)
