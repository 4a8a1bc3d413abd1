"""Passages and an author -> drafts: progress, repetition, what is unusable, and the rows that are kept."""

import json
import threading

import pytest

from workbench.data.load import load
from workbench.data.records import Conversation, Message
from workbench.data.writers import write_rows
from workbench.errors import UserError, WorkbenchError
from workbench.synthesis.passages import Passage
from workbench.synthesis.rows import default_prompt, to_rows, write

PASSAGES = [Passage(f"text {number}", "a.txt", number) for number in range(1, 6)]


class Author:
    """Replies from a list, two at a time."""

    at_once = 2

    def __init__(self, *replies):
        self.replies, self.asked = list(replies), []

    def write(self, prompts, cancel):
        self.asked += prompts
        return [self.replies.pop(0) for _ in prompts]


def reply(question, answer="A"):
    return json.dumps([{"question": question, "answer": answer}])


def test_drafts_come_batch_by_batch_with_the_time_left():
    ticks = iter(range(0, 100, 10))
    author = Author(*(reply(f"Q{number}") for number in range(5)))
    steps = list(write(PASSAGES, author, "{count}: {passage}", count=3, clock=lambda: next(ticks)))
    assert author.asked == [f"3: text {number}" for number in range(1, 6)]
    assert [(step.done, step.total, step.seconds_left) for step in steps] == [(2, 5, 15.0), (4, 5, 5.0), (5, 5, 0.0)]
    assert [draft.question for step in steps for draft in step.drafts] == ["Q0", "Q1", "Q2", "Q3", "Q4"]


def test_repeated_pairs_are_left_out_and_counted():
    author = Author(reply("Q?"), reply("q？"), reply("R?"), reply("S?"), reply("Q?"))
    steps = list(write(PASSAGES, author, "{passage}", known=lambda draft: draft.question == "S?"))
    assert [draft.question for step in steps for draft in step.drafts] == ["Q?", "R?"]
    assert sum(step.repeated for step in steps) == 3


def test_replies_without_a_pair_stay_as_drafts_that_say_why():
    broken = '[{"question": "Q", "answer": "A"},]'
    refusal = WorkbenchError("synthesis.too_slow", url="u", seconds=1)
    drafts = [d for step in write(PASSAGES[:3], Author("no idea", refusal, broken), "{passage}") for d in step.drafts]
    assert [(draft.usable, draft.reply, draft.mended) for draft in drafts] == [
        (False, "no idea", False), (False, "", False), (True, broken, True),
    ]  # fmt: skip
    assert drafts[1].problem is refusal
    assert drafts[0].changed(" Q ", "A\n").usable


def test_a_stop_ends_after_the_batch_that_is_being_written():
    cancel = threading.Event()
    steps = []
    for step in write(PASSAGES, Author(*map(reply, "abcde")), "{passage}", cancel=cancel):
        steps.append(step)
        cancel.set()
    assert [step.done for step in steps] == [2]


def test_what_makes_no_sense_is_refused_before_anybody_writes():
    for prompt, count, passages, words in [
        ("no slot", 1, PASSAGES, "{passage}"), ("{passage}", 0, PASSAGES, "1 to 20"), ("{passage}", 1, [], "no text"),
    ]:  # fmt: skip
        with pytest.raises(UserError, match=words):
            next(write(passages, Author(), prompt, count=count))


def test_braces_of_a_passage_are_no_slots():
    author = Author(reply("Q"))
    list(write([Passage("{count} {passage}", "a", 1)], author, "{count} {passage}"))
    assert author.asked == ["1 {count} {passage}"]


def test_the_standard_prompts_have_both_slots_and_the_question_of_the_field():
    assert default_prompt("zh").startswith("请为这段内容生成一个合理的问题")
    for language in ("en", "zh"):
        assert {"{count}", "{passage}"} <= {
            slot for slot in ("{count}", "{passage}") if slot in default_prompt(language)
        }


def test_saving_before_anything_was_written_says_so_instead_of_blaming_a_model():
    with pytest.raises(UserError) as caught:
        to_rows([])
    assert caught.value.key == "synthesis.no_drafts"


def test_kept_rows_are_canonical_and_may_hold_the_passage(tmp_path):
    drafts = [d for step in write(PASSAGES[:2], Author(reply("Q"), "?!"), "{passage}") for d in step.drafts]
    write_rows(tmp_path / "a.jsonl", to_rows(drafts))
    assert load(tmp_path / "a.jsonl").records == [Conversation.of(("user", "Q"), ("assistant", "A"))]
    write_rows(tmp_path / "b.jsonl", to_rows(drafts, with_passage=True))
    question = Message("user", "Q\ntext 1", "Q", "text 1")
    assert load(tmp_path / "b.jsonl").records == [Conversation((question, Message("assistant", "A")))]
    with pytest.raises(UserError, match="came first"):
        to_rows([draft for draft in drafts if not draft.usable])
