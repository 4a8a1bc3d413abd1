"""A run's place in the workspace: renamed, annotated, put into the trash, taken back, gone for good."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench import runs
from workbench.errors import UserError, Word
from workbench.history.disk import folder_bytes
from workbench.runs import Run

NOTES = "notes.md"
LONGEST_NOTE = 20_000  # characters
_THROWN = re.compile(r"(\d+)\.(.+)")  # <UTC milliseconds>.<name of the run>


def notes(run: Run) -> str:
    path = run.directory / NOTES
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def write_notes(run: Run, text: str) -> None:
    """Keep a text with the run; an empty one takes the file away."""
    if len(text) > LONGEST_NOTE:
        raise UserError("history.long_note", length=len(text), limit=LONGEST_NOTE)
    if text.strip():
        runs.write_whole(run.directory / NOTES, text)
    else:
        (run.directory / NOTES).unlink(missing_ok=True)


def rename(home: Path, name: str, new: str) -> Run:
    """Raises UserError for a name that cannot be or is taken, and for a run that is queued or running."""
    run = _at_rest(home, name, "history.rename_active")
    new = new.strip()
    runs.check_name(new)
    place = run.directory.with_name(new)
    if place.exists():
        raise UserError("runs.exists", name=new)
    run.directory.rename(place)
    return Run(place)


@dataclass(frozen=True)
class Thrown:
    """A run in the trash; `key` is its folder's name there."""

    key: str
    name: str
    thrown: float  # UTC seconds
    disk_bytes: int

    def to_json(self) -> dict[str, Any]:
        return {"key": self.key, "name": self.name, "thrown": self.thrown, "disk_bytes": self.disk_bytes}


def throw_away(home: Path, name: str) -> str:
    """Move a run into the workspace's trash; returns its key there. Raises UserError for an active run."""
    run = _at_rest(home, name, "history.delete_active")
    folder = trash_folder(home)
    folder.mkdir(exist_ok=True)
    key = f"{int(runs.utc_now() * 1000)}.{name}"
    run.directory.rename(folder / key)
    return key


def throw_away_all(home: Path, names: Sequence[str]) -> list[str]:
    """Several at once, or none: raises UserError, before anything is moved, if one of them is active or not there."""
    for name in names:
        _at_rest(home, name, "history.delete_active")
    return [throw_away(home, name) for name in names]


def trash(home: Path) -> list[Thrown]:
    """What lies in the trash, last thrown first."""
    folder = trash_folder(home)
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        if match := _THROWN.fullmatch(path.name):
            found.append(Thrown(path.name, match[2], int(match[1]) / 1000, folder_bytes(path)))
    return sorted(found, key=lambda thrown: thrown.thrown, reverse=True)


def take_back(home: Path, key: str) -> Run:
    """The run under its own name, or under the first free `NAME-2`, `NAME-3` … where another run has that name now.

    Raises UserError when it is not in the trash.
    """
    thrown = next((item for item in trash(home) if item.key == key), None)
    if thrown is None:
        raise UserError("history.not_in_trash", name=key[:80])
    folder = Path(home) / "runs"
    folder.mkdir(exist_ok=True)
    names = itertools.chain([thrown.name], (f"{thrown.name[:75]}-{number}" for number in itertools.count(2)))
    place = next(folder / name for name in names if not (folder / name).exists())
    (trash_folder(home) / key).rename(place)
    return Run(place)


def empty_trash(home: Path) -> int:
    """Delete for good what lies in the trash; returns the bytes that became free."""
    freed = 0
    for thrown in trash(home):
        shutil.rmtree(trash_folder(home) / thrown.key)
        freed += thrown.disk_bytes
    return freed


def trash_folder(home: Path) -> Path:
    return Path(home) / "trash"


def _at_rest(home: Path, name: str, refusal: str) -> Run:
    run = runs.find(home, name)
    state = run.state()["state"]
    if state in runs.ACTIVE:
        raise UserError(refusal, name=name, state=Word(f"states.{state}"))
    return run
