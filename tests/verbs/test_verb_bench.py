"""`workbench bench`: the comparison that was named, and an unknown one refused with those there are."""

import json

from workbench import bench


def test_the_named_comparison_runs_and_its_figures_are_the_document(call, monkeypatch):
    from workbench.bench import chat

    monkeypatch.setattr(chat, "compare", lambda: {"ratio": 1.5})
    code, out, err = call("bench", "chat", "--json")
    assert (code, json.loads(out)) == (0, {"chat": {"ratio": 1.5}})
    assert "chat" in err


def test_an_unknown_comparison_is_refused_with_those_there_are(call):
    code, out, err = call("bench", "chatt")
    assert (code, out) == (2, "")
    assert "chatt" in err and all(name in err for name in bench.names())


def test_every_comparison_is_found_and_has_its_function():
    from importlib import import_module

    assert {"chat", "data", "training"} <= set(bench.names())
    for name in bench.names():
        assert callable(import_module(f"workbench.bench.{name}").compare)
