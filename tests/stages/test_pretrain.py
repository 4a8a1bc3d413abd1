"""Continued pretraining: documents in one row do not see each other, a stream does as it says."""

from __future__ import annotations

import copy
import json

import pytest
import torch

from workbench import runs
from workbench.data.documents import render_documents
from workbench.data.records import Text
from workbench.models.hub import Hub
from workbench.specs import parse
from workbench.stages import methods, pretrain
from workbench.train.session import train

TEXTS = ["One, two, three, four, five.", "你好，今天天气很好。", "The capital of France is Paris.", "A small model."]


@pytest.fixture(scope="module")
def base(tiny_model):
    return Hub().load(parse({"model.path": str(tiny_model("qwen3"))}).model)


def build(base, run_dir, blocks, **changes):
    values = {"stage": "pretrain", "model.path": str(base.path), "pretrain.blocks": blocks, "training.max_steps": 2,
              "data.max_length": 96, "training.per_device_train_batch_size": 1}  # fmt: skip
    spec = parse(values | changes)
    rows = render_documents(map(Text, TEXTS), base.tokenizer, spec.data.max_length, blocks)
    method = methods.of(spec)
    return pretrain.build(spec, method.tree(base), copy.deepcopy(base.tokenizer), rows, run_dir, method=method)


def test_packed_documents_cost_what_they_cost_alone(base, tmp_path):
    """The loss over a packed row is the mean over its documents' tokens, each computed by itself."""
    trainer = build(base, tmp_path, "packed")
    rows = trainer.train_dataset
    assert len(rows) < len(TEXTS)
    batch = next(iter(trainer.get_train_dataloader()))
    packed = trainer.compute_loss(trainer.model, dict(batch)).item()
    starts = (batch["position_ids"][0] == 0).nonzero()[:, 0].tolist() + [batch["input_ids"].shape[1]]
    total = count = 0.0
    for start, end in zip(starts, starts[1:], strict=False):
        ids = batch["input_ids"][:, start:end]
        with torch.no_grad():
            loss = trainer.model(input_ids=ids, labels=ids).loss.item()
        total, count = total + loss * (end - start - 1), count + end - start - 1
    assert len(starts) > 2
    assert packed == pytest.approx(total / count, abs=1e-4)


def test_a_virtual_prompt_and_packed_documents_are_refused_before_the_run_loads_anything(home, tiny_model):
    values = {"stage": "pretrain", "model.path": str(tiny_model("qwen3")), "data.path": "texts.jsonl",
              "pretrain.blocks": "packed", "adapter.type": "prompt"}  # fmt: skip
    state = train(runs.create(home, parse(values)), hub=Hub())
    assert state["state"] == "failed" and state["reason"].startswith("pretrain.blocks=packed")


def test_a_run_on_text_finishes_and_leaves_an_adapter(home, tiny_model):
    (home / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    values = {"stage": "pretrain", "model.path": str(tiny_model("qwen3")), "data.path": "texts.jsonl",
              "pretrain.blocks": "stream", "data.max_length": 32, "training.max_steps": 2,
              "probes.path": ""}  # fmt: skip
    run = runs.create(home, parse(values))
    state = train(run, hub=Hub())
    assert (run.name, state["state"], state["reason"]) == ("pretrain-1", "finished", "")
    assert (run.adapter_path / "adapter_model.safetensors").is_file()
