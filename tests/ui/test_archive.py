"""Kept conversations over HTTP: what a page may ask, and refusals as sentences of its language."""

from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from workbench.ui import archive
from workbench.ui.chat.turns import Answer
from workbench.ui.conversations import Conversations

KEY = "0123456789abcdef"


@pytest.fixture
def site(tmp_path):
    app = SimpleNamespace(home=tmp_path, conversations=Conversations(tmp_path))
    talk = app.conversations.get(KEY)
    talk.options = {"system": " Be brief. "}
    for question, text in (("a?", "**a**"), ("b?", "b")):
        talk.begin(question, ["base"])
        talk.put("base", Answer(text, done=True))
        talk.end()
    web = FastAPI()
    web.include_router(archive.router(app))
    return TestClient(web)


def test_an_answer_comes_as_it_was_written_with_what_it_was_asked(site):
    asked = {"id": KEY, "turn": 1, "column": "base"}
    assert site.get("/live/archive/answer", params=asked).json() == {
        "prompt": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "a?"},
            {"role": "assistant", "content": "**a**"},
            {"role": "user", "content": "b?"},
        ],
        "answer": "b",
    }
    for wrong in ({"turn": 2}, {"turn": -1}, {"column": "tuned"}, {"id": "never-used-before"}):
        reply = site.get("/live/archive/answer", params=asked | wrong | {"lang": "zh"})
        assert reply.status_code == 400 and "刷新" in reply.json()["error"]


def test_a_page_finds_names_exports_and_deletes(site, tmp_path):
    assert site.post("/live/archive/rename", json={"id": KEY, "title": "mine"}).json() == {}
    assert [row["title"] for row in site.get("/live/archive/list", params={"search": "MINE"}).json()["rows"]] == [
        "mine"
    ]
    export = {"ids": [KEY], "column": "base", "name": "rows", "to": "sharegpt"}
    assert site.post("/live/archive/export", json=export).json()["rows"] == 1
    refused = site.post("/live/archive/export", json=export)
    assert (refused.status_code, refused.json()["error"].split()[0]) == (400, "data/rows.jsonl")
    assert site.post("/live/archive/delete", json={"id": "../../votes"}).status_code == 400
    assert site.get("/live/archive/there", params={"id": KEY}).json()["version"] > 0
    assert site.post("/live/archive/delete", json={"id": KEY}).json() == {}
    assert site.get("/live/archive/there", params={"id": KEY}).json() == {"version": 0}
    assert site.get("/live/archive/list").json() == {"rows": [], "total": 0, "broken": []}
