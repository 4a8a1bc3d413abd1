"""Base models in memory: loading tells how far it is and can be cancelled; idle ones leave first; memory comes back."""

import threading
import weakref

import pytest

from tests.chat.conftest import section
from workbench.errors import UserError
from workbench.models import hub as module


def names(engine):
    return [row["name"] for row in engine.resident()]


def test_loading_tells_how_far_it_is_weight_by_weight(engine, tiny_model):
    seen = []
    engine.load(section(tiny_model("qwen3")), progress=seen.append)
    assert seen[0] == 0.0 and seen[-1] == 1.0 and seen == sorted(seen)
    assert len([fraction for fraction in seen if 0.0 < fraction < 1.0]) > 5


def test_loading_can_be_cancelled_in_the_middle_and_begun_again(engine, tiny_model):
    cancel = threading.Event()

    def half_way(fraction):
        if fraction > 0.4:
            cancel.set()

    with pytest.raises(UserError, match="cancelled"):
        engine.load(section(tiny_model("qwen3")), progress=half_way, cancel=cancel)
    assert names(engine) == []
    engine.load(section(tiny_model("qwen3")))
    assert names(engine) == ["qwen3"]
    assert engine.answer(["hi"], ["base"], {"max_tokens": 2}, section(tiny_model("qwen3")))


def test_several_models_stay_while_they_fit_and_the_longest_idle_leaves_first(engine, tiny_model, monkeypatch):
    ask = {"max_tokens": 2}
    families = ["qwen3", "llama", "qwen2"]
    for family in families:
        engine.answer(["hi"], ["base"], ask, section(tiny_model(family)))
    assert names(engine) == families
    engine.answer(["hi"], ["base"], ask, section(tiny_model("qwen3")))  # llama is now the longest unused
    gone = weakref.ref(engine.hub.load(section(tiny_model("llama"))).model.model.embed_tokens.weight)
    engine.hub.load(section(tiny_model("qwen2")))
    engine.hub.load(section(tiny_model("qwen3")))
    rooms = iter([0, 10**12])
    monkeypatch.setattr(module, "_free_bytes", lambda device: next(rooms, 10**12))
    engine.answer(["hi"], ["base"], ask, section(tiny_model("glm4")))
    assert names(engine) == ["qwen3", "qwen2", "glm4"] and gone() is None


def test_a_model_that_a_training_holds_does_not_leave(engine, tiny_model, monkeypatch):
    base = engine.hub.load(section(tiny_model("qwen3")))
    monkeypatch.setattr(module, "_free_bytes", lambda device: 0)
    with engine.hub.held(base):
        engine.hub.load(section(tiny_model("llama")))
        assert names(engine) == ["qwen3", "llama"]
    engine.hub.load(section(tiny_model("qwen2")))
    assert names(engine) == ["qwen2"]


def test_unloading_gives_the_memory_back_and_says_how_much(engine, tiny_model):
    big = section(tiny_model("qwen3", hidden_size=512, intermediate_size=8192, head_dim=64))
    engine.answer(["hi"], ["base"], {"max_tokens": 2}, big)
    [row] = engine.resident()
    assert row["memory_bytes"] > 60_000_000 and row["adapters"] == 0
    freed = engine.unload_key(row["key"])
    assert engine.resident() == []
    assert freed > 0.7 * row["memory_bytes"], f"{freed / 2**20:.0f} of {row['memory_bytes'] / 2**20:.0f} MB came back"
    assert str(tiny_model("qwen3")) not in row["key"], "no path of this machine goes to the page"
