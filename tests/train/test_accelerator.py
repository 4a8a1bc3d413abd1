"""What only a GPU shows: its precisions, its optimizers and attention, and its memory against the estimate."""

from __future__ import annotations

import importlib.util
import math

import pytest
import torch

from workbench.train.session import train

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        torch.accelerator.current_accelerator(check_available=True) is None, reason="no accelerator on this machine"
    ),
]
WITHIN = 0.10  # of the measured peak


@pytest.fixture
def trained(new_run, hub, tiny_model):
    """trained(**knobs) -> a finished run on the accelerator: (run, its losses)."""

    def make(**changes):
        shape = {"hidden_size": 128, "intermediate_size": 256, "head_dim": 32}
        model = str(tiny_model("llama", **shape))
        knobs = {"model.path": model, "model.device": "auto", "training.learning_rate": 0.002, "training.max_steps": 20}
        run = new_run("on-a-gpu", **knobs | changes)
        state = train(run, hub=hub)
        assert (state["state"], state["step"]) == ("finished", changes.get("training.max_steps", 20)), state["reason"]
        return run, [row["loss"] for row in run.metrics() if "loss" in row]

    return make


def learns(losses):
    return all(map(math.isfinite, losses)) and sum(losses[-3:]) < 0.8 * sum(losses[:3])


@pytest.mark.parametrize("knobs", [
    {"model.dtype": "float32"}, {"model.dtype": "bfloat16"}, {"model.dtype": "float16"},
    {"model.quantization": "nf4"}, {"model.quantization": "int8"},
], ids=lambda knobs: next(iter(knobs.values())))  # fmt: skip
def test_every_precision_learns(trained, knobs):
    assert learns(trained(**knobs)[1])


@pytest.mark.parametrize("optimizer", ["adamw_torch_fused", "adamw_8bit", "paged_adamw_8bit", "paged_adamw_32bit"])
def test_the_gpus_optimizers_learn(trained, optimizer):
    if "8bit" in optimizer or "paged" in optimizer:
        pytest.importorskip("bitsandbytes")
    assert learns(trained(**{"training.optim": optimizer})[1])


def test_flash_attention_learns_as_sdpa_does(trained):
    if not any(map(importlib.util.find_spec, ("flash_attn", "kernels"))):
        pytest.skip("neither flash-attn nor kernels is installed")
    knobs = {"model.dtype": "bfloat16", "training.max_steps": 6}
    _, fast = trained(**knobs | {"model.attn_implementation": "flash_attention_2"})
    _, plain = trained(**knobs | {"model.attn_implementation": "sdpa"})
    assert fast == pytest.approx(plain, rel=0.05)


def test_the_gpus_peak_is_recorded(trained):
    run, _ = trained(**{"training.max_steps": 3})
    assert 2**20 < run.state()["peak_memory_bytes"] < torch.accelerator.get_memory_info()[1]


def test_on_a_gpu_the_estimate_is_within_a_tenth_of_the_measured_peak():
    from workbench.bench.memory import compare

    lines = [line for table in compare(device="auto").values() for line in table["configurations"]]
    assert len(lines) >= 12
    assert [line for line in lines if abs(line["ratio"] - 1) > WITHIN] == []


def test_on_a_gpu_columns_cost_little_more_than_one():
    from workbench.bench.chat import compare

    ratios = compare(device="auto")["ratio_to_one_adapter"]
    assert ratios["base + 1"] <= 1.15
    assert ratios["base + 3"] <= 1.3


def test_a_run_stopped_on_a_gpu_goes_on_to_its_end(new_run, hub):
    run = new_run("stopped", **{"model.device": "auto", "training.max_steps": 12})
    train(run, hub=hub, on_progress=lambda progress: progress.step == 4 and run.request_stop())
    state = train(run, hub=hub, resume=True)
    assert (state["state"], state["step"]) == ("finished", 12)
