"""One number per row of a file of any length -> columns that wait on disk once they are long."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

SPILLED_ROWS = 1 << 16
_SORTED_AT_ONCE = 1 << 18
BINS = 40  # of the pictures


class Numbers:
    """A growing column. `append` is an array's own; `spill` moves what has gathered to a temporary file."""

    def __init__(self, typecode: str) -> None:
        self.tail = array(typecode)
        self.append = self.tail.append
        self._file: Any = None
        self._spilled = 0

    def __len__(self) -> int:
        return self._spilled + len(self.tail)

    def spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the column
        self.tail.tofile(self._file)
        self._spilled += len(self.tail)
        del self.tail[:]  # the same object: `append` stays bound to it

    def blocks(self) -> Iterator[Any]:
        """The column in stretches, as numpy arrays."""
        import numpy as np

        kind = np.dtype(self.tail.typecode)
        if self._file is not None:
            self._file.seek(0)
            left = self._spilled
            while left:
                block = np.frombuffer(self._file.read(min(left, SPILLED_ROWS) * kind.itemsize), kind)
                left -= len(block)
                yield block
            self._file.seek(0, 2)
        if len(self.tail):
            yield np.array(self.tail, kind)  # a copy: a view would forbid the array to grow

    def counts(self) -> Counts:
        """How often each value stands in the column."""
        import numpy as np

        values, counts = np.empty(0, np.int64), np.empty(0, np.int64)
        for block in self.blocks():
            new, often = np.unique(block, return_counts=True)
            values, places = np.unique(np.concatenate([values, new.astype(np.int64)]), return_inverse=True)
            counts = np.bincount(places, np.concatenate([counts, often])).astype(np.int64)
        return Counts(values, counts)


@dataclass(frozen=True)
class Counts:
    """A column as (value, how often) with rising values: lengths of texts differ in thousands of values at most,
    whatever the rows."""

    values: Any
    counts: Any

    def __len__(self) -> int:
        return int(self.counts.sum())

    @property
    def total(self) -> int:
        return int((self.values * self.counts).sum())

    @property
    def most(self) -> int:
        return int(self.values[-1]) if len(self.values) else 0

    def percentile(self, percent: float) -> float:
        """Between two values in proportion, as numpy's."""
        import numpy as np

        place = (len(self) - 1) * percent / 100
        behind = np.cumsum(self.counts)
        low, high = (int(self.values[np.searchsorted(behind, at, "right")]) for at in (int(place), int(-(-place // 1))))
        return low + (high - low) * (place - int(place))

    def above(self, limit: int) -> int:
        return int(self.counts[self.values > limit].sum())

    def histogram(self, bins: int = BINS) -> list[dict[str, float]]:
        """[{"from", "to", "count"}] of whole numbers; the widths are equal."""
        import numpy as np

        if not len(self.values):
            return []
        most = self.most or 1
        counts, edges = np.histogram(self.values, min(bins, most), (0, most), weights=self.counts)
        return [
            {"from": round(float(low), 1), "to": round(float(top), 1), "count": int(count)}
            for low, top, count in zip(edges[:-1], edges[1:], counts, strict=True)
        ]


def grouped(key: Numbers, *others: Numbers) -> Iterator[tuple[Any, ...]]:
    """(indices, keys, others…) in parts small enough to sort; equal keys are in the same part."""
    import numpy as np

    pieces = 1
    while len(key) > pieces * _SORTED_AT_ONCE:
        pieces *= 2
    for piece in range(pieces):
        parts: list[list[Any]] = [[] for _ in range(2 + len(others))]
        at = 0
        for blocks in zip(key.blocks(), *(other.blocks() for other in others), strict=True):
            chosen = np.flatnonzero((blocks[0] & (pieces - 1)) == piece)
            for part, values in zip(parts, (chosen + at, *(block[chosen] for block in blocks)), strict=True):
                part.append(values)
            at += len(blocks[0])
        whole = tuple(np.concatenate(part) if part else np.empty(0, np.int64) for part in parts)
        if len(whole[0]):  # equal keys alone fill one part and leave the others empty
            yield whole
