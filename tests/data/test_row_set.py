"""Sets of rows, a bit a row: the same as sets of numbers, in a hundredth of the memory."""

import random
import tracemalloc

import numpy as np
import pytest

from workbench.data.row_set import RowSet

ROWS = 200_000  # more than three of the stretches that are looked at together


@pytest.fixture
def drawn():
    draw = random.Random(0)
    return [{draw.randrange(1, ROWS) for _ in range(count)} for count in (30_000, 40, 90_000)]


def test_a_set_of_rows_is_what_was_added_in_any_order_and_rises(drawn):
    for rows in drawn:
        one, other = RowSet(rows), RowSet()
        other.add_all(np.array([*rows, *rows]))
        assert one == other and list(one) == sorted(rows) and len(one) == len(other) == len(rows)
        assert all(row in one for row in list(rows)[:50]) and ROWS * 9 not in one and (1 in one) == (1 in rows)
    assert not RowSet() and list(RowSet()) == [] and not RowSet([3]).add(3)


def test_a_part_is_the_slice_of_the_list(drawn):
    for rows in drawn:
        found, ordered = RowSet(rows), sorted(rows)
        for begin, count in ((0, 15), (17, 3), (20_000, 9_000), (len(rows) - 4, 15), (len(rows), 15), (0, len(rows))):
            assert found.part(begin, count) == ordered[begin : begin + count]


def test_sets_are_joined_and_masked(drawn):
    few, many, most = (RowSet(rows) for rows in (drawn[1], drawn[0], drawn[2]))
    assert list(many & most) == sorted(drawn[0] & drawn[2]) and len(many & most) == len(drawn[0] & drawn[2])
    assert few & RowSet() == RowSet()
    for begin, count in ((0, 100), (77, 1000), (65_530, 20), (ROWS - 3, 50)):
        expected = [row in drawn[2] for row in range(begin + 1, begin + count + 1)]
        assert most.mask(begin, count).tolist() == expected
    truth = np.array([row in drawn[0] for row in range(1, ROWS)])
    assert RowSet.where(truth[at : at + 800] for at in range(0, ROWS, 800)) == many


def test_all_of_eight_million_rows_take_a_megabyte():
    tracemalloc.start()
    found = RowSet()
    for at in range(0, 8_000_000, 50_000):
        found.add_all(np.arange(at + 1, at + 50_001, dtype=np.int64))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(found) == 8_000_000 and found.part(7_999_998, 5) == [7_999_999, 8_000_000] and held < 1.3e6
