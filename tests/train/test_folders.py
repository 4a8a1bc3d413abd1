"""A folder's mark: it changes with every file in it, and nobody waits for a walk through a large one."""

import itertools
import os
import threading

from workbench.train import folders
from workbench.train.folders import Folders


def test_a_mark_changes_with_any_file_below(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "_WAIT_SECONDS", 30.0)
    known, deep = Folders(), tmp_path / "a" / "深"
    deep.mkdir(parents=True)
    (deep / "rows.jsonl").write_text("{}\n")
    first = known.mark(tmp_path)
    assert first is not None and known.mark(tmp_path) == first
    (deep / "rows.jsonl").write_text("{}\n{}\n")
    second = known.mark(tmp_path)
    (tmp_path / "more.jsonl").write_text("{}\n")
    third = known.mark(tmp_path)
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    os.utime(deep / "rows.jsonl", ns=(1, 1))
    assert len({first, second, third, known.mark(tmp_path)}) == 4


def test_a_long_walk_is_not_waited_for_and_the_last_one_answers_meanwhile(tmp_path, monkeypatch):
    go, marks = threading.Event(), itertools.count(1)

    def walked(folder):
        assert go.wait(30)
        return next(marks)

    monkeypatch.setattr(folders, "_mark", walked)
    monkeypatch.setattr(folders, "_WAIT_SECONDS", 0.0)
    known = Folders()
    assert known.mark(tmp_path) is None and known.mark(tmp_path) is None
    thread = known._walking[tmp_path]
    go.set()
    thread.join(30)
    go.clear()
    assert known.mark(tmp_path) == 1
    thread = known._walking[tmp_path]
    go.set()
    thread.join(30)
    go.clear()
    assert known.mark(tmp_path) == 2
    go.set()
