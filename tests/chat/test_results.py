"""What any method leaves behind can be talked to: adapters, bottlenecks and their checkpoints, by name."""

from __future__ import annotations

import json

import pytest

from workbench import runs
from workbench.chat.engine import Engine
from workbench.models import adapters
from workbench.models.hub import Hub
from workbench.specs import parse
from workbench.train.session import train


@pytest.fixture
def trained(home, tiny_model):
    hub = Hub()
    rows = [
        {"messages": [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": f"{n}!"}]}
        for n in range(4)
    ]
    (home / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    questions = '- {prompt: "Who?", kind: kept}\n- {prompt: "What is this then?", kind: kept}\n'
    (home / "questions.yaml").write_text(questions)

    def make(name: str, **changes):
        values = {"model.path": str(tiny_model("qwen3")), "data.path": "rows.jsonl", "probes.path": "",
                  "training.max_steps": 2, "training.save_steps": 1, "training.learning_rate": 0.05}  # fmt: skip
        run = runs.create(home, parse(values | changes), name=name)
        state = train(run, hub=hub)
        assert state["state"] == "finished", state["reason"]
        return run

    return hub, make


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({"adapter.type": "bottleneck"}, "bottleneck"),
        ({"adapter.type": "prefix", "training.learning_rate": 1.0, "probes.path": "questions.yaml"}, "adapter"),
        ({"adapter.type": "ia3"}, "adapter"),
        ({"adapter.type": "adalora", "training.max_steps": 3}, "adapter"),
    ],
)
def test_a_runs_result_and_checkpoint_answer_by_name(trained, home, tiny_model, changes, result):
    hub, make = trained
    run = make("one", **changes)
    assert run.state()["result"] == result
    assert (run.directory / result).is_dir()
    last = run.checkpoints()[-1].name
    assert [ref.name for ref in adapters.of_run(run)] == ["one", *(f"one/{path.name}" for path in run.checkpoints())]
    engine = Engine(hub, home)
    try:
        columns = ["base", "one", f"one/{last}", "one/checkpoint-1"]
        options = {"max_tokens": 6, "temperature": 0.0}
        [answers] = engine.answer(["Who are you?"], columns, options, run.spec().model)
    finally:
        engine.close()
    assert answers[1] == answers[2] != answers[0]


def test_a_whole_model_and_its_checkpoints_answer_by_name(trained, home):
    hub, make = trained
    run = make("full", **{"adapter.type": "full"})
    assert run.state()["result"] == "model"
    found = list(adapters.of_run(run))
    assert [ref.name for ref in found] == ["full", "full/checkpoint-1", "full/checkpoint-2"]
    assert all(adapters.is_model(ref.path) for ref in found)
    engine = Engine(hub, home)
    try:
        [answers] = engine.answer(["1?"], ["base", "full", "full/checkpoint-2"], {"max_tokens": 6}, run.spec().model)
    finally:
        engine.close()
    assert answers[1] == answers[2] != answers[0]


def test_a_run_that_goes_on_from_an_adapter_keeps_a_copy_of_it(trained):
    _, make = trained
    first = make("first")
    second = make("second", **{"adapter.continue_from": "first/checkpoint-1", "adapter.continue_as": "stack"})
    assert sorted(path.name for path in (second.directory / "start").iterdir()) == [
        "adapter_config.json", "adapter_model.safetensors",
    ]  # fmt: skip
    config = adapters.read_config(second.directory / "adapter")
    assert config["r"] == 32 and "below" not in config
    assert first.adapter_path.is_dir()
