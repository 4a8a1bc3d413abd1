"""models/trees.py: many module trees over the same tensors."""

import pytest
import torch

from workbench.models.hub import Hub
from workbench.models.trees import private_copy, tree
from workbench.specs.model import ModelSection


@pytest.fixture
def base(tiny_model):
    return Hub().load(ModelSection(path=str(tiny_model("qwen3")), device="cpu"))


def tensors(model):
    return {name: tensor.data_ptr() for name, tensor in (*model.named_parameters(), *model.named_buffers())}


def test_a_tree_has_modules_and_config_of_its_own_over_the_same_tensors(base):
    own = tree(base.model)
    assert tensors(own) == tensors(base.model)
    assert not {id(module) for module in own.modules()} & {id(module) for module in base.model.modules()}
    own.config.use_cache = False
    assert base.model.config.use_cache


def test_tied_weights_stay_tied(base):
    own = tree(base.model)
    assert own.lm_head.weight is own.model.embed_tokens.weight


def test_wrapping_and_patching_a_tree_leaves_the_base_as_it_was(base):
    from peft import LoraConfig, get_peft_model

    ids = torch.arange(10)[None]
    with torch.no_grad():
        before = base.model(ids).logits
    own = tree(base.model)
    tuned = get_peft_model(own, LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False))
    own.forward = lambda *args, **kwargs: None
    assert tuned is not None
    with torch.no_grad():
        assert torch.equal(base.model(ids).logits, before)
        assert torch.equal(tree(base.model)(ids).logits, before)


def test_a_patch_of_forward_is_not_copied(base):
    own = tree(base.model)
    own.forward = lambda *args, **kwargs: "patched"
    assert "forward" not in tree(own).__dict__


def test_a_private_copy_shares_nothing(base):
    assert not set(tensors(private_copy(base.model)).values()) & set(tensors(base.model).values())


def quantised(tiny_model, kind):
    pytest.importorskip("bitsandbytes")
    sizes = {"hidden_size": 64, "intermediate_size": 128, "head_dim": 16}
    return Hub().load(ModelSection(path=str(tiny_model("llama", **sizes)), device="cpu", quantization=kind))


def test_int8_trees_share_the_quantised_weights_and_answer_alike(tiny_model):
    base = quantised(tiny_model, "int8")
    first, second = tree(base.model), tree(base.model)
    ids = torch.arange(10)[None]
    with torch.no_grad():
        assert torch.equal(first(ids).logits, second(ids).logits)
        assert torch.equal(first(ids).logits, base.model(ids).logits)
    layers = [model.model.layers[0].mlp.up_proj for model in (base.model, first, second)]
    assert len({layer.state.CB.data_ptr() for layer in layers}) == 1
    assert len({id(layer.state) for layer in layers}) == 3


def test_nf4_trees_share_state_and_gradients_survive_an_answer_in_another_tree(tiny_model):
    from peft import LoraConfig, get_peft_model

    base = quantised(tiny_model, "nf4")
    layer = base.model.model.layers[0].mlp.up_proj
    assert layer.support_avx512bf16_for_cpu is False
    ids = torch.arange(10)[None]

    def gradients(between):
        torch.manual_seed(0)
        tuned = get_peft_model(tree(base.model), LoraConfig(r=2, target_modules="all-linear"))
        own = tuned.get_base_model().model.layers[0].mlp.up_proj
        assert own.base_layer.weight.quant_state is layer.weight.quant_state
        between()
        tuned(ids, labels=ids).loss.backward()
        return [p.grad for p in tuned.parameters() if p.grad is not None]

    def answer():
        with torch.inference_mode():
            tree(base.model)(ids)

    undisturbed, disturbed = gradients(lambda: None), gradients(answer)
    assert len(undisturbed) and all(torch.equal(a, b) for a, b in zip(undisturbed, disturbed, strict=True))
