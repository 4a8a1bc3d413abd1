"""Short rows -> packs of at most max_length tokens each, laid end to end without seeing each other."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence


def packs(lengths: Sequence[int], max_length: int) -> list[list[int]]:
    """Indices of rows, pack by pack: best fit, longest first (TRL's `bfd`). Every row stands in exactly one pack.

    No row is longer than max_length. O(n²) in the worst case of the sorted list, milliseconds for 100,000 rows.
    """
    made: list[list[int]] = []
    room: list[tuple[int, int]] = []  # (tokens that still fit, pack), sorted
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        length = lengths[index]
        place = bisect_left(room, (length, -1))
        if place < len(room):
            left, pack = room.pop(place)
        else:
            left, pack = max_length, len(made)
            made.append([])
        made[pack].append(index)
        if left > length:
            insort(room, (left - length, pack))
    return made
