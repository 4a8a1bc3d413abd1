"""The curve of a run -> its best checkpoint, judged by what was measured at that very step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from workbench.runs import Run

By = Literal["eval_loss", "score"]


@dataclass(frozen=True)
class Best:
    step: int
    by: By
    value: float

    @property
    def checkpoint(self) -> str:
        return f"checkpoint-{self.step}"


def best_checkpoint(run: Run, rows: Iterable[Mapping[str, Any]] | None = None) -> Best | None:
    """The checkpoint with the lowest loss on held-out rows; without such rows the one with the highest score.

    None when nothing was measured at the step of any checkpoint: the training loss is no judge, it falls also while a
    model learns its rows by heart. Of equal ones the later.
    """
    steps = {int(path.name.rpartition("-")[2]) for path in run.checkpoints()}
    return _best(steps, list(run.metrics() if rows is None else rows))


def best_step(rows: Iterable[Mapping[str, Any]]) -> Best | None:
    """The best of all steps that were measured, saved or not."""
    rows = list(rows)
    return _best({int(row["step"]) for row in rows}, rows)


def _best(steps: set[int], rows: list[Mapping[str, Any]]) -> Best | None:
    at = [row for row in rows if row.get("step") in steps]
    judged = [row for row in at if row.get("eval_loss") is not None]
    if judged:
        row = min(judged, key=lambda row: (row["eval_loss"], -row["step"]))
        return Best(row["step"], "eval_loss", row["eval_loss"])
    scored = [row for row in at if row.get("score") is not None]
    if scored:  # of two that know the new, the one that forgot less
        row = max(scored, key=lambda row: (row["score"], row.get("kept_score") or 0.0, row["step"]))
        return Best(row["step"], "score", row["score"])
    return None
