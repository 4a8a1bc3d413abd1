"""The architecture matrix: LoRA learns for two steps on a tiny model of every family."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from tests.conftest import FAMILIES
from workbench.data.records import Conversation
from workbench.data.render import render
from workbench.models.hub import Hub
from workbench.specs import parse
from workbench.stages import methods, sft

TALKS = [Conversation.of(("user", f"{number}?"), ("assistant", f"{number + 1}!" * (number + 1))) for number in range(4)]


def test_there_are_ten_families():
    assert len(FAMILIES) >= 10


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_learns(tiny_model, tmp_path, family):
    spec = parse({"model.path": str(tiny_model(family)), "training.max_steps": 2, "training.learning_rate": 0.01,
                  "training.per_device_train_batch_size": 2})  # fmt: skip
    base = Hub().load(spec.model)
    rows = [render(talk, base.tokenizer, 64) for talk in TALKS]
    method = methods.of(spec)
    trainer = sft.build(spec, method.tree(base), copy.deepcopy(base.tokenizer), rows, tmp_path, method=method)
    began = {name: value.clone() for name, value in trainer.model.named_parameters() if value.requires_grad}
    trainer.train()
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    assert len(losses) == 2 and all(math.isfinite(loss) and loss > 0 for loss in losses)
    now = dict(trainer.model.named_parameters())
    assert any(not torch.equal(now[name], value) for name, value in began.items())


@pytest.mark.parametrize("family", FAMILIES)
def test_methods_that_look_for_layers_by_name_find_them_in_every_family(tiny_model, family):
    base = Hub().load(parse({"model.path": str(tiny_model(family))}).model)
    for kind in ("ia3", "ln_tuning", "bottleneck", "freeze"):
        method = methods.of(parse({"model.path": str(base.path), "adapter.type": kind, "adapter.trained_layers": 1}))
        tuned = method.put_on(method.tree(base), base.tokenizer, [])
        assert any(value.requires_grad for value in tuned.parameters()), kind
        assert torch.isfinite(tuned(torch.tensor([[5, 6, 7]])).logits).all(), kind
