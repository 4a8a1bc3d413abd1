"""The runs tab's side of the server: list, comparison, notes, names, trash, clean-up; refusals are sentences."""

import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from workbench import runs
from workbench.history import shelf
from workbench.locales import catalogue
from workbench.specs import parse
from workbench.ui import history
from workbench.ui.app import App

NAMED = {"identity.name": "Nova", "identity.author": "Lab"}
STATIC = Path(history.__file__).with_name("static")


@pytest.fixture
def site(home):
    fast = FastAPI()
    fast.include_router(history.router(App(home)))
    return TestClient(fast)


def make(home, name, **values):
    run = runs.create(home, parse(NAMED | values), name)
    run.write_state(state="finished", started=100.0, ended=130.0)
    return run


def test_a_list_that_the_page_has_seen_does_not_travel_again(site, home):
    run = make(home, "one")
    first = site.get("/live/runs").json()
    assert [line["run"] for line in first["lines"]] == ["one"]
    assert site.get("/live/runs", params={"seen": first["mark"]}).json() == {"mark": first["mark"], "lines": None}
    runs.append_lines(run.metrics_path, [{"step": 1, "loss": 2.0}])
    assert site.get("/live/runs", params={"seen": first["mark"]}).json()["lines"][0]["loss"] == 2.0


def test_a_comparison_names_knobs_in_the_pages_language(site, home):
    make(home, "one")
    make(home, "two", **{"adapter.r": 8})
    for lang, label in (("en", "Rank r"), ("zh", "秩 r")):
        answer = site.get("/live/compare", params={"name": ["one", "two"], "lang": lang}).json()
        assert answer["differences"] == [{"path": "adapter.r", "values": [16, 8], "label": label}]
    answer = site.get("/live/compare", params={"name": ["one", "gone"], "lang": "zh"})
    assert answer.status_code == 400 and "没有名为“gone”的训练" in answer.json()["error"]


def test_notes_names_and_the_trash(site, home):
    make(home, "one")
    assert site.post("/live/notes", json={"name": "one", "text": "<b>hm"}).json() == {}
    about = site.get("/live/about", params={"name": "one"}).json()
    assert (about["notes"], about["line"]["noted"], about["checkpoints"]) == ("<b>hm", True, [])
    assert "name: Nova" in about["spec"]
    assert site.post("/live/rename", json={"name": "one", "new": "two"}).json() == {"run": "two"}
    assert site.post("/live/rename", json={"name": "two", "new": "../x"}).status_code == 400
    (key,) = site.post("/live/delete", json={"names": ["two"]}).json()["keys"]
    assert [item["name"] for item in site.get("/live/trash").json()["runs"]] == ["two"]
    assert site.post("/live/restore", json={"key": key}).json() == {"run": "two"}
    site.post("/live/delete", json={"names": ["two"]})
    assert site.post("/live/empty-trash", json={}).json()["freed_bytes"] > 0
    assert shelf.trash(home) == []


def test_a_clean_up_takes_what_its_preview_showed(site, home):
    run = make(home, "one")
    for step in (1, 2):
        (run.directory / f"checkpoint-{step}").mkdir()
        (run.directory / f"checkpoint-{step}" / "trainer_state.json").write_text("{}")
    plan = site.get("/live/cleanup", params={"keep": "last"}).json()
    assert plan == {"checkpoints": [{"run": "one", "checkpoint": "checkpoint-1", "disk_bytes": 2}], "disk_bytes": 2}
    done = site.post(
        "/live/cleanup", json={"keep": "last", "chosen": [["one", "checkpoint-1"], ["one", "checkpoint-2"]]}
    )
    assert done.json() == plan
    assert [path.name for path in run.checkpoints()] == ["checkpoint-2"]
    assert site.get("/live/cleanup", params={"keep": "x"}).status_code == 400


# chat.js has a block of its own
@pytest.mark.parametrize("script", sorted(path.name for path in STATIC.glob("*.js") if path.name != "chat.js"))
def test_every_text_that_a_script_asks_for_is_in_the_catalogue(script):
    asked = set(re.findall(r'\bt\("([a-z_0-9.]+)"', (STATIC / script).read_text(encoding="utf-8")))
    for language in ("en", "zh"):
        assert {key for key in asked if f"ui.live.{key}" not in catalogue(language)} == set()


def test_a_page_sees_the_webhooks_host_alone_and_cannot_set_a_command(site, home):
    from workbench import notices

    notices.set_webhook(home, "https://203.0.113.5/secret", local=True)
    assert site.get("/live/notices").json() == {"webhook_host": "203.0.113.5", "command": ""}
    refused = site.post("/live/notices", json={"webhook": "http://127.0.0.1/x", "command": "touch /tmp/x"})
    assert refused.status_code == 400 and "127.0.0.1" in refused.json()["error"]
    assert notices.read(home).command == ()
    assert site.post("/live/notices", json={"webhook": ""}).json()["webhook_host"] == ""
    assert site.post("/live/notices-test", json={}).status_code == 400
