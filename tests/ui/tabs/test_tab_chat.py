"""The chat tab's handlers, feed and actions with an engine of words: what is asked, what is told, what survives."""

import json
import threading

import gradio as gr
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from workbench.chat.engine import Delta
from workbench.errors import UserError
from workbench.models.generate import Scored
from workbench.ui.app import App
from workbench.ui.chat import feed, mix
from workbench.ui.conversations import Conversations
from workbench.ui.i18n import Texts
from workbench.ui.tabs import chat

KEY = "0123456789abcdef"
OPTIONS = ("", "", 0.0, 1.0, 64, 7, "", "", "")


class Words:
    """An engine that says what it was asked, word by word, and waits where a test wants it to."""

    def __init__(self):
        self.asked = []
        self.gate = threading.Event()
        self.gate.set()
        self.broken = {}

    def compare(self, histories, columns, options, model, cancel, endpoint, begun):
        self.asked.append((histories, list(columns), options, model, endpoint, begun))
        for number, name in enumerate(columns):
            if name in self.broken:
                yield Delta(number, "", True, self.broken[name])
                continue
            before = f"{name} says"
            yield Delta(number, before, tokens=2, seconds=0.2, first_seconds=0.1)
            self.gate.wait(30)
            text = before + (" no more" if cancel[number].is_set() else f" {len(histories[number])}")
            finish = "cancelled" if cancel[number].is_set() else "stop"
            scored = (Scored(5, -0.1), Scored(6, -0.2))
            yield Delta(number, text, True, None, 3, 0.5, 0.1, 0, finish, 9, scored, base="/m")

    def close(self):
        pass


@pytest.fixture
def tab(home, monkeypatch):
    monkeypatch.setattr(feed, "_PATIENCE_SECONDS", 0.3)  # words are there at once, or wait for the gate
    app = App(home)
    app._made["engine"] = Words()
    with gr.Blocks():
        made = chat.build(app, Texts("en"))
    made.engine = app._made["engine"]
    site = FastAPI()
    site.include_router(feed.router(app))
    made.client = TestClient(site)
    yield made
    made.engine.gate.set()


def read(tab, view="text", wait=False, lang="en", key=KEY):
    """Every line of the feed until it ends."""
    address = f"/chat/feed?id={key}&view={view}&wait={wait}&lang={lang}"
    return [json.loads(line) for line in tab.client.get(address).text.splitlines()]


def act(tab, what, expected=200, **values):
    response = tab.client.post("/chat/act", json={"id": KEY, "act": what, **values})
    assert response.status_code == expected, response.text
    return response.json()


def ask(tab, question, columns=("base",), options=OPTIONS):
    said = tab.ask(KEY, question, list(columns), *options)
    return said, (read(tab, wait=True) if said == ("", "") else [])


def cells(tab, view="text", turn=-1):
    [whole] = read(tab, view)
    return {cell["column"]: cell for cell in whole["turns"][turn]["cells"]}


def test_every_column_is_asked_with_its_own_history_and_options(tab):
    ask(tab, "one", ["base", "a"])
    act(tab, "own", column="a", own={"temperature": 0.9, "seed": 3})
    ask(tab, "two", ["base", "a"], ("be kind", "", 0.5, 0.9, 8, 3, "some/model", "", ""))
    histories, columns, options, model, endpoint, begun = tab.engine.asked[1]
    assert columns == ["base", "a"] and endpoint is None and begun is None
    assert [turn["content"] for turn in histories[1]] == ["one", "a says 1", "two"]
    common = {"system": "be kind", "template": "", "temperature": 0.5, "top_p": 0.9, "max_tokens": 8, "seed": 3,
              "logprobs": 4}  # fmt: skip
    assert options == [common, common | {"temperature": 0.9}]
    assert model.path == "some/model" and tab.engine.asked[0][3].path == "embedded"
    [whole] = read(tab)
    assert whole["columns"][1]["own"] == {"temperature": 0.9, "seed": 3}
    assert "temperature 0.9" in cells(tab)["a"]["figures"].lower(), "what differs stands below its answers"


def test_the_feed_tells_everything_first_then_only_news_and_ends_with_the_answer(tab):
    tab.engine.gate.clear()
    assert tab.ask(KEY, " who? ", ["base", "a"], *OPTIONS) == ("", "")
    threading.Timer(0.5, tab.engine.gate.set).start()
    lines = read(tab)
    assert lines[0]["turns"][0]["question"] == "who?" and lines[0]["answering"] is True
    assert lines[-1]["answering"] is False
    news = [cell for line in lines[1:] for cell in line.get("cells", ())]
    assert {cell["column"] for cell in news} == {"base", "a"}
    assert "says" in cells(tab)["a"]["html"] and cells(tab)["a"]["state"] == "done"
    assert cells(tab)["base"]["figures"] == "3 tokens · 0.5 s · 5 tokens/s · first after 100 ms · prompt 9"


def test_what_cannot_be_asked_is_refused_and_the_question_kept(tab):
    assert "Write a question first." in act(tab, "retry", 400)["error"]
    assert "先写下问题" in act(tab, "retry", 400, lang="zh")["error"]
    for question, columns, options, says in (
        (" ", ["base"], OPTIONS, "Write a question first."),
        ("q", [], OPTIONS, "Choose at least one column"),
        ("q", ["base"], ("", "", -1.0, 1.0, 64, 7, "", "", ""), "temperature"),
        ("q", ["base"], ("", "", 0.0, 1.0, 64, 7, "", "not an address", ""), "no address of a model server"),
    ):
        (kept, problem), _ = ask(tab, question, columns, options)
        assert says in problem and kept == gr.skip()


def test_what_another_tab_put_at_a_turn_is_neither_deleted_nor_asked_unseen(tab):
    ask(tab, "one")
    [seen] = read(tab)
    act(tab, "edit", turn=0, text="other", asked="one")
    read(tab, wait=True)
    for what in ("delete", "retry", "rewrite"):
        assert "another tab" in act(tab, what, 400, turn=0, column="base", text="x", asked="one")["error"]
    assert "another tab" in act(tab, "delete", 400, turn=1, asked="one")["error"]
    [now] = read(tab)
    assert [turn["question"] for turn in now["turns"]] == ["other"] and now["version"] > seen["version"]
    act(tab, "delete", turn=0, asked="other")
    assert [turn["question"] for turn in read(tab)[0]["turns"]] == ["one"]


def test_a_question_is_kept_before_its_answer_so_that_a_killed_server_loses_none(tab, home):
    tab.engine.gate.clear()
    tab.ask(KEY, "one", ["base", "a"], *OPTIONS)
    for work in threading.enumerate():
        if work.name == "chat question":
            work.join()
    [turn] = Conversations(home).get(KEY).turns  # of the server that is started next
    assert turn.question == "one" and {answer.finish for answer in turn.answers.values()} == {"cancelled"}


def test_a_second_question_waits_for_the_first_and_stop_ends_one_column(tab):
    tab.engine.gate.clear()
    tab.ask(KEY, "one", ["base", "a"], *OPTIONS)
    assert "still being answered" in tab.ask(KEY, "two", ["base"], *OPTIONS)[1]
    assert "still being answered" in act(tab, "delete", 400, turn=0)["error"]
    act(tab, "stop", column="a")
    tab.engine.gate.set()
    read(tab)
    found = cells(tab)
    assert found["base"]["html"] == "<p>base says 1</p>\n" and found["a"]["html"] == "<p>a says no more</p>\n"
    assert found["a"]["can_go_on"] and not found["base"]["can_go_on"]
    act(tab, "continue", turn=0, column="a")
    read(tab)
    assert tab.engine.asked[1][5] == [(5, 6)], "it goes on from the very tokens it had"


def test_a_question_is_edited_into_a_branch_an_answer_rewritten_a_turn_deleted(tab):
    ask(tab, "one")
    ask(tab, "two")
    act(tab, "edit", turn=0, text="uno")
    [whole] = read(tab, wait=True)[-1:] and read(tab)
    assert [turn["question"] for turn in whole["turns"]] == ["uno"] and whole["turns"][0]["branches"] == 2
    act(tab, "branch", turn=0, to=0)
    act(tab, "rewrite", turn=0, column="base", text="<i>my</i> words")
    assert cells(tab, turn=0)["base"]["html"] == "<p>&lt;i&gt;my&lt;/i&gt; words</p>\n"
    assert "edited" in cells(tab, turn=0)["base"]["figures"]
    act(tab, "delete", turn=1)
    [whole] = read(tab)
    assert [turn["question"] for turn in whole["turns"]] == ["one"]
    fresh = act(tab, "clear")["id"]
    assert fresh != KEY and read(tab, key=fresh)[0]["turns"] == []
    assert len(read(tab)[0]["turns"]) == 1, "what was said before stays under its own id"
    assert "cannot do" not in act(tab, "dance", 400)["error"] and "dance" in act(tab, "dance", 400)["error"]


def test_retry_asks_the_same_with_another_seed(tab):
    ask(tab, "one", ["base", "a"])
    act(tab, "retry", turn=0, column="a")
    read(tab, wait=True)
    first, second = tab.engine.asked
    assert (first[0][1], second[0]) == (second[0][0], [first[0][1]])
    assert (first[2][1]["seed"], second[2][0]["seed"]) == (7, 8)


def test_an_error_is_a_sentence_in_its_column_and_the_others_go_on(tab):
    tab.engine.broken = {"gone": UserError("runs.unknown", name="*x* <b>", nearest="-")}
    ask(tab, "one", ["gone", "base"])
    found = cells(tab)
    assert found["gone"]["error"].startswith("There is no run “*x* <b>”") and found["gone"]["html"] == ""
    assert "base says" in found["base"]["html"]


def test_a_refusal_of_the_whole_question_stands_in_every_column(tab):
    def refuse(*_, **__):
        raise UserError("engine.no_question")

    tab.engine.compare = refuse
    ask(tab, "one", ["base", "a"])
    assert cells(tab)["base"]["error"] == cells(tab)["a"]["error"] != ""
    assert not tab.talks.get(KEY).answering


def test_differences_are_shown_against_the_first_column(tab):
    ask(tab, "one", ["base", "a"])
    found = cells(tab, "changes")
    assert found["base"]["html"] == '<div class="wb-plain">base says 1</div>'
    assert found["a"]["html"] == '<div class="wb-plain"><del>base</del><ins>a</ins> says 1</div>'


def test_columns_and_options_survive_a_reload_and_a_key_is_never_sent_back(tab):
    ask(tab, "one", ["base", "a"], ("sys", "", 0.5, 0.9, 8, 3, "", "http://one.example/v1", "sk-secret"))
    assert tab.engine.asked[0][4].key == "sk-secret"
    columns, system, *rest = tab.open(KEY)
    assert columns["value"] == ["base", "a"] and system["value"] == "sys"
    assert rest[-2]["value"] == "http://one.example/v1" and rest[-1] == gr.skip()
    assert "sk-secret" not in json.dumps(read(tab)) + repr(tab.talks.get(KEY).endpoint)
    assert "value" not in tab.open(KEY[::-1])[0], "a fresh conversation leaves the boxes alone"


def test_the_list_of_columns_is_sent_only_when_it_changed(tab):
    update, mark = tab.refresh("")
    assert update["choices"][0][1] == "base"
    assert tab.refresh(mark) == (gr.skip(), gr.skip())


def test_columns_can_be_changed_between_two_questions(tab):
    ask(tab, "one", ["base"])
    tab.show(KEY, ["base", "a@0.5"])
    assert cells(tab)["a@0.5"]["html"] == "<em>not asked</em>" and cells(tab)["a@0.5"]["state"] == "none"


def test_a_ninth_column_is_left_out_with_a_sentence(tab):
    eight = ["base", *(f"a@0.{number}" for number in range(1, 8))]
    update, problem = tab.show(KEY, [*eight, "b@0.5"])
    assert update["value"] == eight and "At most 8 columns" in problem and "b@0.5" in problem
    assert tab.talks.get(KEY).columns == eight
    assert tab.show(KEY, eight) == (gr.skip(), gr.skip()), "the sentence stays when the box has become what it says"
    assert tab.show(KEY, eight[:7]) == (gr.skip(), "")


@pytest.mark.parametrize(("error", "said"), [(UserError("engine.load_cancelled"), "取消"), (OSError("torn"), "torn")])
def test_a_model_that_cannot_be_loaded_is_a_sentence_in_the_pages_language_and_another_can_be(tab, error, said):
    def load(*_, **__):
        raise error

    tab.engine.load, tab.engine.resident = load, list
    for _ in range(2):
        assert tab.client.post("/chat/models", json={"act": "load", "key": "x", "lang": "zh"}).status_code == 200
        for thread in threading.enumerate():
            if thread.name == "load model":
                thread.join(30)
    assert said in tab.client.get("/chat/models").json()["loading"]["error"]


def test_a_mix_is_named_from_its_sliders():
    assert mix.name_of(["one", "two/checkpoint-5"], [0.7, -0.25, 1.0, 1.0]) == "one@0.7+two/checkpoint-5@-0.25"


def test_what_no_longer_fits_is_marked_in_the_conversation_and_said_below_the_answer(tab):
    ask(tab, "one")
    ask(tab, "two")
    tab.engine.compare = lambda *_, **__: iter([Delta(0, "late", True, None, 1, 0.1, 0.1, 2, "stop", 9)])
    ask(tab, "three")
    [whole] = read(tab)
    assert [turn["left_out"] for turn in whole["turns"]] == [True, False, False]
    assert "the oldest 2 messages no longer fit" in whole["turns"][2]["cells"][0]["figures"]
