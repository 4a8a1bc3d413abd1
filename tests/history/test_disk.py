"""Disk per run, and a clean-up that takes only what its preview showed."""

import os

import pytest

from workbench.errors import UserError
from workbench.history.disk import Removal, folder_bytes, removable, remove

SCORED = [{"step": 10, "score": 1.0}, {"step": 20, "score": 0.5}, {"step": 30, "score": 0.2}]


def test_all_files_below_a_folder_count_and_links_are_not_followed(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "x").write_bytes(bytes(100))
    (tmp_path / "y").write_bytes(bytes(11))
    os.symlink("/", tmp_path / "everything")
    assert folder_bytes(tmp_path) == 111 + len("/")
    assert folder_bytes(tmp_path / "gone") == 0


def test_the_best_and_the_last_stay(make, home):
    make("one", SCORED, (10, 20, 30))
    assert removable(home, "best_and_last") == [Removal("one", "checkpoint-20", 1002)]
    assert [item.checkpoint for item in removable(home, "last")] == ["checkpoint-10", "checkpoint-20"]
    assert [item.checkpoint for item in removable(home, "none")] == ["checkpoint-10", "checkpoint-20", "checkpoint-30"]


@pytest.mark.parametrize("state", ["stopped", "failed", "interrupted"])
def test_a_run_without_a_result_keeps_what_it_goes_on_from(make, home, state):
    make("one", SCORED, (10, 20), state=state)
    assert [item.checkpoint for item in removable(home, "none")] == ["checkpoint-10"]


def test_an_active_run_is_left_alone(make, home):
    make("one", SCORED, (10, 20, 30)).own("running")
    assert removable(home, "none") == []


def test_only_what_was_previewed_and_is_still_allowed_goes(make, home):
    run = make("one", SCORED, (10, 20, 30))
    make("two", SCORED, (10, 20, 30))
    done = remove(home, "last", [("one", "checkpoint-10"), ("one", "checkpoint-30"), ("one", "../two")])
    assert done == [Removal("one", "checkpoint-10", 1002)]
    assert [path.name for path in run.checkpoints()] == ["checkpoint-20", "checkpoint-30"]
    assert len(removable(home, "last")) == 3
    assert not list(run.directory.glob(".gone*"))


def test_an_unknown_rule_is_refused_with_those_that_there_are(home):
    with pytest.raises(UserError, match="best_and_last, last, none"):
        removable(home, "all")
