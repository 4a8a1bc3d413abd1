"""A run that ended early -> the place to go on from, with the lines of later steps taken back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from workbench.errors import UserError, Word
from workbench.runs import RESUMABLE, Run, read_lines, write_whole


def check_resumable(run: Run) -> None:
    """Raises UserError for a run that is finished or still has an owner."""
    state = run.state()["state"]
    if state == "finished":
        raise UserError("train.already_finished", name=run.name)
    if state not in RESUMABLE:
        raise UserError("train.still_active", name=run.name, state=Word(f"states.{state}"))


def prepare(run: Run) -> Path | None:
    """The newest whole checkpoint, or None to begin anew. Metrics and probes keep only the steps up to it.

    Readers notice by `generation` in state.json, which the caller raises, that lines were taken back.
    """
    for left_over in (*run.directory.glob(".state.json.*"), *run.directory.glob(".*.jsonl.*")):
        left_over.unlink(missing_ok=True)
    shutil.rmtree(run.directory / ".saving", ignore_errors=True)
    checkpoints = run.checkpoints()
    checkpoint = checkpoints[-1] if checkpoints else None
    step = int(checkpoint.name.rpartition("-")[2]) if checkpoint else -1
    for path in (run.metrics_path, run.probes_path):
        keep_until(path, step)
    return checkpoint


def keep_until(path: Path, step: int) -> None:
    """Remove the lines of later steps; a half line at the end, left by a kill, goes too."""
    if path.exists():
        rows: list[dict[str, Any]] = [row for row in read_lines(path) if row["step"] <= step]
        write_whole(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
