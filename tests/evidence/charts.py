"""``python -m tests.evidence.charts results.json``: the calibration and the lift of `docs/evidence.md`, as SVG.

Needs vl-convert-python, of requirements-dev.txt. The tables beside the charts hold the same numbers.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import vl_convert

DOCS = Path(__file__).resolve().parents[2] / "docs"
SHOWN = {
    "ep": "register: a meeting",
    "cns": "Copenhagen: a word",
    "multipath": "standards: a word",
    "college": "college: a word",
}
QUESTION = {"ep": 0}  # of the others the first question that is not the protocol's
MODELS = {
    "strength": "strength",
    "recency": "recency",
    "recency_frequency": "recency + frequency",
    "bg_bb": "BG/BB",
}
FONT = {"font": "DejaVu Sans", "background": "white"}
COLOURS = ["#0b6e99", "#b35900", "#5b7f2b", "#7a4f9e"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.evidence.charts", description=__doc__)
    parser.add_argument("results", type=Path)
    results = json.loads(parser.parse_args().results.read_text())
    found = {SHOWN[name]: results[name][QUESTION.get(name, 1)] for name in SHOWN}
    for name, spec in (("calibration", calibration(found)), ("lift", lift(found))):
        (DOCS / f"evidence-{name}.svg").write_text(vl_convert.vegalite_to_svg(spec))


def calibration(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What strength foretold beside what came, by fifths; on the line they agree."""
    points = [
        {"set": name, "predicted": predicted, "observed": observed}
        for name, result in found.items()
        for predicted, observed, _ in _model(result, "strength")["calibration"]
    ]
    share = {"format": "%", "grid": False}
    line = {"data": {"values": [{"x": 0, "y": 0}, {"x": 0.8, "y": 0.8}]}, "mark": {"type": "line", "color": "#999"}}
    line["encoding"] = {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}}
    dots = {
        "mark": {"type": "line", "point": {"size": 60}},
        "encoding": {
            "x": {"field": "predicted", "type": "quantitative", "title": "foretold by strength", "axis": share},
            "y": {"field": "observed", "type": "quantitative", "title": "came about", "axis": share},
            "color": _by_set(found, "set"),
            "shape": {"field": "set", "legend": None},
        },
    }
    return {"width": 380, "height": 320, "data": {"values": points}, "layer": [line, dots], "config": FONT}


def lift(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """How many times its share the top tenth of each model holds."""
    bars = [
        {"set": name, "model": title, "lift": _model(result, model)["lift"]}
        for name, result in found.items()
        for model, title in MODELS.items()
    ]
    return {
        "width": 380,
        "height": {"step": 13},
        "data": {"values": bars},
        "mark": "bar",
        "encoding": {
            "y": {"field": "set", "type": "nominal", "title": None, "sort": list(found), "axis": {"labelLimit": 260}},
            "yOffset": {"field": "model", "sort": list(MODELS.values())},
            "x": {
                "field": "lift",
                "type": "quantitative",
                "title": "times its share in the top tenth",
                "axis": {"grid": False},
            },
            "color": {
                "field": "model",
                "title": None,
                "scale": {"domain": list(MODELS.values()), "range": COLOURS},
                "legend": {"orient": "bottom"},
            },
        },
        "config": FONT,
    }


def _model(result: dict[str, Any], name: str) -> dict[str, Any]:
    model: dict[str, Any] = next(model for model in result["models"] if model["name"] == name)
    return model


def _by_set(found: dict[str, Any], field: str) -> dict[str, Any]:
    scale = {"domain": list(found), "range": COLOURS}
    return {"field": field, "title": None, "scale": scale, "legend": {"orient": "bottom", "columns": 2}}


if __name__ == "__main__":
    main()
