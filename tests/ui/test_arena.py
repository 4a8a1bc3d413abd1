"""The arena over HTTP: what a page is told before and after the vote, and what is refused, in its language."""

import json
import threading
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from workbench.chat import votes
from workbench.chat.arena import Arena
from workbench.chat.engine import Delta
from workbench.ui import arena
from workbench.ui.columns import Columns

NASTY = "<img src=x onerror=alert(1)> **bold**"


class Saying:
    """An engine whose columns say what they are told to; a growing answer is told in two parts."""

    def __init__(self, **texts):
        self.texts = texts

    def compare(self, turns, columns, options, section, *, cancel):
        for column, name in enumerate(columns):
            yield Delta(column, self.texts[name][:10])
            yield Delta(column, self.texts[name], True, tokens=7, seconds=1.0, finish="stop")


@pytest.fixture
def site(home, make_run, tiny_model):
    make_run("anna", tiny_model())
    engine = Saying(base="plain", anna=NASTY)
    app = SimpleNamespace(home=home, columns=Columns(home), arena=Arena(home, lambda: engine))
    web = FastAPI()
    web.include_router(arena.router(app))
    return TestClient(web)


def begin(site, **more):
    asked = {"pool": ["base", "anna"], "prompt": "q?"} | more
    reply = site.post("/live/arena/begin", json=asked)
    for thread in threading.enumerate():
        if thread.name == "arena match":
            thread.join(30)
    return reply


def test_a_blind_match_tells_safe_answers_without_a_name_and_the_vote_tells_who(site, home):
    key = begin(site).json()["id"]
    told = site.get("/live/arena/match", params={"id": key})
    assert "anna" not in told.text and "base" not in told.text
    sides = told.json()["sides"]
    assert {side["text"]: side["html"] for side in sides} == {
        "plain": "<p>plain</p>\n",
        NASTY: "<p>&lt;img src=x onerror=alert(1)&gt; <strong>bold</strong></p>\n",
    }
    assert {*sides[0]} == {"text", "html", "done", "failed"}
    after = site.post("/live/arena/vote", json={"id": key, "winner": 0}).json()
    assert sorted(after["columns"]) == ["anna", "base"] and after["winner"] == 0
    (vote,) = votes.read(home)
    assert vote["winner"] == after["columns"][0]
    again = site.post("/live/arena/vote", json={"id": key, "winner": 1, "lang": "zh"})
    assert again.status_code == 400 and len(votes.read(home)) == 1
    table = site.get("/live/arena/standings").json()
    assert table["votes"] == 1 and {row["column"] for row in table["rows"]} == {"anna", "base"}


@pytest.mark.parametrize("key", ["", "0" * 32, "../../votes.jsonl", "anna"])
def test_a_match_that_is_not_there_is_a_sentence_of_the_pages_language(site, key):
    english = site.get("/live/arena/match", params={"id": key, "lang": "en"})
    chinese = site.get("/live/arena/match", params={"id": key, "lang": "zh"})
    assert (english.status_code, chinese.status_code) == (400, 400)
    assert english.json()["error"] != chinese.json()["error"]
    for act, more in (("stop", {}), ("vote", {"winner": 0})):
        assert site.post(f"/live/arena/{act}", json={"id": key} | more).status_code == 400


@pytest.mark.parametrize("winner", [2, -1, "nobody", "", "anna "])
def test_a_vote_for_nobody_is_refused_and_not_kept(site, home, winner):
    key = begin(site).json()["id"]
    assert site.post("/live/arena/vote", json={"id": key, "winner": winner}).status_code == 400
    assert votes.read(home) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"pool": ["base"]},
        {"pool": ["base", "nobody"]},
        {"pool": ["base", "../../etc"]},
        {"pool": ["base", "/etc/passwd"]},
        {"sides": 9},
        {"sides": 1},
        {"prompt": " "},
        {"prompt": ["q", "a"]},
        {"options": {"temperature": -1}},
        {"options": {"nonsense": 1}},
    ],
)
def test_what_cannot_be_asked_is_refused(site, wrong):
    assert begin(site, **wrong).status_code == 400


def test_lists_and_data_sets_are_names_and_nothing_leads_out_of_the_workspace(site, home):
    told = site.get("/live/arena/columns", params={"lang": "zh"}).json()
    assert [choice["name"] for choice in told["choices"]] == ["base", "anna"]
    assert told["sets"] == ["everyday", "identity"] and told["datasets"] == []
    assert site.get("/live/arena/draw", params={"name": "identity"}).json()["prompt"]
    assert site.get("/live/arena/draw", params={"name": "../identity"}).status_code == 400
    for name in ("../out", "/tmp/out", "a/b", "", "..", ".hidden"):
        good = {"name": name, "prompt": "q?", "text": "right"}
        assert site.post("/live/arena/keep", json=good).status_code == 400
        assert site.post("/live/arena/preferences", json={"name": name}).status_code == 400
    assert not (home / "data").exists() and not (home.parent / "out.jsonl").exists()
    kept = site.post("/live/arena/keep", json={"name": "mine", "prompt": "q?", "text": "right", "instead_of": "wrong"})
    assert kept.json() == {"path": "data/mine.jsonl", "rows": 1, "edited": True}
    assert site.get("/live/arena/columns").json()["datasets"] == ["mine"]
    made = site.post("/live/arena/preferences", json={"name": "pairs"}).json()
    assert (made["rows"], made["edits"]) == (1, 1)
    (row,) = (json.loads(line) for line in (home / "data" / "pairs.jsonl").read_text().splitlines())
    assert row["chosen"] == [{"role": "assistant", "content": "right"}]
