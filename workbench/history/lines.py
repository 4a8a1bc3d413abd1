"""Runs -> the lines of their list: state, figures, duration, disk, best checkpoint. A line is read anew on a change."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

from workbench import runs
from workbench.history.best import best_checkpoint
from workbench.history.disk import folder_bytes
from workbench.history.shelf import NOTES
from workbench.runs import Run

SWEEP = "sweep.json"
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster: a long history is read at once


def spec_values(run: Run) -> dict[str, Any]:
    """spec.yaml as it stands, unchecked: a run of an older version with other knobs still has its line."""
    try:
        values = yaml.load(run.spec_path.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return {}
    return values if isinstance(values, dict) else {}


def sweep_of(run: Run) -> dict[str, Any] | None:
    """{"sweep": its name, "values": {knob: value}} for a run that a sweep made."""
    try:
        return json.loads((run.directory / SWEEP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def line(run: Run) -> dict[str, Any]:
    """The contract's summary and what the history adds to it."""
    rows = run.metrics()
    summary = run.summary(rows)
    values = spec_values(run)
    best = best_checkpoint(run, rows)
    model, sweep = values.get("model"), sweep_of(run)
    evaluated = [row["eval_loss"] for row in rows if row.get("eval_loss") is not None]
    memory = [row["memory_bytes"] for row in rows if row.get("memory_bytes")]
    expected = run.stored_state().get("estimated_memory_bytes")
    ended, started = summary["ended"], summary["started"]
    return summary | {
        "stage": str(values.get("stage", "")),
        "model": str(model.get("path", "")) if isinstance(model, dict) else "",
        "eval_loss": evaluated[-1] if evaluated else None,
        "seconds": ended - started if ended and started else None,
        "memory_bytes": max(memory, default=None),
        "estimated_memory_bytes": expected,
        "disk_bytes": folder_bytes(run.directory),
        "best": {"checkpoint": best.checkpoint, "by": best.by, "value": best.value} if best else None,
        "sweep": sweep["sweep"] if sweep else None,
        "noted": (run.directory / NOTES).is_file(),
    }


class Lines:
    """The list of runs of a workspace, newest first."""

    def __init__(self, home: Path) -> None:
        self.home = Path(home)
        self._known: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {}

    def every(self) -> list[dict[str, Any]]:
        lines = []
        for run in runs.every(self.home):
            # The directory's own time changes when a checkpoint, a note or the result comes or goes.
            mark = tuple(_time(path) for path in (run.state_path, run.metrics_path, run.directory))
            known = self._known.get(run.name)
            if known is None or known[0] != mark:
                known = (mark, line(run))
                self._known[run.name] = known
            current = known[1]
            if current["state"] in runs.ACTIVE:  # whether its owner lives is written in no file
                current = current | {"state": run.state()["state"]}
            lines.append(current)
        return lines


def mark_of(lines: list[dict[str, Any]]) -> str:
    """Equal for equal lists: a page that has seen one need not get it again."""
    return hashlib.sha256(json.dumps(lines, sort_keys=True).encode()).hexdigest()[:16]


def _time(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
