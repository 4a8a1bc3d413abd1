"""models/matrices.py: a plain LoRA without PEFT's modules, beside adapters that PEFT attached."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from workbench.errors import UserError
from workbench.models import adapters, matrices, mixing
from workbench.models.adapters import AdapterRef, attach
from workbench.models.generate import Sampling, generate
from workbench.models.hub import Hub
from workbench.models.trees import tree
from workbench.specs.model import ModelSection

PROMPT = [5, 9, 40, 41, 7, 12]


def load(folder, **knobs):
    return Hub().load(ModelSection(path=str(folder), device="cpu", **knobs))


def read(base, folder):
    return matrices.read(base.model, folder, adapters.read_config(folder), folder.name)


def logits(model):
    with torch.inference_mode():
        return model(input_ids=torch.tensor([PROMPT])).logits[0]


def by_peft(base, folder):
    return logits(attach(tree(base.model), AdapterRef(folder.name, folder))[0])


def by_rows(own, names):
    with torch.inference_mode(), mixing.rows(own, names):
        model = own.get_base_model() if hasattr(own, "get_base_model") else own
        return model(input_ids=torch.tensor([PROMPT] * len(names))).logits


@pytest.mark.parametrize("family", ["qwen3", "llama", "gpt2", "phi3", "glm4", "gemma3_text", "gpt_neox"])
def test_the_matrices_do_what_peft_does(tiny_model, make_adapter, tmp_path, family):
    model = tiny_model(family)
    base = load(model)
    folders = [make_adapter(tmp_path / "four", model, r=4), make_adapter(tmp_path / "rs", model, r=1, use_rslora=True)]
    own, found = tree(base.model), [read(base, folder) for folder in folders]
    together = by_rows(own, [mixing.BARE, *found])
    for row, wanted in enumerate([logits(base.model), *(by_peft(base, folder) for folder in folders)]):
        assert torch.allclose(together[row], wanted, atol=1e-4, rtol=0), (together[row] - wanted).abs().max()
    assert (together[1] - together[0]).abs().max() > 1e-3 < (together[2] - together[0]).abs().max()
    assert not any("forward" in module.__dict__ for module in own.modules())


@pytest.mark.parametrize("knobs", [{"dtype": "bfloat16"}, {"quantization": "nf4"}])
def test_a_base_in_few_bits_gets_the_same_update(tiny_model, make_adapter, tmp_path, knobs):
    if "quantization" in knobs:
        pytest.importorskip("bitsandbytes")
    model = tiny_model("llama", hidden_size=64, intermediate_size=128, head_dim=16)
    folder = make_adapter(tmp_path / "one", model, r=4)
    base = load(model, **knobs)
    row, wanted = by_rows(tree(base.model), [read(base, folder)])[0], by_peft(base, folder)
    assert (row - wanted).abs().max() <= 4e-2 * wanted.abs().max()  # bf16 has 8 bits; sums come in another order
    assert (row - logits(base.model)).abs().max() > 0.1 * wanted.abs().max()


def test_an_adapter_in_half_precision_is_widened_as_peft_does(tiny_model, make_adapter, tmp_path):
    model = tiny_model("qwen3")
    folder = make_adapter(tmp_path / "half", model, r=4)
    file = folder / "adapter_model.safetensors"
    save_file({name: tensor.bfloat16() for name, tensor in load_file(file).items()}, file)
    base = load(model)
    found = read(base, folder)
    assert {part.dtype for pair in found.layers.values() for part in pair} == {torch.float32}
    assert torch.allclose(by_rows(tree(base.model), [found])[0], by_peft(base, folder), atol=1e-4, rtol=0)


def test_the_file_may_be_written_anew_while_its_matrices_are_in_use(tiny_model, make_adapter, tmp_path):
    model = tiny_model("qwen3")
    folder = make_adapter(tmp_path / "one", model, r=1)
    base = load(model)
    found, own = read(base, folder), tree(base.model)
    before = by_rows(own, [found])
    file = folder / "adapter_model.safetensors"
    with file.open("r+b") as opened:  # in place: the same pages
        opened.write(b"\0" * file.stat().st_size)
    assert torch.equal(by_rows(own, [found]), before)


@pytest.mark.parametrize("extra", [
    {"modules_to_save": ["lm_head"]},
    {"modules_to_save": ["embed_tokens"]},
    {"target_modules": ["embed_tokens", "q_proj"]},
])  # fmt: skip
def test_matrices_stand_beside_what_peft_attached(tiny_model, make_adapter, tmp_path, extra):
    model = tiny_model("llama")  # untied
    plain = make_adapter(tmp_path / "plain", model, r=4, target_modules=["q_proj", "down_proj", "lm_head"])
    file = plain / "adapter_model.safetensors"  # PEFT adds the whole head, as it was, to a file that tunes it
    save_file({name: tensor for name, tensor in load_file(file).items() if ".lora_" in name}, file)
    more = make_adapter(tmp_path / "more", model, **extra)
    base = load(model)
    assert read(base, more) is None
    own, attached = attach(tree(base.model), AdapterRef("more", more))
    found = read(base, plain)
    together = by_rows(own, [mixing.BARE, found, attached])
    for row, wanted in enumerate([logits(base.model), by_peft(base, plain), by_peft(base, more)]):
        assert torch.allclose(together[row], wanted, atol=1e-4, rtol=0), (row, (together[row] - wanted).abs().max())


def test_a_blend_is_the_weighted_sum_of_its_parts(tiny_model, make_adapter, tmp_path):
    model = tiny_model("llama")
    folders = [make_adapter(tmp_path / name, model, r=rank) for name, rank in (("one", 4), ("two", 2))]
    base = load(model)
    one, two = (read(base, folder) for folder in folders)
    own, names = tree(base.model), []
    for folder in folders:
        own, name = attach(own, AdapterRef(folder.name, folder))
        names.append(name)
    own.add_weighted_adapter(names, [0.5, -1.0], "both", combination_type="cat")
    own.set_adapter("both")
    blended = by_rows(tree(base.model), [((one, 0.5), (two, -1.0))])[0]
    assert torch.allclose(blended, logits(own), atol=1e-4, rtol=0)


@pytest.mark.parametrize("extra", [
    {"rank_pattern": {"q_proj": 2}}, {"alpha_pattern": {"v_proj": 32}},
    {"target_modules": ["q_proj"], "layers_to_transform": [0]},
    {"target_modules": r".*\.q_proj"}, {"trainable_token_indices": [5]}, {"use_dora": True},
])  # fmt: skip
def test_what_is_more_than_a_plain_lora_is_left_to_peft(tiny_model, make_adapter, tmp_path, extra):
    model = tiny_model("llama")
    assert read(load(model), make_adapter(tmp_path / "more", model, **extra)) is None


def test_an_option_that_nobody_here_knows_is_left_to_peft(tiny_model, make_adapter, tmp_path):
    model = tiny_model("llama")
    folder = make_adapter(tmp_path / "new", model)
    base = load(model)
    assert read(base, folder) is not None
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"use_tomorrows_idea": True}))
    assert read(base, folder) is None


def test_a_layer_that_the_file_lacks_is_named(tiny_model, make_adapter, tmp_path):
    model = tiny_model("llama")
    folder = make_adapter(tmp_path / "part", model)
    file = folder / "adapter_model.safetensors"
    tensors = load_file(file)
    lost = next(name for name in tensors if name.endswith("layers.1.self_attn.q_proj.lora_B.weight"))
    save_file({name: tensor for name, tensor in tensors.items() if name != lost}, file)
    with pytest.raises(UserError) as raised:
        read(load(model), folder)
    assert raised.value.key == "adapters.missing_weights"
    assert raised.value.params["layer"] == "model.layers.1.self_attn.q_proj"


def test_an_adapter_of_another_base_is_refused_with_both_shapes(tiny_model, make_adapter, tmp_path):
    folder = make_adapter(tmp_path / "other", tiny_model("llama", hidden_size=64, intermediate_size=128, head_dim=16))
    with pytest.raises(UserError) as raised:
        read(load(tiny_model("llama")), folder)
    assert raised.value.key == "adapters.other_base"


def test_a_half_written_file_is_refused(tiny_model, make_adapter, tmp_path):
    model = tiny_model("llama")
    folder = make_adapter(tmp_path / "cut", model)
    file = folder / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(UserError) as raised:
        read(load(model), folder)
    assert raised.value.key == "adapters.half_written"


def test_a_row_of_matrices_answers_as_its_adapter_alone_in_peft(tiny_model, make_adapter, tmp_path):
    model = tiny_model("qwen3")
    folders = [make_adapter(tmp_path / name, model, r=rank) for name, rank in (("one", 4), ("two", 8))]
    base = load(model)
    options = {"sampling": Sampling(max_tokens=16), "stop_ids": frozenset()}
    columns = [read(base, folders[1]), None, read(base, folders[0])]
    together = generate(tree(base.model), base.tokenizer, [PROMPT] * 3, adapters=columns, **options)
    alone = []
    for folder in (folders[1], None, folders[0]):
        own, name = attach(tree(base.model), AdapterRef("a", folder)) if folder else (tree(base.model), None)
        alone += generate(own, base.tokenizer, [PROMPT], adapters=[name] if name else None, **options)
    assert together == alone and len(set(map(tuple, together))) == 3
