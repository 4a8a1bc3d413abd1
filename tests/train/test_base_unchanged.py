"""After any run the base in memory answers exactly as before: rounded bases too, and runs that fail half way."""

from __future__ import annotations

import pytest
import torch

from workbench.models.hub import Hub
from workbench.stages import sft
from workbench.train.session import train

WIDE = {"hidden_size": 64, "intermediate_size": 128, "head_dim": 16}
IDS = torch.tensor([[40, 41, 42, 43, 44]])


@pytest.mark.parametrize("changes", [
    {"model.quantization": "nf4"},
    {"model.quantization": "int8"},
    {"model.quantization": "nf4", "adapter.init_lora_weights": "loftq"},
    {"model.quantization": "nf4", "adapter.use_dora": True, "training.gradient_checkpointing": True},
    {"vocabulary.tokens": "capital,small model", "vocabulary.trained": "all"},
    {"training.neftune_noise_alpha": 5, "data.eval_fraction": 0.3, "training.gradient_checkpointing": True},
    {"adapter.type": "full", "training.learning_rate": 1e-3},
], ids=["nf4", "int8", "loftq", "nf4 dora", "new tokens", "noise", "full"])  # fmt: skip
@pytest.mark.parametrize("fails", [False, True], ids=["ends", "fails"])
def test_the_base_answers_as_before(new_run, tiny_model, monkeypatch, changes, fails):
    path = str(tiny_model("qwen3", **WIDE))
    run, hub = new_run(**changes | {"model.path": path, "training.max_steps": 2}), Hub()
    base = hub.load(run.spec().model)
    with torch.no_grad():
        before = base.model(IDS).logits
    if fails:
        honest = sft.SftTrainer._loss

        def broken(trainer, model, *given):
            loss = honest(trainer, model, *given)
            return loss * float("nan") if trainer.model.training and trainer.state.global_step else loss

        monkeypatch.setattr(sft.SftTrainer, "_loss", broken)
    state = train(run, hub=hub)
    assert state["state"] == ("failed" if fails else "finished"), state["reason"]
    assert hub.load(run.spec().model).model is base.model
    with torch.no_grad():
        assert torch.equal(base.model(IDS).logits, before)
    assert not any(value.requires_grad for value in base.model.parameters())
