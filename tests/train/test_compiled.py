"""torch.compile as an option: the same curve, saved under the usual names, resumed; nothing of it stays behind."""

from __future__ import annotations

import functools
import gc
import weakref

import pytest
from safetensors.torch import load_file

from tests.train.conftest import curve
from workbench.models.adapters import WEIGHTS
from workbench.stages import arguments, sft
from workbench.train.heart import Heart
from workbench.train.session import train

COMPILED = {"training.torch_compile": True, "training.max_steps": 2, "training.save_steps": 100,
            "training.gradient_accumulation_steps": 1, "adapter.lora_dropout": 0.0}  # fmt: skip


@pytest.fixture
def without_a_compiler(monkeypatch):
    """The graphs are traced and run as they are: the same path without minutes of C++."""
    honest = arguments.SFTConfig
    monkeypatch.setattr(arguments, "SFTConfig", functools.partial(honest, torch_compile_backend="eager"))
    monkeypatch.setattr("workbench.models.abilities._no_compiler", lambda kind: None)
    return lambda: monkeypatch.setattr(arguments, "SFTConfig", honest)


@pytest.fixture
def alike(data_file):
    """Rows of one length: every other length is traced anew."""
    first = data_file.read_text(encoding="utf-8").splitlines()[0]
    data_file.write_text(f"{first}\n" * 6, encoding="utf-8")


def test_a_compiled_run_is_saved_resumed_and_leaves_nothing_behind(
    new_run, hub, alike, monkeypatch, without_a_compiler, tiny_model
):
    import torch

    seen, compiled = [], []
    honest = sft.SftTrainer._loss

    def loss(trainer, model, *given):
        seen.append(weakref.ref(trainer.model))
        compiled.append(isinstance(model, torch._dynamo.eval_frame.OptimizedModule))
        return honest(trainer, model, *given)

    monkeypatch.setattr(sft.SftTrainer, "_loss", loss)
    # Tracing takes as long as there is to trace: one layer, and adapters in one place of it.
    small = {"model.path": str(tiny_model("qwen3", num_hidden_layers=1)), "adapter.target_modules": "q_proj"}
    run = new_run("compiled", **COMPILED | small)
    asked: list = []
    with monkeypatch.context() as patched:
        patched.setattr(Heart, "stop_requested", lambda heart: asked.append(1) or len(asked) > 1)
        assert train(run, hub=hub)["state"] == "stopped"
    assert train(run, hub=hub, resume=True)["state"] == "finished"
    assert all(compiled)
    gc.collect()
    assert [ref() for ref in seen if ref() is not None] == [], "the compiler's caches hold no model"

    without_a_compiler()
    compiled.clear()
    plain = new_run("plain", **COMPILED | small | {"training.torch_compile": False})
    assert train(plain, hub=hub)["state"] == "finished"
    assert not any(compiled)
    assert [row[:3] for row in curve(run)] == [pytest.approx(row[:3], rel=1e-4) for row in curve(plain)]
    mine, theirs = (load_file(each.adapter_path / WEIGHTS) for each in (run, plain))
    assert mine.keys() == theirs.keys()
    assert all(torch.allclose(mine[name], theirs[name], atol=1e-4) for name in mine)
