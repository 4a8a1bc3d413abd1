"""Drafts on the server: written in the background, reviewed, kept as a file that is never written over another."""

import json
import threading

import pytest

from workbench.data.load import load
from workbench.errors import UserError
from workbench.synthesis.passages import Passage
from workbench.ui.drafts import Drafts

PASSAGES = [Passage(f"text {number}", "a.txt", number) for number in range(1, 4)]


class Author:
    """Writes one reply at a time; with a gate, only while it is open."""

    at_once = 1

    def __init__(self, *replies, gate=None):
        self.replies, self.gate = list(replies), gate

    def write(self, prompts, cancel):
        if self.gate is not None:
            self.gate.wait(30)
        return [self.replies.pop(0) for _ in prompts]


def pair(question, answer="A"):
    return json.dumps([{"question": question, "answer": answer}])


@pytest.fixture
def drafts(home):
    drafts = Drafts(home)
    yield drafts
    drafts.close()


def written(drafts, *replies):
    drafts.start(lambda: PASSAGES[: len(replies)], lambda: Author(*replies), "{passage}", 1)
    assert drafts.wait(30)
    return drafts.progress()


def test_rows_are_written_in_the_background_and_counted(drafts):
    progress = written(drafts, pair("Q"), "no idea", pair("Q"))
    assert (progress.phase, progress.done, progress.total, progress.usable, progress.unusable, progress.repeated) == (
        "finished", 3, 3, 1, 1, 1,
    )  # fmt: skip
    assert written(drafts, pair("q?"), pair("R")).repeated == 1  # an earlier work wrote it already
    items, page, count = drafts.page(7, 2)
    assert ([number for number, _ in items], page, count) == ([3], 2, 3)


def test_a_stop_keeps_what_is_there_and_two_works_do_not_meet(drafts):
    gate = threading.Event()
    drafts.start(lambda: PASSAGES, lambda: Author(pair("Q"), pair("R"), pair("S"), gate=gate), "{passage}", 1)
    with pytest.raises(UserError) as refused:
        drafts.start(lambda: PASSAGES, Author, "{passage}", 1)
    assert refused.value.key == "synthesis.busy"
    drafts.stop()
    assert drafts.progress().phase == "stopping"
    gate.set()
    assert drafts.wait(30) and drafts.progress().phase == "stopped"


def test_what_ends_the_work_is_kept_as_its_error(drafts):
    def refuse():
        raise UserError("synthesis.nothing_to_read")

    drafts.start(refuse, Author, "{passage}", 1)
    assert drafts.wait(30) and drafts.progress().phase == "failed"
    assert drafts.progress().error.key == "synthesis.nothing_to_read"
    assert written(drafts, pair("Q")).phase == "finished"


def test_a_draft_is_changed_or_deleted_by_its_number(drafts):
    written(drafts, pair("Q"), "no idea", pair("R"))
    drafts.change(2, " Own? ", "own")
    assert (drafts.get(2).question, drafts.get(2).usable, drafts.progress().unusable) == ("Own?", True, 0)
    drafts.delete(1)
    assert drafts.after(1) == 2 and drafts.after(3) == 0
    for wrong in (lambda: drafts.delete(1), lambda: drafts.change(1, "a", "b"), lambda: drafts.change(2, "a", " ")):
        with pytest.raises(UserError):
            wrong()


def test_saved_rows_leave_the_list_and_no_file_is_written_over(drafts, home):
    written(drafts, pair("Q"), "no idea")
    assert drafts.save("rows.jsonl") == ("data/rows.jsonl", 1)
    assert [number for number, _ in drafts.page(1, 10)[0]] == [2]
    written(drafts, pair("R", "B"))
    assert drafts.save("rows") == ("data/rows-2.jsonl", 1)
    assert load(home / "data" / "rows-2.jsonl").records[0].messages[1].content == "B"
    with pytest.raises(UserError, match="came first: “no idea”"):
        drafts.save("more")
    for name in ("", "../x", "a\\b"):
        with pytest.raises(UserError) as refused:
            drafts.save(name)
        assert refused.value.key == "synthesis.bad_name"
