"""A folder takes its place whole or not at all."""

from __future__ import annotations

import pytest

from workbench.errors import WorkbenchError
from workbench.stages.random_state import RandomState, preserved
from workbench.stages.saving import written_beside


def test_a_folder_replaces_the_old_one_when_it_is_whole(tmp_path):
    place = tmp_path / "adapter"
    for text in ("old", "new"):
        with written_beside(place) as beside:
            (beside / "weights").write_text(text)
            assert not place.exists() or (place / "weights").read_text() == "old"
    assert (place / "weights").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]


def test_a_failed_write_leaves_the_old_folder_and_names_the_reason(tmp_path):
    place = tmp_path / "adapter"
    with written_beside(place) as beside:
        (beside / "weights").write_text("old")
    with pytest.raises(WorkbenchError, match="could not be saved: .*No space left") as caught, written_beside(place):
        raise OSError(28, "No space left on device")
    assert caught.value.params["free_megabytes"] > 0
    assert (place / "weights").read_text() == "old"


def test_a_defect_while_writing_stays_a_defect(tmp_path):
    with pytest.raises(KeyError), written_beside(tmp_path / "adapter"):
        raise KeyError("name")
    assert list(tmp_path.iterdir()) == []


def test_random_numbers_continue_as_if_nothing_had_been_drawn():
    import random

    import numpy
    import torch

    draw = lambda: (random.random(), numpy.random.rand(), torch.rand(1).item())  # noqa: E731
    start = RandomState.capture()
    expected = draw()
    start.restore()
    with preserved():
        draw()
    assert draw() == expected
