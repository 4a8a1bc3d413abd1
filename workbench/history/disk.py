"""Run directories -> the bytes they take, and which checkpoints may go."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from workbench import runs
from workbench.errors import UserError
from workbench.history.best import best_checkpoint
from workbench.runs import Run

# What stays of a run that has ended: the best and the last checkpoint, the last one, or (of a run whose result is
# saved) none.
Keep = Literal["best_and_last", "last", "none"]


def folder_bytes(path: Path) -> int:
    """Size of all files below; what vanishes meanwhile (a checkpoint that gives way) counts nothing."""
    total, waiting = 0, [path]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except FileNotFoundError:
            continue
    return total


@dataclass(frozen=True)
class Removal:
    """One checkpoint that a clean-up would delete."""

    run: str
    checkpoint: str
    disk_bytes: int


def removable(home: Path, keep: Keep, names: Iterable[str] | None = None) -> list[Removal]:
    """What a clean-up would take away, newest run first. Nothing is deleted.

    Runs that are active stay as they are. A run without a result keeps its last checkpoint whatever is asked: it goes
    on from there. Raises UserError for an unknown rule or run.
    """
    if keep not in get_args(Keep):
        raise UserError("history.unknown_rule", value=str(keep)[:40], known=", ".join(get_args(Keep)))
    chosen = runs.every(home) if names is None else [runs.find(home, name) for name in names]
    return [removal for run in chosen for removal in _of_run(run, keep)]


def remove(home: Path, keep: Keep, chosen: Iterable[tuple[str, str]]) -> list[Removal]:
    """Delete those of `chosen` (run, checkpoint) that the rule still allows now, and say which."""
    wanted, done = {tuple(pair) for pair in chosen}, []
    for removal in removable(home, keep):
        if (removal.run, removal.checkpoint) in wanted:
            # Under a hidden name first: a kill half way leaves nothing that looks like a whole checkpoint.
            place = home / "runs" / removal.run / removal.checkpoint
            going = place.with_name(f".gone-{removal.checkpoint}")
            shutil.rmtree(going, ignore_errors=True)
            place.rename(going)
            shutil.rmtree(going)
            done.append(removal)
    return done


def _of_run(run: Run, keep: Keep) -> list[Removal]:
    state = run.state()["state"]
    if state in runs.ACTIVE:
        return []
    checkpoints = run.checkpoints()
    has_result = state == "finished"
    kept = {checkpoints[-1].name} if checkpoints and not (keep == "none" and has_result) else set()
    if keep == "best_and_last" and (best := best_checkpoint(run)) is not None:
        kept.add(best.checkpoint)
    return [Removal(run.name, path.name, folder_bytes(path)) for path in checkpoints if path.name not in kept]
