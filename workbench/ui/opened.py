"""A data file -> its report and its rows by page; scanned once per file on the server, in the background.

The report counts every row; the first ROWS_KEPT good or bad rows can be leafed through.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import UserError

if TYPE_CHECKING:
    from workbench.data.load import Item
    from workbench.data.report import Report

ROWS_KEPT = 20_000
_FILES_KEPT = 6
_SUMMARY = 160  # characters of a row in the list
_ENDINGS = (
    ".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".arrow", ".feather", ".xlsx", ".txt", ".md", ".gz",
)  # fmt: skip


@dataclass
class Opened:
    """One file being scanned or scanned. `items` and `report` only grow; `done` says when they are complete."""

    path: Path
    items: list[Item] = field(default_factory=list)
    report: Report | None = None
    error: Exception | None = None
    statistics: dict[str, Any] = field(default_factory=dict)
    _finished: threading.Event = field(default_factory=threading.Event)
    _dropped: threading.Event = field(default_factory=threading.Event)

    @property
    def done(self) -> bool:
        return self._finished.is_set()

    def wait(self, seconds: float) -> bool:
        """Whether the scan was over within that time."""
        return self._finished.wait(seconds)

    def drop(self) -> None:
        self._dropped.set()

    def scan(self, source: str | None, encoding: str | None) -> None:
        from workbench.data.load import iter_records
        from workbench.data.quality import Watch

        try:
            scan, watch = iter_records(self.path, source=source, encoding=encoding), Watch()
            self.report = scan.report
            for item in scan:
                if item.record is not None:
                    watch.add(item.row, item.record, item.value)
                if len(self.items) < ROWS_KEPT:
                    self.items.append(item)
                if self._dropped.is_set():
                    return
            scan.report.warnings = watch.warnings()
            self.statistics = watch.statistics()
        except Exception as error:  # shown by whoever looks at the file
            self.error = error
        finally:
            self._finished.set()

    def page(self, number: int, size: int, show: str = "all") -> tuple[list[Item], int]:
        """(the items of a page from 1, how many items there are to leaf through) of all, good or bad rows."""
        items = list(self.items)
        if show != "all":
            items = [item for item in items if (item.record is None) == (show == "bad")]
        begin = (max(1, number) - 1) * size
        return items[begin : begin + size], len(items)

    def item(self, row: int) -> Item | None:
        """The first item of a row, by its number in the file."""
        return next((item for item in self.items if item.row == row), None)


class OpenedFiles:
    """The files that pages look at; the same file is scanned once for all of them."""

    def __init__(self, home: Path) -> None:
        self.home = home
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
        files = [path for path in self.folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
        return [path.relative_to(self.home).as_posix() for path in sorted(files) if path.suffix.lower() in _ENDINGS]

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

    def open(self, name: str, *, source: str | None = None, encoding: str | None = None) -> Opened:
        """The scan of a file of the workspace, begun now unless it is known and the file unchanged."""
        path = self.locate(name)
        status = path.stat()
        key = (str(path), status.st_mtime_ns, status.st_size, source, encoding)
        with self._lock:
            opened = self._known.get(key)
            if opened is None:
                opened = self._known[key] = Opened(path)
                threading.Thread(target=opened.scan, args=(source, encoding), daemon=True, name="scan").start()
            self._known.move_to_end(key)
            while len(self._known) > _FILES_KEPT:
                self._known.popitem(last=False)[1].drop()
            return opened


def safe_name(name: str) -> tuple[str, str]:
    """An upload's name as (stem, endings) that can be a file's on every system: no folders, no control characters."""
    name = Path(name.replace("\\", "/")).name
    kept = "".join(sign if sign.isalnum() or sign in "._- " else "_" for sign in name).strip(". ") or "data"
    endings = "".join(Path(kept).suffixes[-2:]) if kept.endswith(".gz") else Path(kept).suffix
    return kept.removesuffix(endings)[:80] or "data", endings[:20]


def _same(one: Path, other: Path) -> bool:
    import filecmp

    with contextlib.suppress(OSError):
        return filecmp.cmp(one, other, shallow=False)
    return False


def summary(item: Item) -> str:
    """A row as one short line: its turns, or the raw row when it is bad."""
    from workbench.data.mix import texts_of

    if item.record is None:
        value = item.value
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    else:
        text = " → ".join(part for part in texts_of(item.record) if part)
    text = " ".join(text[: _SUMMARY * 4].split())
    return text if len(text) <= _SUMMARY else text[: _SUMMARY - 1] + "…"
