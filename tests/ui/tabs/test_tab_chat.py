"""The chat tab's handlers with an engine of words: what is asked, what is drawn, what survives a reload."""

import threading

import gradio as gr
import pytest

from workbench.chat.engine import Delta
from workbench.errors import UserError
from workbench.ui.app import App
from workbench.ui.i18n import Texts
from workbench.ui.tabs import chat

KEY = "0123456789abcdef"
OPTIONS = ("", 0.0, 1.0, 64, 7, "")


class Words:
    """An engine that says what it was asked, word by word, and waits where a test wants it to."""

    def __init__(self):
        self.asked = []
        self.begun, self.gate = threading.Event(), threading.Event()
        self.begun.set()
        self.gate.set()
        self.broken = {}

    def compare(self, histories, columns, options, model, cancel):
        self.asked.append((histories, list(columns), options, model))
        self.begun.wait(30)
        for number, name in enumerate(columns):
            if name in self.broken:
                yield Delta(number, "", True, self.broken[name])
                continue
            yield Delta(number, f"{name} says")
            self.gate.wait(30)
            text = f"{name} says" + (" no more" if cancel.is_set() else f" {len(histories[number])}")
            yield Delta(number, text, True, tokens=3, seconds=0.5)


@pytest.fixture
def tab(home):
    app = App(home)
    app._made["engine"] = Words()
    with gr.Blocks():
        made = chat.build(app, Texts("en"))
    made.engine = app._made["engine"]
    return made


def said(tab, column):
    return [message["content"] for message in tab._messages(tab.talks.get(KEY), column)]


def ask(tab, question, columns=("base",), options=OPTIONS):
    return list(tab.ask(KEY, question, list(columns), *options))


def test_every_column_is_asked_with_its_own_history(tab):
    ask(tab, "one", ["base", "a"])
    ask(tab, "two", ["base", "a"], ("be kind", 0.5, 0.9, 8, 3, "some/model"))
    histories, columns, options, model = tab.engine.asked[1]
    assert columns == ["base", "a"]
    assert [turn["content"] for turn in histories[1]] == ["one", "a says 1", "two"]
    assert options == {"system": "be kind", "temperature": 0.5, "top_p": 0.9, "max_tokens": 8, "seed": 3}
    assert model.path == "some/model"
    assert tab.engine.asked[0][3].path == "embedded"
    assert said(tab, "a") == ["one", "a says 1", "two", "a says 3"]


def test_the_box_is_emptied_once_and_the_buttons_change_at_both_ends(tab):
    tab.engine.begun.clear()
    asking = tab.ask(KEY, " who? ", ["base"], *OPTIONS)
    updates = [next(asking)]
    tab.engine.begun.set()
    updates += asking
    assert updates[0][:2] == ["", ""]
    assert [updates[0][2]["interactive"], updates[0][3]["interactive"]] == [True, False]
    assert [updates[-1][2]["interactive"], updates[-1][3]["interactive"]] == [False, True]
    assert said(tab, "base")[0] == "who?"
    assert "3 tokens · 0.5 s · 6 tokens/s" in tab._figures(tab.talks.get(KEY), "base")


def test_a_column_without_news_is_left_alone(tab):
    tab.engine.begun.clear()
    tab.engine.gate.clear()
    updates = tab.ask(KEY, "q", ["base", "a"], *OPTIONS)
    next(updates)
    tab.engine.begun.set()
    second = next(updates)  # base has begun, a has not
    assert second[4][1]["content"] == "base says"
    assert second[5] == gr.skip() and second[9] == gr.skip()
    tab.engine.gate.set()
    list(updates)


def test_what_cannot_be_asked_is_refused_and_the_question_kept(tab):
    for question, columns, says in (
        (" ", ["base"], "Write a question first."),
        ("q", [], "Choose at least one column"),
    ):
        [update] = ask(tab, question, columns)
        assert says in update[1] and update[0] == gr.skip()
    [update] = list(tab.ask_again(KEY, ["base"], *OPTIONS))
    assert "Write a question first." in update[1]


def test_a_second_question_waits_for_the_first(tab):
    tab.engine.gate.clear()
    updates = tab.ask(KEY, "one", ["base"], *OPTIONS)
    next(updates)
    [refused] = ask(tab, "two")
    assert "still being answered" in refused[1]
    tab.engine.gate.set()
    list(updates)
    assert said(tab, "base") == ["one", "base says 1"]


def test_stop_keeps_what_was_said_so_far(tab):
    tab.engine.gate.clear()
    updates = tab.ask(KEY, "one", ["base"], *OPTIONS)
    next(updates)
    tab.stop_asking(KEY)
    tab.engine.gate.set()
    list(updates)
    assert said(tab, "base") == ["one", "base says no more"]
    assert not tab.talks.get(KEY).answering


def test_a_closed_page_does_not_lose_the_answer_and_a_reloaded_one_follows_it(tab):
    tab.engine.gate.clear()
    updates = tab.ask(KEY, "one", ["base", "a"], *OPTIONS)
    next(updates)
    updates.close()
    assert tab.open(KEY)[0]["value"] == ["base", "a"]
    following = tab.follow(KEY)
    assert next(following)[2]["interactive"] is True  # Stop
    tab.engine.gate.set()
    list(following)
    assert said(tab, "a") == ["one", "a says 1"]


def test_retry_asks_the_same_with_another_seed(tab):
    ask(tab, "one")
    list(tab.ask_again(KEY, ["base"], *OPTIONS))
    first, second = tab.engine.asked
    assert first[0] == second[0]
    assert (first[2]["seed"], second[2]["seed"]) == (7, 8)
    assert said(tab, "base") == ["one", "base says 1"]


def test_an_error_is_a_sentence_in_its_column_and_the_others_go_on(tab):
    tab.engine.broken = {"gone": UserError("runs.unknown", name="*x* <b>", nearest="-")}
    ask(tab, "one", ["gone", "base"])
    assert said(tab, "gone")[1] == r"⚠ There is no run “\*x\* \<b\>” in this workspace\. Nearest\: \-\."
    assert said(tab, "base")[1] == "base says 1"


def test_a_refusal_of_the_whole_question_stands_in_every_column(tab):
    def refuse(*_, **__):
        raise UserError("engine.no_question")

    tab.engine.compare = refuse
    ask(tab, "one", ["base", "a"])
    assert said(tab, "base")[1] == said(tab, "a")[1] != ""
    assert not tab.talks.get(KEY).answering


def test_columns_can_be_changed_between_two_questions(tab):
    ask(tab, "one", ["base"])
    shown = tab.show(KEY, ["base", "a"])
    assert [box["visible"] for box in shown[:4]] == [True, True, False, False]
    assert shown[5]["value"][1]["content"] == "*not asked*"
    assert tab.show(KEY, [])[0]["visible"] is True


def test_clear_begins_afresh(tab):
    ask(tab, "one")
    tab.begin_afresh(KEY, ["base"])
    assert said(tab, "base") == []


def test_questions_are_shown_as_they_were_typed_and_answers_without_tags_or_pictures():
    assert chat.escaped_markdown("**a** <img src=x> #1") == r"\*\*a\*\* \<img src=x\> \#1"
    assert chat.without_tags("**a** <img src=x> ![p](http://x/y.png)") == r"**a** \<img src=x> !\[p](http://x/y.png)"
    assert chat.without_tags("`a < b`\n```\n<b>\n```\n<i>") == "`a < b`\n```\n<b>\n```\n\\<i>"
    assert chat.without_tags("```\n<b> ![") == "```\n<b> !["
