"""The panel's own route: what it answers to the form's values, and that each language gets its sentences."""

import threading

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from workbench.ui import plan
from workbench.ui.app import App


@pytest.fixture
def ask(tmp_path):
    app = App(tmp_path)
    site = FastAPI()
    site.include_router(plan.router(app))
    client = TestClient(site)

    def post(way="", lang="en", **values):
        answer = client.post(f"/live/plan{way}", json={"values": values, "lang": lang})
        assert answer.status_code == 200
        return answer.json()

    yield post
    app.close()
    for thread in threading.enumerate():
        if thread.name == "counting data":  # it imports: transformers' lazy modules bear no second thread that does
            thread.join(60)


def test_memory_is_told_at_once_and_the_data_are_counted_meanwhile(ask):
    found = ask(**{"identity.name": "Ada", "identity.author": "Ann"})
    assert found["verdict"] == "fits" and found["counting"] and "steps" not in found
    assert ask()["counting"] is False  # no data are named


def test_a_wrong_value_is_told_in_the_page_language_instead(ask):
    assert "adapter.r" in ask(**{"adapter.r": 0})["problem"]
    values = {"training.learning_rate": None}
    english, chinese = (ask(lang=lang, **values)["problem"] for lang in ("en", "zh"))
    assert "training.learning_rate" in english and "training.learning_rate" in chinese and english != chinese


def test_remedies_are_named_as_the_form_names_its_knobs(ask):
    found = ask(lang="zh", **{"training.per_device_train_batch_size": 4000})
    changed = {path for remedy in found["remedies"] for path in remedy["overrides"]}
    assert set(found["labels"]) == changed
    assert found["labels"]["training.per_device_train_batch_size"] == "批大小"


def test_what_another_stage_left_in_the_form_is_no_mistake(ask):
    assert ask(**{"stage": "pretrain", "identity.name": "Ada", "pretrain.blocks": "packed"})["verdict"] == "fits"
    assert "nonsense" in ask(stage="nonsense")["problem"]


def test_a_trial_begins_and_is_stopped_by_the_same_call(ask, monkeypatch):
    from workbench.train import trial

    monkeypatch.setattr(trial, "measure", lambda spec, home, stop: stop.wait(10) and None)
    path = {"data.path": "", "identity.name": "Ada", "identity.author": "Ann"}
    ask("/try", **path)
    assert [thread for thread in threading.enumerate() if thread.name == "trial"]
    ask("/try", **path)
    for thread in threading.enumerate():
        if thread.name == "trial":
            thread.join(5)
            assert not thread.is_alive()


def test_a_slow_precision_is_noted_before_the_start(ask, monkeypatch):
    from workbench.models import abilities

    monkeypatch.setattr(abilities, "cpu_has_bf16", lambda: False)
    (english,), (chinese,) = (ask(lang=lang, **{"model.dtype": "bfloat16", "model.device": "cpu"})["notes"]
                              for lang in ("en", "zh"))  # fmt: skip
    assert "two to three times" in english and "两到三倍" in chinese
    assert ask(**{"model.device": "cpu"})["notes"] == []
