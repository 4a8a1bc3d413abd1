"""Prompt sets over HTTP: what a page may ask, answers as safe HTML, refusals as sentences of its language."""

import threading
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from workbench.chat.engine import Delta
from workbench.chat.set_runs import SetRuns
from workbench.ui import sets

NASTY = "<img src=x onerror=alert(1)> **bold** $x^2$"


class Saying:
    """An engine whose columns say what they are told to."""

    def __init__(self, **texts):
        self.texts = texts

    def answer(self, prompts, columns, options, model, *, cancel, on_answer):
        for place in range(len(prompts)):
            for column, name in enumerate(columns):
                on_answer(place, column, Delta(column, self.texts[name], True, finish="stop"))


@pytest.fixture
def site(home, make_run, tiny_model):
    make_run("anna", tiny_model())
    app = SimpleNamespace(home=home, set_runs=SetRuns(home, lambda: Saying(base="a plain word", anna=NASTY)))
    web = FastAPI()
    web.include_router(sets.router(app))
    return TestClient(web)


def begin(site, **more):
    asked = {"columns": ["base", "anna"], "text": "one\ntwo", "options": {"max_tokens": 4}} | more
    reply = site.post("/live/sets/begin", json=asked)
    for thread in threading.enumerate():
        if thread.name == "prompt set":
            thread.join(30)
    return reply


def test_answers_come_as_markdown_that_is_safe_and_as_differences_to_the_first_column(site):
    begun = begin(site).json()
    told = site.get("/live/sets/run", params={"id": begun["id"]}).json()
    assert (told["done"], told["total"], told["running"], told["name"]) == (4, 4, False, "one")
    found = site.get("/live/sets/rows", params={"id": begun["id"]}).json()
    assert (found["count"], found["differing"], found["start"], found["rows"][1]["prompt"]) == (2, 2, 0, "two")
    plain, nasty = (cell["html"] for cell in found["rows"][0]["cells"])
    assert plain == "<p>a plain word</p>\n"
    assert "<img" not in nasty and "&lt;img" in nasty and "<strong>bold</strong>" in nasty and "<math" in nasty
    changes = site.get("/live/sets/rows", params={"id": begun["id"], "view": "changes"}).json()["rows"][0]["cells"]
    assert changes[0]["html"] == '<div class="wb-plain">a plain word</div>'
    assert "<ins>" in changes[1]["html"] and "<img" not in changes[1]["html"]


def test_many_prompts_are_looked_at_page_by_page(site):
    key = begin(site, text="\n".join(f"question {number}" for number in range(120))).json()["id"]
    for start, first, count in ((0, 0, 50), (100, 100, 20), (7000, 100, 20)):
        found = site.get("/live/sets/rows", params={"id": key, "start": start}).json()
        assert (found["start"], len(found["rows"]), found["rows"][0]["number"]) == (first, count, first)


def test_sets_are_listed_opened_by_another_server_and_deleted(site, home):
    key = begin(site, shipped="everyday").json()["id"]
    (row,) = site.get("/live/sets/list").json()["rows"]
    assert (row["id"], row["name"], row["done"], row["running"]) == (key, "everyday", row["total"], False)
    other = FastAPI()
    other.include_router(sets.router(SimpleNamespace(home=home, set_runs=SetRuns(home, lambda: None))))
    told = TestClient(other).get("/live/sets/run", params={"id": key}).json()
    assert (told["name"], told["done"]) == ("everyday", row["total"])
    assert site.post("/live/sets/delete", json={"id": key}).json() == {}
    assert site.get("/live/sets/list").json() == {"rows": [], "broken": []}


def test_files_are_taken_along_with_all_answers_or_those_that_differ(site):
    key = begin(site).json()["id"]
    reply = site.get("/live/sets/export", params={"id": key, "ending": "csv"})
    assert reply.headers["content-disposition"] == 'attachment; filename="answers.csv"'
    assert reply.text.splitlines()[0] == "prompt,base,anna" and len(reply.text.splitlines()) == 3
    page = site.get("/live/sets/export", params={"id": key, "ending": "html"}).text
    assert "<img" not in page and "default-src 'none'" in page
    same = begin(site, columns=["base"]).json()["id"]
    lines = site.get("/live/sets/export", params={"id": same, "ending": "jsonl", "differing": True}).text
    assert lines == ""
    refused = site.get("/live/sets/export", params={"id": key, "ending": "exe", "lang": "zh"})
    assert refused.status_code == 400 and "exe" in refused.json()["error"]


@pytest.mark.parametrize("path", ["run", "rows", "export?ending=csv"])
@pytest.mark.parametrize("key", ["", "0123456789abcdef", "../../votes", "..", "%2e%2e%2f", "a/b"])
def test_an_id_that_no_set_has_is_refused_in_the_pages_language(site, path, key):
    joint = "&" if "?" in path else "?"
    replies = [site.get(f"/live/sets/{path}{joint}id={key}&lang={lang}") for lang in ("en", "zh", "xx")]
    assert [reply.status_code for reply in replies] == [400, 400, 400]
    english, chinese, other = (reply.json()["error"] for reply in replies)
    assert english == other and "no such set" in english and "没有" in chinese


@pytest.mark.parametrize("act", ["stop", "resume", "delete"])
def test_nothing_is_done_to_a_set_that_is_not_there(site, act):
    for key in ("0123456789abcdef", "../anna", "."):
        assert site.post(f"/live/sets/{act}", json={"id": key}).status_code == 400
    assert site.post(f"/live/sets/{act}", json={"id": ["a"]}).status_code == 422


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"columns": ["nobody"]}, "nobody"),
        ({"columns": []}, "0"),
        ({"columns": [f"anna@0.{place}" for place in range(1, 10)]}, "9"),
        ({"columns": ["../../etc/passwd"]}, "passwd"),
        ({"shipped": "../identity"}, "../identity"),
        ({"name": "x.exe"}, "x.exe"),
        ({"text": " \n "}, "question"),
        ({"options": {"temperature": "hot"}}, "temperature"),
        ({"options": {"top_q": 1}}, "top_q"),
    ],
)
def test_what_cannot_be_asked_is_refused_and_leaves_nothing(site, home, wrong, said):
    reply = begin(site, **wrong)
    assert reply.status_code == 400 and said in reply.json()["error"].lower()
    assert site.get("/live/sets/list").json()["rows"] == []
