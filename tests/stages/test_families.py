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
@pytest.mark.parametrize("adapter", ["lora", "ia3", "bottleneck"])
def test_a_family_learns(tiny_model, tmp_path, family, adapter):
    spec = parse({"model.path": str(tiny_model(family)), "training.max_steps": 2, "adapter.type": adapter,
                  "training.per_device_train_batch_size": 2, "training.learning_rate": 0.01})  # fmt: skip
    base = Hub().load(spec.model)
    rows = [render(talk, base.tokenizer, 64) for talk in TALKS]
    method = methods.of(spec)
    tokenizer = copy.deepcopy(base.tokenizer)
    trainer = sft.build(spec, method.tree(base), tokenizer, rows, tmp_path, method=method)
    began = {name: value.clone() for name, value in trainer.model.named_parameters() if value.requires_grad}
    trainer.train()
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    assert len(losses) == 2 and all(math.isfinite(loss) and loss > 0 for loss in losses)
    now = dict(trainer.model.named_parameters())
    assert any(not torch.equal(now[name], value) for name, value in began.items())
