"""A rounded base gives the adapter the gradients of its dequantised twin, also after an evaluation."""

from __future__ import annotations

import copy

import pytest
import torch

from workbench.models.hub import Hub
from workbench.models.trees import tree
from workbench.specs.model import ModelSection

IDS = torch.tensor([[5, 6, 7, 8, 9, 10, 11, 12]])


def twin_of(model: torch.nn.Module) -> torch.nn.Module:
    """The same model with every rounded layer replaced by a plain one that holds what the rounded one stands for."""
    import bitsandbytes.functional as bnb

    plain = copy.deepcopy(model)
    for name, module in model.named_modules():
        kind = type(module).__name__
        if kind == "Linear4bit":
            weight = bnb.dequantize_4bit(module.weight.data, module.weight.quant_state)
        elif kind == "Linear8bitLt":
            weight = module.state.CB.float() * module.state.SCB[:, None] / 127
        else:
            continue
        linear = torch.nn.Linear(module.in_features, module.out_features, bias=module.bias is not None)
        linear.weight.data = weight.to(torch.float32)
        if module.bias is not None:
            linear.bias.data = module.bias.data.float()
        parent, _, last = name.rpartition(".")
        setattr(plain.get_submodule(parent), last, linear)
    return plain.requires_grad_(False)


def gradients(model: torch.nn.Module, evaluates: bool) -> torch.Tensor:
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    tuned = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear"))
    with torch.no_grad():
        for name, value in tuned.named_parameters():
            if "lora_B" in name:
                value.normal_(std=0.1)
    if evaluates:
        with torch.no_grad():
            tuned.eval()(IDS)
    tuned.train()(IDS, labels=IDS).loss.backward()
    return torch.cat([p.grad.flatten().float() for p in tuned.parameters() if p.grad is not None])


# int8 rounds activations too (per row, to 8 bits), so its forward differs a little from the twin's.
@pytest.mark.parametrize(("kind", "tolerance"), [("nf4", 1e-4), ("int8", 0.05)])
def test_gradients_after_an_evaluation_are_those_of_the_dequantised_twin(tiny_model, kind, tolerance):
    pytest.importorskip("bitsandbytes")
    sizes = {"hidden_size": 64, "intermediate_size": 128, "head_dim": 16}
    section = ModelSection(path=str(tiny_model("llama", **sizes)), device="cpu", quantization=kind)
    base = Hub().load(section)
    expected = gradients(twin_of(base.model), evaluates=False)
    for evaluates in (False, True):
        found = gradients(tree(base.model), evaluates)
        error = ((found - expected).norm() / expected.norm()).item()
        assert error < tolerance, f"relative error {error:.4f}, evaluated before: {evaluates}"
