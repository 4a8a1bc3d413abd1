"""Sources -> their rows by page, found and filtered, with the report that a scan in the background fills in.

Nothing of the rows stays in memory: lines are read where they stand (line_index.py), everything else is written down
once (spool.py). A byte per row says what it became, a bit per row whether a warning holds.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from workbench import heap
from workbench.data import formats, sources
from workbench.data.line_index import LineIndex
from workbench.data.load import Item
from workbench.data.reading import Reading
from workbench.data.records import Kind
from workbench.data.report import Report
from workbench.data.row_set import RowSet
from workbench.data.rows import Row, Rows
from workbench.data.sources import Source
from workbench.data.spool import Spool
from workbench.data.survey import Survey, items_of_row

Tell = Callable[[float | None, int], None]
"""(how much is done, rows so far); raises to end the work."""

_KINDS: tuple[Kind, ...] = ("conversation", "preference", "feedback", "text")
_UNSEEN, _BAD, _PART, _FIRST_KIND = 0, 1, 2, 3
_MARKS = 1 << 16  # looked at together
_TRIMMED_ROWS = 1 << 19
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
        self.found: dict[str, RowSet] = {}
        self.columns: dict[str, None] = {}  # of the first rows, in order; what can be mapped by hand
        self.scanned = 0
        self.whole = False
        self._marks = bytearray()  # of each row the place of what it became in `_became`
        self._became: list[tuple[int, str | None]] = [(_UNSEEN, None)]  # five for each of 38 schemas at most
        self._counts = [0]  # rows of each
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
            heap.trim()
            self._survey.finish()
            heap.trim()

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
                if row.row % _TRIMMED_ROWS == 0:
                    heap.trim()  # what the page's answers freed meanwhile
                time.sleep(0)  # pages are answered meanwhile
            yield row

    def _fraction(self) -> float | None:
        if self._plain and self.rows.complete.is_set():
            return 0.1 + 0.9 * self.scanned / max(1, self.rows.rows)
        return self._rows.fraction()

    def _mark(self, item: Item) -> None:
        missing = item.row - len(self._marks)
        if missing > 0:
            self._marks.extend(bytes(missing))
            self._counts[0] += missing
        mark = _BAD if item.record is None else _FIRST_KIND + _KINDS.index(item.record.kind)
        became = (mark, item.slug)
        if became not in self._became:
            self._counts.append(0)
            self._became.append(became)
        at, place = item.row - 1, self._became.index(became)
        self._counts[self._marks[at]] -= 1
        self._counts[place] += 1
        self._marks[at] = place

    # -- pages --------------------------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """Rows that can be leafed through by now."""
        return self.rows.rows

    def names(self) -> dict[str, int]:
        """What `select` knows, with how many rows each has: bad, kinds, formats, warnings, and what others added."""
        marks, slugs = Counter[int](), Counter[str | None]()
        for (mark, slug), count in list(zip(self._became, self._counts, strict=False)):
            marks[mark] += count
            slugs[slug] += count
        named = {"good": sum(marks[_FIRST_KIND + at] for at in range(len(_KINDS))), "bad": marks[_BAD]}
        named |= {f"kind:{kind}": marks[_FIRST_KIND + at] for at, kind in enumerate(_KINDS)}
        named |= {f"format:{slug}": count for slug, count in slugs.items() if slug}
        named |= {f"code:{item.code}": item.count for item in self.report.warnings if item.rows}
        named |= {name: len(rows) for name, rows in self.found.items()}
        return {name: count for name, count in named.items() if count or name in self.found}

    def select(self, names: Iterable[str]) -> RowSet | None:
        """The rows that all of the names hold; None when no name is given: every row."""
        chosen = None
        for name in names:
            if name in ("", "all"):
                continue
            rows = self._named(name)
            chosen = rows if chosen is None else chosen & rows
        return chosen

    def _named(self, name: str) -> RowSet:
        if name in self.found:
            return self.found[name]
        group, _, value = name.partition(":")
        if group == "code":
            return self.watch.rows(value)
        if group == "format":
            return self._marked(lambda mark, slug: slug == value)
        if group == "kind" and value in _KINDS:
            wanted = _FIRST_KIND + _KINDS.index(value)  # type: ignore[arg-type]
            return self._marked(lambda mark, slug: mark == wanted)
        if name == "good":
            return self._marked(lambda mark, slug: mark >= _FIRST_KIND)
        return self._marked(lambda mark, slug: name == "bad" and mark == _BAD)

    def _marked(self, wanted: Callable[[int, str | None], bool]) -> RowSet:
        import numpy as np

        kept = np.zeros(256, bool)  # what comes while rows are being read is not wanted yet
        for place, (mark, slug) in enumerate(list(self._became)):
            kept[place] = wanted(mark, slug)
        seen = len(self._marks)
        parts = (bytes(self._marks[at : min(seen, at + _MARKS)]) for at in range(0, seen, _MARKS))
        return RowSet.where(kept[np.frombuffer(part, np.uint8)] for part in parts)

    def page(self, number: int, size: int, names: Iterable[str] = ()) -> tuple[list[Item], int]:
        """(the items of a page from 1, how many rows there are to leaf through)."""
        chosen = self.select(names)
        begin = (max(1, number) - 1) * size
        if chosen is None:
            size = min(size, self.count - begin)
            return (self.items(range(begin + 1, begin + size + 1)) if size > 0 else []), self.count
        return self.items(chosen.part(begin, size)), len(chosen)

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
