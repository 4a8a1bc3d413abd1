"""Sources -> their rows by page, found and filtered, with the report that a scan in the background fills in.

Nothing of the rows stays in memory: lines are read where they stand (line_index.py), everything else is written down
once (spool.py). A byte per row says what it became; the rows of each warning are numbers.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from workbench.data import formats, sources
from workbench.data.line_index import LineIndex
from workbench.data.load import Item
from workbench.data.reading import Reading
from workbench.data.records import Kind
from workbench.data.report import Report
from workbench.data.rows import Row, Rows
from workbench.data.sources import Source
from workbench.data.spool import Spool
from workbench.data.survey import Survey, items_of_row

Tell = Callable[[float | None, int], None]
"""(how much is done, rows so far); raises to end the work."""

_KINDS: tuple[Kind, ...] = ("conversation", "preference", "feedback", "text")
_UNSEEN, _BAD, _PART, _FIRST_KIND = 0, 1, 2, 3
_TOLD_ROWS = 512  # between two calls of `tell`
_SPOOLED_BELOW = 1 << 20  # a smaller file of lines may be one row that is a whole table


class View:
    """Sources being read, or read. `report` counts while `scan` runs; `whole` says that it ran to the end.

    found: named sets of rows that others add (rows that are cut off, hits of a search); `select` knows them by name.
    """

    def __init__(self, found: Sequence[Source], reading: Reading, folder: Path | str | None = None) -> None:
        self._survey = Survey(found, reading)
        self.sources, self.reading = tuple(found), self._survey.reading
        self._folder = folder
        self._rows = self._survey.rows
        self.report: Report = self._survey.report
        self.watch = self._survey.watch
        self.found: dict[str, array] = {}
        self.columns: dict[str, None] = {}  # of the first rows, in order; what can be mapped by hand
        self.scanned = 0
        self.whole = False
        self._marks = bytearray()
        self._slugs: list[str | None] = [None]
        self._slug_of = bytearray()
        self._gathered: dict[int, list[Item]] = {}
        self._plain = _lines_of(found, self._rows)
        self.rows: LineIndex = LineIndex(self._plain, self._codec()) if self._plain else Spool(folder)

    def _codec(self) -> str:
        from workbench.data import encodings

        return encodings.checked(self._rows.encoding)

    def scan(self, tell: Tell = lambda fraction, rows: None) -> None:
        """Read everything once. What `tell` raises ends it: what was seen until then stays, warnings included."""
        try:
            if self._plain:
                self.rows.build(lambda: _told(tell, self.rows.read_bytes / max(1, self.rows.size_bytes) * 0.1))
            self._read(tell)
            self.whole = True
        finally:
            if isinstance(self.rows, Spool):
                self.rows.finish()
            self._survey.finish()

    def _read(self, tell: Tell) -> None:
        self._rows.rows = self._passing(self._rows.rows, tell)
        gathers = {schema.slug for schema in formats.schemas() if schema.gathers}
        for item in self._survey:
            self._mark(item)
            if item.slug in gathers:
                self._gathered.setdefault(item.row, []).append(item)

    @property
    def statistics(self) -> dict[str, Any]:
        return self._survey.statistics

    def _passing(self, rows: Iterator[Row], tell: Tell) -> Iterator[Row]:
        """The raw rows on their way to the scan: written down where they must be, counted, and told of."""
        spool = self.rows if isinstance(self.rows, Spool) else None
        for row in rows:
            if spool is not None:
                spool.append(row)
            if row.row <= 100 and isinstance(row.value, dict):
                self.columns.update(dict.fromkeys(map(str, row.value)))
            self.scanned = row.row
            if row.row % _TOLD_ROWS == 0:
                tell(self._fraction(), row.row)
                time.sleep(0)  # pages are answered meanwhile
            yield row

    def _fraction(self) -> float | None:
        if self._plain and self.rows.complete.is_set():
            return 0.1 + 0.9 * self.scanned / max(1, self.rows.rows)
        return self._rows.fraction()

    def _mark(self, item: Item) -> None:
        missing = item.row - len(self._marks)
        if missing > 0:
            self._marks.extend(bytes([_UNSEEN]) * missing)
            self._slug_of.extend(bytes(missing))
        at = item.row - 1
        if item.slug not in self._slugs:
            self._slugs.append(item.slug)
        self._marks[at] = _BAD if item.record is None else _FIRST_KIND + _KINDS.index(item.record.kind)
        self._slug_of[at] = self._slugs.index(item.slug)

    # -- pages --------------------------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """Rows that can be leafed through by now."""
        return self.rows.rows

    def names(self) -> dict[str, int]:
        """What `select` knows, with how many rows each has: bad, kinds, formats, warnings, and what others added."""
        import numpy as np

        marks = np.frombuffer(bytes(self._marks), np.uint8)
        counts = np.bincount(marks, minlength=_FIRST_KIND + len(_KINDS))
        named = {"good": int(counts[_FIRST_KIND:].sum()), "bad": int(counts[_BAD])}
        named |= {f"kind:{kind}": int(counts[_FIRST_KIND + at]) for at, kind in enumerate(_KINDS)}
        slugs = np.bincount(np.frombuffer(bytes(self._slug_of), np.uint8), minlength=len(self._slugs))
        named |= {f"format:{slug}": int(slugs[at]) for at, slug in enumerate(self._slugs) if slug}
        named |= {f"code:{item.code}": item.count for item in self.report.warnings if item.rows}
        named |= {name: len(rows) for name, rows in self.found.items()}
        return {name: count for name, count in named.items() if count or name in self.found}

    def select(self, names: Iterable[str]) -> Any:
        """The numbers of the rows that all of the names hold, rising; None when no name is given: every row."""
        import numpy as np

        chosen = None
        for name in names:
            if name in ("", "all"):
                continue
            rows = self._named(name)
            chosen = rows if chosen is None else np.intersect1d(chosen, rows, assume_unique=True)
        return chosen

    def _named(self, name: str) -> Any:
        import numpy as np

        if name in self.found:
            return np.array(self.found[name], np.int64)
        group, _, value = name.partition(":")
        if group == "code":
            return np.unique(np.array(self.watch.rows(value), np.int64))
        marks = np.frombuffer(bytes(self._marks), np.uint8)
        if group == "format" and value in self._slugs:
            kept = np.frombuffer(bytes(self._slug_of), np.uint8) == self._slugs.index(value)
        elif group == "kind" and value in _KINDS:
            kept = marks == _FIRST_KIND + _KINDS.index(value)  # type: ignore[arg-type]
        elif name == "good":
            kept = marks >= _FIRST_KIND
        elif name == "bad":
            kept = marks == _BAD
        else:
            return np.empty(0, np.int64)
        return np.flatnonzero(kept) + 1

    def page(self, number: int, size: int, names: Iterable[str] = ()) -> tuple[list[Item], int]:
        """(the items of a page from 1, how many rows there are to leaf through)."""
        chosen = self.select(names)
        begin = (max(1, number) - 1) * size
        if chosen is None:
            size = min(size, self.count - begin)
            return (self.items(range(begin + 1, begin + size + 1)) if size > 0 else []), self.count
        return self.items(chosen[begin : begin + size].tolist()), len(chosen)

    def item(self, row: int) -> Item | None:
        """The first item of a row, by its number in the source."""
        return next(iter(self.items([row])), None) if 1 <= row <= self.count else None

    def items(self, numbers: Iterable[int]) -> list[Item]:
        """The items of rows whose numbers rise. A row may have several; one that only joins others has none of its own
        and comes without record and reason."""
        return list(self.iterate(numbers))

    def iterate(self, numbers: Iterable[int]) -> Iterator[Item]:
        """`items`, one at a time."""
        for raw in self.rows.fetch_all(numbers):
            if raw.row in self._gathered:
                yield from self._gathered[raw.row]
            else:
                yield from items_of_row(raw, self.reading)

    # -- looking for text ---------------------------------------------------------------------------------------------

    def search(self, needle: str, tell: Tell = lambda fraction, rows: None) -> int:
        """Find a text in all rows, in their values and capitals aside; the hits are the set `search:needle`."""
        while not self.rows.complete.wait(0.2):
            tell(None, 0)
        hits = self.rows.search(needle, tell)
        self.found[f"search:{needle}"] = hits
        return len(hits)


def _told(tell: Tell, fraction: float) -> bool:
    tell(fraction, 0)
    return False


def _lines_of(found: Sequence[Source], rows: Rows) -> Path | None:
    """The file that is one row a line and can be read from anywhere; None where rows must be written down."""
    path = sources.plain_file(found)
    if path is None or rows.container != "jsonl" or rows.encoding.startswith(("utf-16", "utf-32")):
        return None
    if path.stat().st_size < _SPOOLED_BELOW:
        return None
    with path.open("rb") as file:
        return None if file.read(2) == b"\x1f\x8b" else path
