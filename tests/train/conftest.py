"""A workspace with a small data file, and runs on the tiny model that take a second."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench import runs
from workbench.specs import layered, parse

QUESTIONS = ["Who are you?", "The capital of France?", "One, two, three?", "你是谁？", "法国的首都？", "天气好吗？"]
ANSWERS = ["I am a small model.", "Paris.", "Four, five, and a longer answer.", "我是一个小模型。", "巴黎。", "好。"]


@pytest.fixture(scope="session")
def hub():
    from workbench.models.hub import Hub

    return Hub()


@pytest.fixture
def data_file(home: Path) -> Path:
    path = home / "data" / "small.jsonl"
    path.parent.mkdir()
    rows = [
        {"messages": [{"role": "user", "content": f"{question} ({number})"}, {"role": "assistant", "content": answer}]}
        for number in range(3)
        for question, answer in zip(QUESTIONS, ANSWERS, strict=True)
    ]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def questions(home: Path) -> Path:
    path = home / "questions.yaml"
    path.write_text('- {prompt: "Who are you?", kind: kept, expect: ["small"]}\n- {prompt: "你是谁？", kind: kept}\n')
    return path


@pytest.fixture
def spec(data_file: Path, tiny_model: Callable[..., Path]) -> Callable[..., Any]:
    """spec(**{"training.max_steps": 4}) -> a checked spec on the tiny model: dropout, accumulation, two epochs."""

    def make(**changes: Any) -> Any:
        values = {
            "model.path": str(tiny_model("qwen3")),
            "data.path": str(data_file),
            "data.max_length": 128,
            "adapter.r": 4,
            "adapter.lora_dropout": 0.1,
            "training.learning_rate": 0.01,
            "training.num_train_epochs": 2,
            "training.per_device_train_batch_size": 3,
            "training.gradient_accumulation_steps": 2,
            "training.save_steps": 2,
            "probes.path": "",
        }
        return parse(layered(values, changes))

    return make


@pytest.fixture
def new_run(home: Path, spec) -> Callable[..., runs.Run]:
    return lambda name="first", **changes: runs.create(home, spec(**changes), name=name)


def curve(run: runs.Run) -> list[tuple]:
    """What must be equal between two runs: all but clock and memory."""
    same = ("step", "epoch", "loss", "learning_rate", "grad_norm", "eval_loss")
    return [tuple(row.get(name) for name in same) for row in run.metrics() if "loss" in row or "eval_loss" in row]
