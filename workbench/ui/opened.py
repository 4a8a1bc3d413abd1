"""What the data tab looks at -> a View of it, scanned once on the server in the background for all pages."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import threading
import time
import unicodedata
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.data import hubs, recipe, registry, sources
from workbench.data.readers import MAPPINGS
from workbench.data.reading import Reading
from workbench.errors import UserError
from workbench.ui.tasks import Task, Tasks

if TYPE_CHECKING:
    from workbench.data.load import Item
    from workbench.data.report import Report
    from workbench.data.sources import Source
    from workbench.data.view import View
    from workbench.ui.i18n import Texts

_FILES_KEPT = 6
_SMALL_BYTES = 4_000_000  # read within a moment
_STEP_SECONDS = 0.02
_SUMMARY = 160  # characters of a row in the list
_ENDINGS = (
    ".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".arrow", ".feather", ".xlsx", ".txt", ".md", ".gz",
    ".tar", ".tgz", ".zip",
)  # fmt: skip
_FOLDERS_LISTED = 200
_MARKS = ("Pd", "Ps", "Pe", "Pi", "Pf", "Po")  # dashes, brackets, quotation marks, other punctuation


@dataclass
class Opened:
    """Sources being scanned or scanned. view: None while a hub is still being asked, or when it could not be opened."""

    key: tuple[Any, ...]
    task: Task
    view: View | None = None

    @property
    def done(self) -> bool:
        return self.task.done

    @property
    def error(self) -> Exception | None:
        return self.task.error

    @property
    def report(self) -> Report | None:
        return self.view.report if self.view else None

    def wait(self, seconds: float) -> bool:
        """Whether the scan was over within that time."""
        return self.task.wait(seconds)

    def wait_to_show(self, seconds: float) -> None:
        """Until the scan is over or that time has passed; of a large source only until it has rows to show."""
        if sum(size for *_, size in self.key[2]) < _SMALL_BYTES:
            self.task.wait(seconds)
            return
        until = time.monotonic() + seconds
        while not self.task.wait(_STEP_SECONDS) and time.monotonic() < until:
            if self.view is not None and self.view.count:
                return

    def ready(self) -> View:
        """The view. Raises what opening it raised, or says that it is still being opened."""
        if self.view is None:
            raise self.task.error or UserError("dataset.opening")
        return self.view


class OpenedFiles:
    """The files that pages look at; the same file is scanned once for all of them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.tasks = Tasks()
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[Any, ...], Opened] = OrderedDict()
        self._exports: tempfile.TemporaryDirectory | None = None

    @property
    def exports(self) -> str:
        """A folder for downloads, gone when the process ends."""
        with self._lock:
            if self._exports is None:
                self._exports = tempfile.TemporaryDirectory(prefix="workbench-")
            return self._exports.name

    @property
    def folder(self) -> Path:
        return self.home / "data"

    def choices(self) -> list[str]:
        """Data files of the workspace, as paths in it."""
        if not self.folder.is_dir():
            return []
        files = [path.relative_to(self.home) for path in sorted(self.folder.rglob("*")) if path.is_file()]
        return [path.as_posix() for path in files if path.suffix.lower() in _ENDINGS and not _described(path)]

    def locate(self, name: str) -> Path:
        """A path in the workspace. Raises UserError for one that leads out of it or to nothing."""
        inside = self.home.resolve()
        path = (inside / name.strip()).resolve()
        if not path.is_relative_to(inside):
            raise UserError("dataset.outside", path=name[:200], home=self.home)
        if not path.is_file():
            raise UserError("data.no_file", path=name[:200])
        return path

    def add(self, upload: str | Path) -> str:
        """Copy an uploaded file into the workspace, never over another one; answers with its path there."""
        upload = Path(upload)
        stem, endings = safe_name(upload.name)
        self.folder.mkdir(parents=True, exist_ok=True)
        number = 1
        while True:
            target = self.folder / (f"{stem}{endings}" if number == 1 else f"{stem}-{number}{endings}")
            if not target.exists():
                break
            if _same(target, upload):
                return target.relative_to(self.home).as_posix()
            number += 1
        half = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            shutil.copyfile(upload, half)
            os.replace(half, target)
        finally:
            half.unlink(missing_ok=True)
        return target.relative_to(self.home).as_posix()

    def folders(self) -> list[str]:
        """Folders with data files in them, and the registries and their entries, as `sources.parse` takes them."""
        if not self.folder.is_dir():
            return []
        files = self.choices()
        found = {f"{path.rpartition('/')[0]}/" for path in files if path.count("/") > 1}
        listed = sorted(found)[:_FOLDERS_LISTED]
        for path in files:
            if path.rpartition("/")[2] == registry.NAME:
                with contextlib.suppress(UserError):  # a broken one says so when it is opened
                    listed += [f"{path}#{name}" for name in registry.names(self.home / path)]
        return listed

    def parse(self, what: str) -> list[Source]:
        """Sources as a box names them, all inside the workspace. Raises UserError for others and for none."""
        inside = self.home.resolve()
        for part in what.split(";"):  # refused before anybody learns whether it exists
            path = Path(part.partition("#")[0].strip())
            leads_out = not (inside / path).resolve().is_relative_to(inside)  # an absolute path stays what it is
            if (path.is_absolute() or ".." in path.parts) and leads_out:
                raise UserError("dataset.outside", path=part.strip()[:200], home=self.home)
        found = sources.parse(what, self.home)
        sources.check_inside(found, self.home)
        for source in found:  # a whole folder is data only where data are kept: the workspace has others
            if Path(source.path).is_dir() and not Path(source.path).resolve().is_relative_to(self.folder.resolve()):
                raise UserError("dataset.no_data_folder", path=source.name[:200], folder=self.folder)
        if not found:
            raise UserError("dataset.nothing_chosen")
        return found

    def open(self, what: str, reading: Reading | None = None) -> Opened:
        """The scan of a file, a folder, several of them, or a data set of a hub; begun now unless it is known and
        nothing has changed since."""
        reading = reading or Reading()
        found = self.parse(what)
        key = (what, reading, tuple(stamp for source in found for stamp in _stamps(source.path)))
        with self._lock:
            opened = self._known.get(key)
            if opened is None or (opened.done and opened.error is not None):
                opened = self._known[key] = self._begin(key, found, reading)
            self._known.move_to_end(key)
            while len(self._known) > _FILES_KEPT:
                self._known.popitem(last=False)[1].task.stop()
            return opened

    def _begin(self, key: tuple[Any, ...], found: list[Source], reading: Reading) -> Opened:
        from workbench.data.view import View

        def work(task: Task) -> None:
            if opened.view is None:  # a hub takes its time
                opened.view = View(found, reading)
            opened.view.scan(task.tell)

        opened = Opened(key, Task(work))
        if not any(hubs.is_hub(source.path) for source in found):
            opened.view = View(found, reading)
        threading.Thread(target=opened.task.run, daemon=True, name="scan").start()
        return opened


def _described(path: Path) -> bool:
    """Whether a file of the data folder is hidden, or says how others are read or made."""
    hidden = any(part.startswith(".") for part in path.parts)
    return hidden or path.name.endswith(recipe.ENDING) or path.parts[1] == MAPPINGS


def _stamps(path: str) -> list[tuple[str, int, int]]:
    """What changes when a file, or a file of a folder, changes."""
    place = Path(path)
    files = sorted(place.rglob("*")) if place.is_dir() else [place]
    found = []
    for file in files:
        with contextlib.suppress(OSError):
            status = file.stat()
            found.append((str(file), status.st_mtime_ns, status.st_size))
    return found


def safe_name(name: str) -> tuple[str, str]:
    """An upload's name as (stem, endings) that can be a file's on every system: no folders, no control characters."""
    name = Path(name.replace("\\", "/")).name
    kept = "".join(sign if _is_plain(sign) else "_" for sign in name).strip(". ") or "data"
    endings = "".join(Path(kept).suffixes[-2:]) if kept.endswith(".gz") else Path(kept).suffix
    return kept.removesuffix(endings)[:80] or "data", endings[:20]


def _is_plain(sign: str) -> bool:
    """Letters, digits and marks that no system, and no list of sources, reads as anything else; all of Chinese ones."""
    return sign.isalnum() or sign in "._- ()+," or (sign > "\u00ff" and unicodedata.category(sign) in _MARKS)


def _same(one: Path, other: Path) -> bool:
    import filecmp

    with contextlib.suppress(OSError):
        return filecmp.cmp(one, other, shallow=False)
    return False


def summary(item: Item, t: Texts, *, covered: bool = True) -> str:
    """A row as one short line: its turns, or the raw row when it is bad (why, where there is none: a picture, an
    archive); likely personal data is covered."""
    from workbench.data.mix import texts_of
    from workbench.data.suspects import masked

    if item.record is None:
        value = item.reason.text(t.language) if item.value is None and item.reason is not None else item.value
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    else:
        text = " → ".join(part for part in texts_of(item.record) if part)
    text = " ".join(text[: _SUMMARY * 4].split())
    if covered:
        text = masked(text)
    return text if len(text) <= _SUMMARY else text[: _SUMMARY - 1] + "…"
