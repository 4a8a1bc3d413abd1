"""The page's part that makes rows: what is refused at once, what is shown, what is never markup."""

import re

import gradio as gr
import pytest
from openai_server import KEY, fake_server

from workbench.ui.app import App
from workbench.ui.data.progress import duration
from workbench.ui.i18n import Texts
from workbench.ui.tabs import make

TEXT = "Paris is the capital of France and lies on the Seine.\n\nLyon stands where two rivers meet, known for silk.\n"


@pytest.fixture(params=["en", "zh"])
def tab(home, request):
    app = App(home)
    with gr.Blocks():
        yield make.build(app, Texts(request.param), gr.Dropdown([]))
    app.close()


@pytest.fixture
def fake():
    with fake_server() as server:
        yield server


def begin(tab, fake=None, **changes):
    given = {"page": 1, "documents": None, "pasted": TEXT, "who": "there", "model": "embedded", "adapter": "base",
             "url": fake.url if fake else "", "served": "m", "key": KEY, "prompt": tab.standard(), "count": 1,
             "max_tokens": 64.0, "temperature": 0.0, "least": 40, "most": 1200} | changes  # fmt: skip
    shown = tab.begin(*given.values())
    assert tab.drafts.wait(30)
    return shown


def test_a_server_writes_and_the_list_shows_its_words_as_text(tab, fake):
    nasty = "<img src=x onerror=alert(1)> ${alert(1)}"
    fake.replies = lambda prompt, number: nasty if "Lyon" in prompt else f'{{"question": "{nasty}?", "answer": "A"}}'
    begin(tab, fake)
    status, listed, where, page, start, stop, version = tab.poll(1, -1)
    assert "2" in status and (page, start["interactive"], stop["interactive"]) == (1, True, False)
    assert "<img" not in listed and "${" not in listed and "$" not in listed
    assert re.findall(r'<tr data-row="(\d+)"', listed) == ["1", "2"] and "2" in where
    assert tab.poll(1, version) == [gr.skip()] * 7
    assert {body["max_tokens"] for body in fake.asked} == {64} and KEY not in repr(vars(tab.drafts))
    number, source, question, answer, problem = tab.choose(gr.EventData(None, {"row": 1}))
    assert (number, question, answer, problem) == (1, f"{nasty}?", "A", "") and "<img" not in source
    unusable = tab.choose(gr.EventData(None, {"row": 2}))
    assert unusable[2:4] == ["", ""] and "onerror" in unusable[1] and "<img" not in unusable[1]


def test_a_review_goes_row_by_row_and_ends_in_a_file(tab, fake, home):
    begin(tab, fake)
    changed = tab.rewrite(1, 1, "Mine?", "Yes.")
    assert "Mine?" in changed[1] and changed[7:] == [1, changed[8], "Mine?", "Yes.", ""]
    assert "wb-problem" in tab.rewrite(1, 1, "", "Yes.")[-1]
    removed = tab.remove(1, 1)
    assert removed[7] == 2  # the next one is in the boxes
    told, chosen, *_ = tab.store("mine", True, 1)
    assert "data/mine.jsonl" in told and chosen["value"] == "data/mine.jsonl"
    assert (home / "data" / "mine.jsonl").read_text().count("\n") == 1
    assert "wb-problem" in tab.store("mine", True, 1)[0]


def test_what_cannot_work_is_said_at_the_button(tab, fake, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for changes in (
        {"url": "nowhere"}, {"served": ""}, {"prompt": "no slot"}, {"count": 0}, {"count": None},
        {"least": 50, "most": 40}, {"max_tokens": None}, {"temperature": -1},
        {"model": "no/such/folder", "who": "here"},
    ):  # fmt: skip
        shown = begin(tab, fake, **changes)
        assert "wb-problem" in shown[0] or "wb-problem" in tab.poll(1, -1)[0], changes
    begin(tab, fake, pasted=" ")
    assert "wb-problem" in tab.poll(1, -1)[0]
    assert fake.asked == []


def test_the_model_of_this_process_writes(tab):
    begin(tab, who="here", pasted="How are you?", prompt="{passage}", max_tokens=40)
    ((reply,),) = tab.app.engine.answer(["How are you?"], ["base"], {"max_tokens": 40})
    assert reply and tab.drafts.get(1).reply == reply


def test_time_left_is_said_in_minutes():
    assert [duration(seconds) for seconds in (0, 75, 3700)] == ["0:00", "1:15", "1:01:40"]
