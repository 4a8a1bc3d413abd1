"""A few values of a few knobs -> as many specs, runs that know their sweep, and its summary with the best one first."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench import runs
from workbench.errors import UserError
from workbench.history.best import best_step
from workbench.history.lines import SWEEP, line, sweep_of
from workbench.runs import Run
from workbench.specs import STAGES, Spec, knobs, layered, parse, parse_override, to_mapping

MOST_RUNS = 64


@dataclass(frozen=True)
class Point:
    """One combination: the values of the swept knobs, and the whole spec."""

    values: Mapping[str, Any]
    spec: Spec


def parse_values(text: str) -> tuple[str, list[Any]]:
    """`adapter.r=8,16,32` -> ("adapter.r", [8, 16, 32]); values that hold commas are separated by `|`.

    Raises UserError for a text without values, with the knob where it can be told.
    """
    path, sign, given = text.partition("=")
    path = path.strip()
    parts = [part.strip() for part in given.split("|" if "|" in given else ",")]
    if not sign or not path or not all(parts):
        raise UserError("sweep.bad_values", text=text[:60])
    values = [parse_override(f"{path}={part}")[1] for part in parts]
    if len(set(map(repr, values))) < len(values):  # 1e-3 and 0.001 are one value
        raise UserError("sweep.twice", path=path, text=given[:60])
    return path, values


def grid_of(lines: Iterable[str]) -> dict[str, list[Any]]:
    """Every line's knob and values. Raises UserError for a knob that two lines name: one of them would be lost."""
    grid: dict[str, list[Any]] = {}
    for path, values in map(parse_values, lines):
        if path in grid:
            raise UserError("sweep.two_lines", path=path)
        grid[path] = values
    return grid


def points(spec: Spec, grid: Mapping[str, Sequence[Any]]) -> list[Point]:
    """Every combination, checked. Raises UserError for no knob, too many runs, and values that a knob refuses."""
    if not grid:
        raise UserError("sweep.nothing")
    count = 1
    for values in grid.values():
        count *= len(values)
    if not 1 < count <= MOST_RUNS:
        raise UserError("sweep.count", count=count, limit=MOST_RUNS)
    found = []
    for combination in itertools.product(*grid.values()):
        values = dict(zip(grid, combination, strict=True))
        found.append(Point(values, parse(layered(to_mapping(spec), values))))
    return found


def free_name(home: Path, wanted: str | None = None) -> str:
    """The sweep's name: the wanted one if no sweep has it, else the first free `sweep-N`."""
    taken = {found["sweep"] for run in runs.every(home) if (found := sweep_of(run))}
    if wanted is not None:
        runs.check_name(wanted)
        if wanted in taken:
            raise UserError("sweep.exists", name=wanted)
        return wanted
    return next(name for number in itertools.count(1) if (name := f"sweep-{number}") not in taken)


def mark(run: Run, name: str, point: Point) -> None:
    """Let the run's directory say that it belongs to a sweep; it may be renamed afterwards."""
    text = json.dumps({"sweep": name, "values": dict(point.values)}, ensure_ascii=False)
    runs.write_whole(run.directory / SWEEP, text)


def summary(home: Path, name: str) -> dict[str, Any]:
    """{"sweep", "judged_by", "runs": [{"run", "values", "state", …figures}]}, the best first, unfinished ones last.

    Judged by the lowest loss on held-out rows; without such rows by the highest score, then by the last loss.
    Raises UserError for a sweep that is not there.
    """
    members = [run for run in runs.every(home) if (sweep_of(run) or {}).get("sweep") == name]
    if not members:
        known = sorted({found["sweep"] for run in runs.every(home) if (found := sweep_of(run))})
        raise UserError("sweep.unknown", name=name[:80], known=", ".join(known) or "-")
    rows = []
    for run in members:
        figures, best = line(run), best_step(run.metrics())
        shown = ("run", "state", "step", "loss", "eval_loss", "score", "seconds", "memory_bytes")
        rows.append({key: figures[key] for key in shown} | {
            "values": (sweep_of(run) or {}).get("values", {}),
            "best": {"step": best.step, "by": best.by, "value": best.value} if best else None,
        })  # fmt: skip
    kinds = {row["best"]["by"] for row in rows if row["best"]}
    by = "eval_loss" if "eval_loss" in kinds else "score" if "score" in kinds else "loss"
    return {"sweep": name, "judged_by": by, "runs": sorted(rows, key=lambda row: _rank(row, by))}


def _rank(row: Mapping[str, Any], by: str) -> tuple[bool, float, float]:
    value = row["loss"] if by == "loss" else row["best"]["value"] if row["best"] and row["best"]["by"] == by else None
    last = row["loss"] if row["loss"] is not None else float("inf")
    if value is None:
        return True, 0.0, last
    return False, -value if by == "score" else value, last


def sweepable() -> list[str]:
    """Knobs whose values a page may offer, in the order of the form."""
    found = dict.fromkeys(item.path for stage in STAGES.values() for item in knobs(stage))
    return [path for path in found if path.split(".")[0] in ("adapter", "training", "data", "identity", "model")]
