"""The live view's side of the server: appended rows only, the run a visitor means, states and refusals."""

import os

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from workbench import runs
from workbench.specs import parse
from workbench.ui import live
from workbench.ui.app import App

NAMED = {"identity.name": "Nova", "identity.author": "Lab"}


def make(home, name, state="finished", values=NAMED, age=0):
    run = runs.create(home, parse(values), name)
    run.write_state(state=state, started=100.0)
    os.utime(run.spec_path, (1_000_000 - age, 1_000_000 - age))
    return run


def test_only_bytes_behind_the_offset_are_read_and_half_a_line_waits(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"st')
    rows, offset = live.appended(path, 0)
    assert rows == [{"step": 1}, {"step": 2}]
    assert live.appended(path, offset) == ([], offset)
    with path.open("a") as file:
        file.write('ep": 3}\n')
    assert live.appended(path, offset)[0] == [{"step": 3}]


def test_a_file_that_became_shorter_is_read_afresh(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n')
    assert live.appended(path, 500) == ([{"step": 1}], 12)
    assert live.appended(tmp_path / "none", 5) == ([], 0)


def test_a_long_file_comes_in_several_answers(tmp_path, monkeypatch):
    monkeypatch.setattr(live, "_MOST_BYTES", 30)
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(f'{{"step": {step}}}\n' for step in range(10)))
    steps, offset = [], 0
    while True:
        rows, offset = live.appended(path, offset)
        if not rows:
            break
        assert len(rows) < 4
        steps += [row["step"] for row in rows]
    assert steps == list(range(10))


def test_a_line_longer_than_an_answer_still_comes(tmp_path, monkeypatch):
    monkeypatch.setattr(live, "_MOST_BYTES", 30)
    path = tmp_path / "probes.jsonl"
    path.write_text(f'{{"answer": "{"x" * 100}"}}\n')
    assert live.appended(path, 0)[0] == [{"answer": "x" * 100}]


def test_the_run_a_visitor_means_is_the_active_one_then_the_newest(home):
    make(home, "old", age=30)
    make(home, "newest", age=10)
    assert live.current(home).name == "newest"
    waiting = make(home, "waiting", state="finished", age=20)
    waiting.own("queued")
    assert live.current(home).name == "waiting"
    make(home, "active", age=40).own("running")
    assert live.current(home).name == "active"


def test_of_several_waiting_runs_the_first_in_the_queue_is_meant(home):
    make(home, "first", age=20).own("queued")
    make(home, "second", age=10).own("queued")
    assert live.current(home).name == "first"


def test_the_start_tab_looks_only_at_runs_that_teach_a_name(home):
    make(home, "named", age=30)
    make(home, "other", values={"data.path": "x.json"}, age=10).own("running")
    assert live.current(home, "identity").name == "named"
    assert live.current(home).name == "other"


def test_no_run_yet(home):
    assert live.current(home) is None


@pytest.fixture
def site(home):
    app = App(home)
    fast = FastAPI()
    fast.include_router(live.router(app))
    return TestClient(fast)


def test_a_view_gets_everything_once_and_then_only_news(site, home):
    run = make(home, "one")
    runs.append_lines(run.metrics_path, [{"step": 1, "loss": 2.0, "secret": 1.0}])
    runs.append_lines(run.probes_path, [{"step": 0, "prompt": "?", "answer": "!", "score": 1.0}])
    first = site.get("/live/run").json()
    assert first["fresh"] and first["run"] == "one"
    assert first["rows"] == [{"step": 1, "loss": 2.0}]
    assert first["probes"][0]["answer"] == "!"
    runs.append_lines(run.metrics_path, [{"step": 2, "loss": 1.0}])
    seen = {key: first[key] for key in ("generation", "metrics_offset", "probes_offset")}
    news = site.get("/live/run", params=seen | {"shown": "one"}).json()
    assert (news["fresh"], news["rows"], news["probes"]) == (False, [{"step": 2, "loss": 1.0}], [])
    assert site.get("/live/run", params=seen | {"shown": "another"}).json()["fresh"]


def test_a_resume_makes_the_view_start_afresh(site, home):
    run = make(home, "one")
    runs.append_lines(run.metrics_path, [{"step": 1, "loss": 2.0}])
    first = site.get("/live/run").json()
    run.write_state(generation=1)
    seen = {key: first[key] for key in ("generation", "metrics_offset", "probes_offset")}
    again = site.get("/live/run", params=seen | {"shown": "one"}).json()
    assert again["fresh"] and again["rows"] == [{"step": 1, "loss": 2.0}]


def test_the_reason_comes_in_the_pages_language(site, home):
    make(home, "one").write_state(state="failed", reason="why", reasons={"en": "why", "zh": "为何"})
    assert site.get("/live/run", params={"lang": "zh"}).json()["reason"] == "为何"
    assert site.get("/live/run", params={"lang": "en"}).json()["reason"] == "why"


def test_a_run_that_was_deleted_or_never_was_is_no_run(site):
    assert site.get("/live/run", params={"name": "gone"}).json() == {"run": ""}
    assert site.get("/live/run", params={"name": "../../etc"}).json() == {"run": ""}


def test_stop_leaves_the_stop_file_and_refusals_are_sentences(site, home):
    run = make(home, "one")
    run.own("running")
    assert site.post("/live/stop", json={"name": "one"}).json()["state"] == "stopping"
    assert run.stop_path.exists()
    answer = site.post("/live/stop", json={"name": "nine", "lang": "zh"})
    assert answer.status_code == 400
    assert "没有名为“nine”的训练" in answer.json()["error"]
    assert site.post("/live/resume", json={"name": "../x", "lang": "en"}).status_code == 400


def test_a_log_comes_from_where_it_was_read_and_of_a_long_one_the_end(site, home, monkeypatch):
    run = make(home, "one")
    run.log_path.write_text("first\nsecond\nhal", encoding="utf-8")
    whole = site.get("/live/log", params={"name": "one"}).json()
    assert whole == {"text": "first\nsecond\n", "start": 0, "offset": 13}
    run.log_path.write_text("first\nsecond\nhalf\n", encoding="utf-8")
    news = site.get("/live/log", params={"name": "one", "offset": 13}).json()
    assert news == {"text": "half\n", "start": 13, "offset": 18}
    monkeypatch.setattr(live, "_MOST_LOG_BYTES", 5)
    assert site.get("/live/log", params={"name": "one"}).json() == {"text": "half\n", "start": 13, "offset": 18}
    assert site.get("/live/log", params={"name": "gone"}).json() == {"text": "", "start": 0, "offset": 0}
