"""Counted from a file's header = counted in the very modules that train, for every method and every family."""

import typing

import pytest

from workbench.memory.learned import METHODS, learned
from workbench.models import anatomy
from workbench.specs import parse
from workbench.specs.adapter import AdapterSection

# Every method with a knob of its own that changes its size.
CASES = [
    ("lora", {"adapter.r": 4}), ("lora", {"adapter.r": 4, "adapter.use_dora": True}),
    ("lora", {"adapter.r": 4, "adapter.lora_fa": True}), ("lora", {"adapter.target_modules": "q_proj,v_proj"}),
    ("adalora", {"adapter.init_r": 6, "adapter.target_r": 2}), ("ia3", {}),
    ("prefix", {"adapter.num_virtual_tokens": 5}),
    ("prefix", {"adapter.prefix_projection": True, "adapter.encoder_hidden_size": 24}),
    ("prompt", {"adapter.num_virtual_tokens": 7}), ("p_tuning", {"adapter.encoder_hidden_size": 24}),
    ("p_tuning", {"adapter.encoder_reparameterization_type": "LSTM", "adapter.encoder_hidden_size": 24}),
    ("oft", {"adapter.oft_block_size": 8}), ("boft", {"adapter.boft_block_size": 4}), ("vera", {"adapter.r": 8}),
    ("loha", {"adapter.r": 4}), ("lokr", {"adapter.r": 2}), ("lokr", {"adapter.r": 2, "adapter.decompose_both": True}),
    ("ln_tuning", {}), ("trainable_tokens", {"adapter.token_indices": "3,4,3"}),
    ("bottleneck", {"adapter.bottleneck_size": 6}),
    ("freeze", {"adapter.trained_layers": 1}), ("full", {}),
]  # fmt: skip


@pytest.fixture(scope="module")
def hub():
    from workbench.models.hub import Hub

    return Hub()


def trained_by(spec, hub) -> int:
    from workbench.stages import methods

    base = hub.load(spec.model)
    method = methods.of(spec)
    model = method.put_on(method.tree(base), base.tokenizer, [])
    return sum(value.numel() for value in model.parameters() if value.requires_grad)


def test_every_method_of_the_form_has_its_line():
    kinds = typing.get_args(AdapterSection.model_fields["type"].annotation)
    assert set(METHODS) == set(kinds)
    assert set(kinds) - {kind for kind, _ in CASES} == {"lisa"}  # what learns changes while it trains


@pytest.mark.parametrize(("kind", "knobs"), CASES, ids=lambda value: value if isinstance(value, str) else "")
def test_as_many_weights_learn_as_the_estimate_says(kind, knobs, tiny_model, hub):
    path = str(tiny_model("qwen3"))
    spec = parse({"model.path": path, "adapter.type": kind} | knobs)
    assert learned(spec.adapter, anatomy.of_path(path)).trained == trained_by(spec, hub)


@pytest.mark.parametrize(
    "family", ["qwen2", "llama", "glm4", "mistral", "gemma3_text", "phi3", "gpt2", "gpt_neox", "qwen3_moe"]
)
def test_all_linear_means_the_same_layers_in_every_family(family, tiny_model, hub):
    path = str(tiny_model(family))
    spec = parse({"model.path": path, "adapter.r": 4})
    model = anatomy.of_path(path)
    assert learned(spec.adapter, model).trained == trained_by(spec, hub)
    assert model.parameters == sum(value.numel() for value in hub.load(spec.model).model.parameters())


def test_lisa_counts_the_layers_of_one_turn_and_what_stands_outside(tiny_model):
    model = anatomy.of_path(str(tiny_model("qwen3")))
    one = learned(parse({"adapter.type": "lisa", "adapter.lisa_layers": 1}).adapter, model).trained
    assert one == model.parameters - model.layer_parameters
