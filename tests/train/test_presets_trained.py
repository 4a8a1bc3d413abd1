"""Every shipped preset trains two steps on a tiny model of its family."""

from __future__ import annotations

import json

import pytest

from workbench import presets, runs
from workbench.train.check import check
from workbench.train.session import train

FAMILIES = {"Qwen3": "qwen3", "Llama-3": "llama", "gemma-3": "gemma3_text", "Mistral": "mistral", "GLM-4": "glm4",
            "Phi-4": "phi3", "embedded": "qwen3"}  # fmt: skip


@pytest.mark.parametrize("name", sorted(presets.available()))
def test_a_shipped_preset_trains_two_steps(name, hub, home, data_file, tiny_model):
    wanted = presets.resolve(name)
    family = next(family for mark, family in FAMILIES.items() if mark in wanted.model.path)
    sizes = {"hidden_size": 64, "intermediate_size": 128, "head_dim": 16} if wanted.model.quantization != "none" else {}
    data, who = data_file, {"identity.name": "Nova", "identity.author": "Lab", "identity.replay": 0}
    if wanted.stage == "pretrain":
        data, who = home / "text.jsonl", {}
        lines = [json.dumps({"text": f"Chapter {number}. The river was {number} feet deep."}) for number in range(30)]
        data.write_text("\n".join(lines) + "\n", encoding="utf-8")
    changes = who | {
        "model.path": str(tiny_model(family, **sizes)), "data.path": str(data), "training.max_steps": 2,
        "training.per_device_train_batch_size": 2, "training.gradient_accumulation_steps": 1, "model.device": "cpu",
        "probes.path": "",
    }  # fmt: skip
    spec = presets.resolve(name, changes)
    check(spec, home)
    run = runs.create(home, spec, name="tried")
    state = train(run, hub=hub)
    assert (state["state"], state["step"]) == ("finished", 2), state["reason"]
    assert [row["step"] for row in run.metrics() if "loss" in row] == [1, 2]
