"""Numbers of rows -> a set of one bit a row: 2 MB for all of seventeen million, however many are in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

_BLOCK = 1 << 16  # rows looked at together


class RowSet:
    """Rows from 1, rising when iterated."""

    def __init__(self, rows: Iterable[int] = ()) -> None:
        self._bits = bytearray()  # row 1 is bit 0 of byte 0
        self._count = 0
        for row in rows:
            self.add(row)

    def add(self, row: int) -> bool:
        """Whether the row is new."""
        at, bit = (row - 1) >> 3, 1 << ((row - 1) & 7)
        if at >= len(self._bits):
            self._bits.extend(bytes(at + 1 - len(self._bits)))
        if self._bits[at] & bit:
            return False
        self._bits[at] |= bit
        self._count += 1
        return True

    def add_all(self, rows: Any) -> None:
        """rows: a numpy array of row numbers, in any order."""
        import numpy as np

        if not len(rows):
            return
        at = np.asarray(rows, np.int64) - 1
        missing = (int(at.max()) >> 3) + 1 - len(self._bits)
        if missing > 0:
            self._bits.extend(bytes(missing))
        bits = np.frombuffer(self._bits, np.uint8)
        np.bitwise_or.at(bits, at >> 3, np.left_shift(1, at & 7).astype(np.uint8))
        self._count = int(np.bitwise_count(bits).sum(dtype=np.int64))

    @classmethod
    def where(cls, blocks: Iterable[Any]) -> RowSet:
        """blocks: truth values of all rows in order, in arrays of a multiple of eight (the last aside)."""
        import numpy as np

        found = cls()
        for block in blocks:
            found._bits += np.packbits(block, bitorder="little").tobytes()
            found._count += int(np.count_nonzero(block))
        return found

    def __len__(self) -> int:
        return self._count

    def __contains__(self, row: int) -> bool:
        at = (row - 1) >> 3
        return 0 <= at < len(self._bits) and bool(self._bits[at] >> ((row - 1) & 7) & 1)

    def mask(self, begin: int, count: int) -> Any:
        """Truth values of the rows begin + 1 … begin + count."""
        import numpy as np

        first = begin >> 3
        bits = np.frombuffer(bytes(self._bits[first : (begin + count + 7) >> 3]), np.uint8)
        values = np.unpackbits(bits, bitorder="little")[begin & 7 :][:count].astype(bool)
        return np.pad(values, (0, count - len(values)))

    def __and__(self, other: RowSet) -> RowSet:
        import numpy as np

        size = min(len(self._bits), len(other._bits))
        both = np.frombuffer(bytes(self._bits[:size]), np.uint8) & np.frombuffer(bytes(other._bits[:size]), np.uint8)
        found = RowSet()
        found._bits, found._count = bytearray(both.tobytes()), int(np.bitwise_count(both).sum(dtype=np.int64))
        return found

    def __iter__(self) -> Iterator[int]:
        return (row for rows in self.blocks() for row in rows.tolist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RowSet) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def blocks(self) -> Iterator[Any]:
        """Arrays of row numbers, each of a stretch of the source."""
        import numpy as np

        for begin in range(0, len(self._bits), _BLOCK // 8):
            bits = np.frombuffer(bytes(self._bits[begin : begin + _BLOCK // 8]), np.uint8)
            yield np.flatnonzero(np.unpackbits(bits, bitorder="little")) + (begin * 8 + 1)

    def part(self, begin: int, count: int) -> list[int]:
        """`list(self)[begin : begin + count]`, without the list."""
        import numpy as np

        found: list[int] = []
        for start in range(0, len(self._bits), _BLOCK // 8):
            if len(found) >= count:
                break
            bits = np.frombuffer(bytes(self._bits[start : start + _BLOCK // 8]), np.uint8)
            here = int(np.bitwise_count(bits).sum(dtype=np.int64))
            if begin < here:
                rows = np.flatnonzero(np.unpackbits(bits, bitorder="little")) + (start * 8 + 1)
                found += rows[begin : begin + count - len(found)].tolist()
            begin = max(0, begin - here)
        return found
