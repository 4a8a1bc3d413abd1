"""Ten families of architectures: each is trained and asked, the base afterwards answering as before."""

from __future__ import annotations

import json

import pytest
import torch

from workbench import runs
from workbench.models.hub import Hub
from workbench.specs import parse
from workbench.train.session import train

# Yi is Llama's architecture with fewer heads for keys and values and its own numbers.
FAMILIES = {
    "qwen2": {}, "qwen3": {}, "llama": {}, "mistral": {}, "gemma3_text": {}, "phi3": {}, "glm4": {},
    "yi": {"num_key_value_heads": 1, "rms_norm_eps": 1e-6}, "gpt2": {}, "gpt_neox": {}, "qwen3_moe": {},
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_trained_and_asked(tiny_model, home, family):
    from workbench.chat.engine import Engine

    data = home / "data.jsonl"
    rows = [[{"role": "user", "content": f"What comes after {number}?"},
             {"role": "assistant", "content": f"It is {number + 1}."}] for number in range(6)]  # fmt: skip
    data.write_text("".join(json.dumps({"messages": row}) + "\n" for row in rows), encoding="utf-8")
    path = tiny_model("llama" if family == "yi" else family, **FAMILIES[family])
    spec = parse({"model.path": str(path), "data.path": str(data), "training.max_steps": 3, "adapter.r": 4,
                  "training.learning_rate": 0.02, "training.per_device_train_batch_size": 3,
                  "probes.path": ""})  # fmt: skip
    hub, run, ids = Hub(), runs.create(home, spec, name="tried"), torch.tensor([[5, 6, 7, 8]])
    base = hub.load(spec.model)
    with torch.no_grad():
        before = base.model(ids).logits
    state = train(run, hub=hub)
    assert (state["state"], state["step"]) == ("finished", 3), state["reason"]
    losses = [row["loss"] for row in run.metrics()]
    assert losses[-1] < losses[0]
    engine = Engine(hub, home)
    try:
        (answers,) = engine.answer(["What comes after 2?"], ["base", "tried"], {"max_tokens": 12}, spec.model)
    finally:
        engine.close()
    assert len(answers) == 2 and answers[0] != answers[1]
    with torch.no_grad():
        assert torch.equal(base.model(ids).logits, before)
