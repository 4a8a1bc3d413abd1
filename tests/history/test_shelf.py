"""Names, notes and the trash: nothing active is moved, nothing is lost before the trash is emptied."""

import pytest

from workbench import runs
from workbench.errors import UserError
from workbench.history import shelf


def test_a_renamed_run_is_found_under_its_new_name_with_all_it_had(make, home):
    make("old", [{"step": 1, "loss": 2.0}], (1,))
    run = shelf.rename(home, "old", " 阿澄 ")
    assert (run.name, run.metrics()) == ("阿澄", [{"step": 1, "loss": 2.0}])
    assert [each.name for each in runs.every(home)] == ["阿澄"]


@pytest.mark.parametrize("new", ["two", "base", "../x", ""])
def test_a_name_that_is_taken_or_no_name_is_refused(make, home, new):
    make("one")
    make("two")
    with pytest.raises(UserError):
        shelf.rename(home, "one", new)
    assert {each.name for each in runs.every(home)} == {"one", "two"}


def test_an_active_run_is_neither_renamed_nor_deleted(make, home):
    make("one").own("running")
    for action in (lambda: shelf.rename(home, "one", "two"), lambda: shelf.throw_away(home, "one")):
        with pytest.raises(UserError, match="running; stop it") as refused:
            action()
        assert "训练中" in refused.value.text("zh")


def test_of_several_runs_with_an_active_one_none_is_deleted(make, home):
    make("one")
    make("two").own("queued")
    for other in ("two", "gone"):
        with pytest.raises(UserError):
            shelf.throw_away_all(home, ["one", other])
    assert {each.name for each in runs.every(home)} == {"one", "two"} and shelf.trash(home) == []
    make("three")
    assert len(shelf.throw_away_all(home, ["one", "three"])) == 2


def test_a_deleted_run_comes_back_whole_until_the_trash_is_emptied(make, home):
    make("one", [{"step": 1, "loss": 2.0}], (1,))
    key = shelf.throw_away(home, "one")
    assert runs.every(home) == []
    (thrown,) = shelf.trash(home)
    assert (thrown.key, thrown.name) == (key, "one") and thrown.disk_bytes > 1000
    assert shelf.take_back(home, key).metrics() == [{"step": 1, "loss": 2.0}]
    shelf.throw_away(home, "one")
    assert shelf.empty_trash(home) > 1000
    assert shelf.trash(home) == []


def test_a_run_whose_name_was_taken_meanwhile_comes_back_beside_the_new_one(make, home, monkeypatch):
    thrown = []
    for number in range(3):  # the same name, thrown away again and again
        make("one", [{"step": 1, "loss": float(number)}])
        monkeypatch.setattr(runs, "utc_now", lambda number=number: 2e9 + number)
        thrown.append(shelf.throw_away(home, "one"))
    assert [item.name for item in shelf.trash(home)] == ["one"] * 3
    make("one", [{"step": 1, "loss": 9.0}])
    back = [shelf.take_back(home, key) for key in thrown]
    assert [(run.name, run.metrics()[0]["loss"]) for run in back] == [("one-2", 0.0), ("one-3", 1.0), ("one-4", 2.0)]
    assert runs.find(home, "one").metrics()[0]["loss"] == 9.0
    assert shelf.trash(home) == []


def test_the_name_that_a_run_comes_back_under_can_be_one(make, home):
    long = "界" * 80
    make(long)
    key = shelf.throw_away(home, long)
    make(long)
    runs.check_name(shelf.take_back(home, key).name)


@pytest.mark.parametrize("key", ["../runs/one", "1.nothing", ""])
def test_only_what_lies_in_the_trash_can_be_taken_back(make, home, key):
    make("one")
    with pytest.raises(UserError, match="not in the trash"):
        shelf.take_back(home, key)


def test_notes_are_kept_replaced_and_taken_away(make):
    run = make("one")
    shelf.write_notes(run, "rank 8 is enough\n<b>")
    assert shelf.notes(run) == "rank 8 is enough\n<b>"
    shelf.write_notes(run, "  ")
    assert (shelf.notes(run), (run.directory / "notes.md").exists()) == ("", False)
    with pytest.raises(UserError, match="20001 characters"):
        shelf.write_notes(run, "x" * 20_001)
