"""A file of one row a line -> any of its rows by number, and the rows that hold a text; nothing of it stays in memory.

Kept are the byte offset and the line of every 64th row: 16 bytes for 64 rows, 1.3 MB for five million of them.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from workbench.data import encodings
from workbench.data.json_reader import row_of_line
from workbench.data.row_set import RowSet
from workbench.data.rows import Row

STRIDE = 64
_CHUNK = 1 << 20
_NEWLINE = 10
_BLANK = b"\xef\xbb\xbf \t\r\n"  # what a line may consist of without being a row, as json_reader has it


class LineIndex:
    """Rows of JSON lines in any encoding in which byte 10 is a line break and nothing else (not UTF-16).

    `rows` and `read_bytes` grow while `build` runs; rows known so far can be fetched meanwhile.
    """

    def __init__(self, path: Path, codec: str = "utf-8") -> None:
        self.path, self.codec = path, codec
        self.size_bytes = path.stat().st_size
        self.rows = self.read_bytes = 0
        self.complete = threading.Event()
        self._offsets, self._lines = array("Q", [0]), array("Q", [0])  # before row 1, 65, 129 …

    def build(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Read the file through once; a gigabyte takes about a second."""
        with self.path.open("rb") as file:
            rows, line, at, carried = 0, 0, 0, b""
            while not stopped():
                data = file.read(_CHUNK)
                if data:
                    end = data.rfind(b"\n") + 1
                    if not end:
                        carried += data
                        continue
                    whole, rest = (carried + data[:end] if carried else data[:end]), data[end:]
                else:
                    whole, rest = carried, b""
                starts, numbers, lines = rows_in(whole)
                first = -rows % STRIDE  # the places of the rows that begin a stride
                if rows == 0:
                    first = STRIDE  # the offset before row 1 is known: the file's beginning
                for place in range(first, len(starts), STRIDE):
                    self._lines.append(line + int(numbers[place]))
                    self._offsets.append(at + int(starts[place]))
                rows, line, at, carried = rows + len(starts), line + lines, at + len(whole), rest
                self.rows, self.read_bytes = rows, at
                if not data:
                    break
        self.complete.set()

    def fetch(self, first: int, count: int) -> list[Row]:
        """Rows first … first + count - 1 (from 1), as far as the file has them."""
        return list(self.fetch_all(range(first, first + count)))

    def fetch_all(self, wanted: Iterable[int]) -> Iterator[Row]:
        """The rows of these numbers, which rise; each stretch of the file is read once."""
        numbers = iter(wanted)
        number = next(numbers, None)
        with self.path.open("rb") as file:
            at = None  # the row that the next line would be
            line = 0
            while number is not None:
                block = min((number - 1) // STRIDE, len(self._offsets) - 1)
                if at is None or block * STRIDE + 1 > at or number < at:
                    at, line = block * STRIDE + 1, self._lines[block]
                    file.seek(self._offsets[block])
                text = file.readline()
                if not text:
                    return
                line += 1
                if not text.strip(_BLANK):
                    continue
                if at == number:
                    yield self._row(text, at, line)
                    number = next(numbers, None)
                at += 1

    def _row(self, text: bytes, row: int, line: int) -> Row:
        if self.codec in ("utf-8", "utf-8-sig"):
            return row_of_line(text, row, line)
        return row_of_line(text.decode(self.codec, encodings.errors(self.codec)), row, line)

    def search(self, needle: str, tell: Callable[[float, int], None] = lambda fraction, found: None) -> RowSet:
        """The rows in whose texts the needle stands, capitals aside; `tell` may raise to end it.

        Bytes are looked for first, in every way JSON can write them; what is found is then read as a row.
        """
        wanted, found = needle.casefold(), RowSet()
        variants = _written(needle, self.codec)
        with self.path.open("rb") as file:
            block, blocks = 0, len(self._offsets)
            while block < blocks:
                begin = self._offsets[block]
                following = bisect_right(self._offsets, begin + _CHUNK, block + 1)
                end = self._offsets[following] if following < blocks else self.size_bytes
                file.seek(begin)
                data = file.read(end - begin)
                tell(begin / max(1, self.size_bytes), len(found))
                low = data.lower()
                if any(variant in low for variant in variants):
                    starts, numbers, _ = rows_in(data)
                    for place in _hit(low, variants, starts):
                        stop = data.find(b"\n", int(starts[place]))
                        text = data[int(starts[place]) : stop if stop >= 0 else len(data)]
                        row = self._row(text, block * STRIDE + place + 1, self._lines[block] + int(numbers[place]) + 1)
                        if holds(row.value if row.reason is None else row.source, wanted):
                            found.add(row.row)
                block = following
        return found


def rows_in(data: bytes) -> tuple[Any, Any, int]:
    """(where each row begins, the lines before it, how many lines) of whole lines; blank lines are no rows."""
    import numpy as np

    signs = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(signs == _NEWLINE)
    if len(signs) and signs[-1] != _NEWLINE:  # the file's last line
        ends = np.append(ends, len(signs))
    starts = np.empty_like(ends)
    if len(ends):
        starts[0], starts[1:] = 0, ends[:-1] + 1
    kept = ends > starts
    first = signs[np.minimum(starts, max(0, len(signs) - 1))]
    for place in np.flatnonzero(kept & np.isin(first, np.frombuffer(_BLANK, np.uint8))):
        kept[place] = bool(data[starts[place] : ends[place]].strip(_BLANK))
    numbers = np.flatnonzero(kept)
    return starts[numbers], numbers, len(ends)


def _written(needle: str, codec: str) -> list[bytes]:
    """The byte strings, in lower case, as which a JSON text may hold the needle."""
    import json

    codec = "utf-8" if codec == "utf-8-sig" else codec
    # Bytes know the capitals of ASCII only; of other letters these are the usual ways.
    forms = {needle, needle.lower(), needle.upper(), needle.capitalize(), needle.title()}
    texts = {text for form in forms for text in (
        form, json.dumps(form, ensure_ascii=False)[1:-1], json.dumps(form)[1:-1],
    )}  # fmt: skip
    return sorted({text.encode(codec, "ignore").lower() for text in texts} - {b""})


def _hit(low: bytes, variants: list[bytes], starts: Any) -> list[int]:
    """The places of the rows in which one of the byte strings stands."""
    import numpy as np

    places: set[int] = set()
    for variant in variants:
        at = low.find(variant)
        while at >= 0:
            place = int(np.searchsorted(starts, at, "right")) - 1
            places.add(place)
            if place + 1 >= len(starts):
                break
            at = low.find(variant, int(starts[place + 1]))
    return sorted(place for place in places if place >= 0)


def holds(value: Any, wanted: str) -> bool:
    """Whether a text stands somewhere in a row's values; names of columns do not count. wanted: casefolded."""
    if isinstance(value, str):
        return wanted in value.casefold()
    if isinstance(value, dict):
        return any(holds(inner, wanted) for inner in value.values())
    if isinstance(value, list):
        return any(holds(inner, wanted) for inner in value)
    return value is not None and not isinstance(value, bool) and wanted in str(value)
