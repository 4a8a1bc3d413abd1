"""Rows -> packs: every row once, no pack too long, few packs."""

import random

import pytest

from workbench.stages.packing import packs


def test_longest_first_into_the_tightest_gap():
    assert packs([5, 3, 8, 2, 2], 10) == [[2, 3], [0, 1, 4]]


@pytest.mark.parametrize("seed", range(5))
def test_every_row_stands_in_one_pack_that_is_not_too_long(seed):
    draw = random.Random(seed)
    lengths = [draw.randint(1, 100) for _ in range(300)]
    made = packs(lengths, 100)
    assert sorted(index for pack in made for index in pack) == list(range(300))
    assert all(sum(lengths[index] for index in pack) <= 100 for pack in made)
    assert len(made) <= 1.1 * sum(lengths) / 100 + 1


def test_no_rows_make_no_packs():
    assert packs([], 10) == []
