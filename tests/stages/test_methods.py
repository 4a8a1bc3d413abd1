"""Every method: trains, saves, is loaded again as anybody loads it, and leaves the base as it was, bit for bit."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from workbench.data.records import Conversation
from workbench.data.render import render
from workbench.errors import UserError
from workbench.models import bottleneck
from workbench.models.hub import Hub
from workbench.specs import conflicts, layered, parse
from workbench.specs.adapter import Kind
from workbench.stages import methods, sft

TALKS = [
    Conversation.of(("user", f"What comes after {number}?"), ("assistant", f"It is {number + 1}." * (number % 3 + 1)))
    for number in range(6)
]
IDS = torch.tensor([[40, 41, 42, 43, 44, 45]])
CASES = {
    "lora": {},
    "rslora": {"use_rslora": True},
    "dora": {"use_dora": True, "target_modules": "q_proj,v_proj"},
    "pissa": {"init_lora_weights": "pissa"},
    "pissa and rslora": {"init_lora_weights": "pissa", "use_rslora": True},
    "olora": {"init_lora_weights": "olora"},
    "eva": {"init_lora_weights": "eva"},
    "lora plus": {"loraplus_lr_ratio": 4.0},
    "lora fa": {"lora_fa": True},
    "adalora": {"type": "adalora", "init_r": 6, "target_r": 2},
    "ia3": {"type": "ia3"},
    "prefix": {"type": "prefix", "num_virtual_tokens": 4},
    "prefix with projection": {"type": "prefix", "num_virtual_tokens": 4, "prefix_projection": True},
    "prompt": {"type": "prompt", "num_virtual_tokens": 4, "prompt_text": "Answer:"},
    "p_tuning": {"type": "p_tuning", "num_virtual_tokens": 4, "encoder_hidden_size": 16},
    "oft": {"type": "oft", "oft_block_size": 8},
    "boft": {"type": "boft"},
    "vera": {"type": "vera", "r": 16},
    "loha": {"type": "loha", "r": 4},
    "lokr": {"type": "lokr", "r": 4},
    "ln_tuning": {"type": "ln_tuning"},
    "trainable_tokens": {"type": "trainable_tokens", "token_indices": "40, 42,<|im_end|>"},
    "bottleneck in series": {"type": "bottleneck", "bottleneck_size": 8},
    "bottleneck in parallel": {"type": "bottleneck", "bottleneck_size": 8, "bottleneck_placement": "parallel"},
    "freeze": {"type": "freeze", "trained_layers": 1},
    "full": {"type": "full"},
    "lisa": {"type": "lisa", "lisa_layers": 1, "lisa_interval": 1},
}


def test_the_cases_cover_every_method():
    from typing import get_args

    assert {changes.get("type", "lora") for changes in CASES.values()} == set(get_args(Kind)) == methods.kinds()


@pytest.fixture(scope="module")
def base(tiny_model):
    spec = parse({"model.path": str(tiny_model("qwen3"))})
    return Hub().load(spec.model)


def build(base, run_dir: Path, adapter: dict, **changes):
    values = {"model.path": str(base.path), "training.max_steps": 3, "training.per_device_train_batch_size": 2,
              "training.learning_rate": 0.01, "training.save_steps": 2, "adapter.r": 4}  # fmt: skip
    spec = parse(layered(values, {f"adapter.{name}": value for name, value in adapter.items()}, changes))
    rows = [render(talk, base.tokenizer, 200) for talk in TALKS]
    method = methods.of(spec)
    tokenizer = copy.deepcopy(base.tokenizer)
    return sft.build(spec, method.tree(base), tokenizer, rows, run_dir, method=method)


def logits(model, **options) -> torch.Tensor:
    model.eval()
    model.__dict__.pop("forward", None)
    with torch.no_grad():
        return model(input_ids=IDS, **options).logits[:, -IDS.shape[1] :]


def reloaded(result: str, folder: Path, base_path: Path):
    """As somebody without this workbench loads it (but for our own bottleneck)."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    bare = AutoModelForCausalLM.from_pretrained(folder if result == "model" else base_path)
    if result == "bottleneck":
        return bottleneck.load(bare, folder)
    return bare if result == "model" else PeftModel.from_pretrained(bare, folder)


def curve(trainer) -> list[tuple]:
    return [(row["step"], row["loss"], row["grad_norm"]) for row in trainer.state.log_history if "loss" in row]


@pytest.mark.parametrize("case", CASES)
def test_what_a_method_trained_is_what_is_loaded_again_and_goes_on_bit_for_bit(base, tmp_path, case):
    with torch.no_grad():
        before = base.model(IDS).logits
    trainer = build(base, tmp_path / "run", CASES[case])
    trainer.train()
    trained = logits(trainer.model)
    folder = tmp_path / trainer.method.result
    trainer.method.save(trainer.model, folder)
    again = logits(reloaded(trainer.method.result, folder, base.path))
    assert (again - trained).abs().max() < 2e-5
    assert (trained - before).abs().max() > 1e-3, "nothing was learned"

    resumed = build(base, tmp_path / "run", CASES[case])
    resumed.resumed_from = tmp_path / "run" / "checkpoint-2"
    resumed.train(resume_from_checkpoint=str(resumed.resumed_from))
    assert curve(resumed)[-1] == curve(trainer)[-1]
    left = dict(resumed.model.named_parameters())
    assert all(torch.equal(value, left[name]) for name, value in trainer.model.named_parameters())
    with torch.no_grad():
        assert torch.equal(base.model(IDS).logits, before)


def test_adalora_prunes_to_the_rank_it_was_asked_for(base, tmp_path):
    trainer = build(base, tmp_path / "run", CASES["adalora"])
    trainer.train()
    ranks = [int((value != 0).sum()) for name, value in trainer.model.named_parameters() if "lora_E" in name]
    assert sum(ranks) == 2 * len(ranks) and len(set(ranks)) > 1


def test_lora_plus_lets_b_learn_faster_and_lora_fa_leaves_a_as_it_began(base, tmp_path):
    plus = build(base, tmp_path / "plus", CASES["lora plus"], **{"training.lr_scheduler_type": "constant"})
    plus.train()
    rates = {group["lr"] for group in plus.optimizer.param_groups if group["params"]}
    assert rates == {0.01, 0.04}
    fixed = build(base, tmp_path / "fixed", CASES["lora fa"])
    began = {name: value.clone() for name, value in fixed.model.named_parameters() if "lora_A" in name}
    fixed.train()
    assert all(torch.equal(value, began[name]) for name, value in fixed.model.named_parameters() if name in began)


def test_eva_begins_with_the_directions_of_the_rows(base, tmp_path):
    trainer = build(base, tmp_path / "run", CASES["eva"])
    first = next(value for name, value in trainer.model.named_parameters() if "lora_A" in name)
    assert torch.allclose(first @ first.T, torch.eye(len(first)), atol=1e-4)  # singular vectors


def test_lisa_draws_the_layers_anew_and_gives_the_others_state_back(tiny_model, tmp_path):
    spec = parse({"model.path": str(tiny_model("qwen3", num_hidden_layers=4))})
    base = Hub().load(spec.model)
    trainer = build(base, tmp_path / "run", CASES["lisa"], **{"training.max_steps": 6})
    turns = next(item for item in trainer.callback_handler.callbacks if type(item).__name__ == "_Turns")
    drawn = [turns.drawn(step) for step in range(6)]
    assert len({tuple(layers) for layers in drawn}) > 1 and all(len(layers) == 1 for layers in drawn)
    trainer.train()
    learning = [number for number, layer in enumerate(turns.layers) if next(layer.parameters()).requires_grad]
    assert learning == drawn[5]
    state = getattr(trainer.optimizer, "optimizer", trainer.optimizer).state
    held = [number for number, layer in enumerate(turns.layers) if next(layer.parameters()) in state]
    assert held == drawn[5]


def test_freezing_trains_the_last_layers_and_nothing_else(base, tmp_path):
    trainer = build(base, tmp_path / "run", CASES["freeze"])
    trained = {name.split(".layers.")[-1].split(".")[0] for name, value in trainer.model.named_parameters()
               if value.requires_grad}  # fmt: skip
    assert trained == {"1"}


@pytest.mark.parametrize(
    ("adapter", "changes", "sentence"),
    [
        ({"init_lora_weights": "pissa", "use_dora": True}, {}, "DoRA and adapter.init_lora_weights=pissa"),
        ({"init_lora_weights": "loftq"}, {}, "model.quantization is none"),
        ({"type": "adalora", "init_r": 4, "target_r": 4}, {}, "nothing to prune"),
        ({"type": "trainable_tokens"}, {}, "adapter.token_indices is empty"),
        ({"type": "trainable_tokens", "token_indices": "9999"}, {}, "“9999” is no single token"),
        ({"type": "freeze", "trained_layers": 3}, {}, "the model has 2 layers"),
        ({"type": "boft", "boft_block_size": 7}, {}, "boft cannot be put on this model"),
        ({"type": "full"}, {"model.quantization": "nf4"}, "model.quantization=nf4 keeps rounded"),
    ],
)
def test_what_a_method_cannot_do_is_refused_in_one_sentence(base, tmp_path, adapter, changes, sentence):
    with pytest.raises(UserError) as caught:
        build(base, tmp_path / "run", adapter, **changes)
    assert sentence in caught.value.text("en")
    assert caught.value.text("zh")


def test_a_bottleneck_on_another_base_and_a_merge_are_refused(base, tiny_model, tmp_path):
    from workbench.models.trees import tree

    trainer = build(base, tmp_path / "run", CASES["bottleneck in series"])
    trainer.method.save(trainer.model, tmp_path / "bottleneck")
    other = Hub().load(parse({"model.path": str(tiny_model("qwen3", num_hidden_layers=3))}).model)
    with pytest.raises(UserError, match="2 × 32 in it, 3 × 32 here"):
        bottleneck.load(tree(other.model), tmp_path / "bottleneck")
    with pytest.raises(UserError, match="cannot be merged"):
        bottleneck.merge(tmp_path / "bottleneck")


# -- beginning with an adapter that is there -------------------------------------------------------------------------
def attached(base, path: Path):
    """As the chat has it."""
    from workbench.models import adapters, trees

    config = adapters.read_config(path)
    own = trees.private_copy if adapters.changes_base(config) else trees.tree
    return adapters.attach(own(base.model), adapters.AdapterRef("a", path))[0]


def trained_folder(base, tmp_path: Path, name: str, adapter: dict, **changes) -> tuple[Path, torch.Tensor]:
    trainer = build(base, tmp_path / f"run-{name}", adapter, **changes)
    trainer.train()
    folder = tmp_path / name
    trainer.method.save(trainer.model, folder)
    return folder, logits(trainer.model)


CONTINUED = ["lora", "pissa", "adalora", "ia3", "prefix with projection", "p_tuning", "bottleneck in parallel"]


@pytest.mark.parametrize("case", CONTINUED)
def test_an_adapter_is_trained_further_from_where_it_was(base, tmp_path, case):
    folder, reached = trained_folder(base, tmp_path, "first", CASES[case])
    again = build(base, tmp_path / "run", {"continue_from": str(folder)})
    assert (logits(again.model) - reached).abs().max() < 2e-5
    again.train()
    trained = logits(again.model)
    assert (trained - reached).abs().max() > 1e-4
    again.method.save(again.model, tmp_path / "second")
    assert (logits(attached(base, tmp_path / "second"), use_cache=False) - trained).abs().max() < 2e-5


@pytest.mark.parametrize(("below", "above"), [("lora", "lora"), ("rslora", "pissa"), ("loha", "lora"),
                                              ("ia3", "bottleneck in series"), ("lora", "full")])  # fmt: skip
def test_a_new_adapter_on_top_of_another_is_loaded_again_exactly(base, tmp_path, below, above):
    with torch.no_grad():
        before = base.model(IDS).logits
    folder, reached = trained_folder(base, tmp_path, "first", CASES[below])
    start = {"continue_from": str(folder), "continue_as": "stack"}
    trainer = build(base, tmp_path / "run", CASES[above] | start)
    assert (logits(trainer.model) - reached).abs().max() < 2e-5
    trainer.train()
    trained = logits(trainer.model)
    trainer.method.save(trainer.model, tmp_path / "second")
    if above in ("lora", "pissa") and below in ("lora", "rslora"):  # one LoRA for the untouched base
        assert not (tmp_path / "second" / "below").exists()
        again = reloaded("adapter", tmp_path / "second", base.path)
    else:
        again = (
            reloaded("model", tmp_path / "second", base.path)
            if above == "full"
            else attached(base, tmp_path / "second")
        )
    assert (logits(again) - trained).abs().max() < 5e-5
    resumed = build(base, tmp_path / "run", CASES[above] | start)
    resumed.resumed_from = tmp_path / "run" / "checkpoint-2"
    resumed.train(resume_from_checkpoint=str(resumed.resumed_from))
    assert curve(resumed)[-1] == curve(trainer)[-1]
    with torch.no_grad():
        assert torch.equal(base.model(IDS).logits, before)


def test_what_cannot_be_begun_with_is_refused(base, tmp_path):
    model, _ = trained_folder(base, tmp_path, "whole", CASES["freeze"])
    with pytest.raises(UserError, match="give its folder as model.path"):
        build(base, tmp_path / "run", {"continue_from": str(model)})
    foreign, _ = trained_folder(base, tmp_path, "foreign", CASES["lora"])
    config = (foreign / "adapter_config.json").read_text().replace('"LORA"', '"ADALORA"')
    (foreign / "adapter_config.json").write_text(config)
    with pytest.raises(UserError, match="adapter.continue_as=stack"):
        build(base, tmp_path / "run", {"continue_from": str(foreign)})
    prompt, _ = trained_folder(base, tmp_path, "prompt", CASES["prompt"])
    with pytest.raises(UserError, match="PROMPT_TUNING.*cannot be merged"):
        build(base, tmp_path / "run", {"continue_from": str(prompt), "continue_as": "stack"})


def test_base_weights_of_16_bits_learn_in_32_and_are_saved_as_they_came(tiny_model, tmp_path):
    spec = parse({"model.path": str(tiny_model("qwen3")), "model.dtype": "bfloat16"})
    half = Hub().load(spec.model)
    trainer = build(half, tmp_path / "run", CASES["full"], **{"model.dtype": "bfloat16"})
    assert {value.dtype for value in trainer.model.parameters()} == {torch.float32}
    trainer.train()
    trainer.method.save(trainer.model, tmp_path / "model")
    from transformers import AutoModelForCausalLM

    again = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    assert {value.dtype for value in again.parameters()} == {torch.bfloat16}
    for name, value in trainer.model.named_parameters():
        assert torch.equal(dict(again.named_parameters())[name], value.bfloat16()), name
    assert half.model.dtype == torch.bfloat16


def test_loftq_begins_nearer_to_the_unrounded_model_than_nothing(tiny_model, tmp_path):
    pytest.importorskip("bitsandbytes")
    sizes = {"hidden_size": 64, "intermediate_size": 128, "head_dim": 16}
    path = tiny_model("llama", **sizes)
    whole = Hub().load(parse({"model.path": str(path)}).model)
    rounded = Hub().load(parse({"model.path": str(path), "model.quantization": "nf4"}).model)
    with torch.no_grad():
        wanted, before = whole.model(IDS).logits, rounded.model(IDS).logits
    trainer = build(rounded, tmp_path / "run", {"init_lora_weights": "loftq", "r": 16}, **{"model.quantization": "nf4"})
    assert (logits(trainer.model) - wanted).norm() < 0.9 * (before - wanted).norm()
    with torch.no_grad():
        assert torch.equal(rounded.model(IDS).logits, before)


@pytest.mark.parametrize("quantization", ["nf4", "int8"])
def test_over_a_rounded_base_what_learns_has_32_bits_and_is_loaded_again_exactly(tiny_model, tmp_path, quantization):
    pytest.importorskip("bitsandbytes")
    path = tiny_model("llama", hidden_size=64, intermediate_size=128, head_dim=16)
    rounded = Hub().load(parse({"model.path": str(path), "model.quantization": quantization}).model)
    given = {"model.path": str(path), "model.quantization": quantization}
    cases = ["lora", "dora", "lora fa", "adalora", "ia3", "oft", "boft", "vera", "loha", "lokr", "ln_tuning",
             "prefix", "bottleneck in series", "freeze"]  # fmt: skip
    refused = []
    for case in cases:
        adapter = CASES[case]
        spec = parse(layered(given, {f"adapter.{name}": value for name, value in adapter.items()}))
        if any(found.refuses for found in conflicts.find(spec)):
            refused.append(case)
            continue
        trainer = build(rounded, tmp_path / case, adapter, **given)
        learned = [value for value in trainer.model.parameters() if value.requires_grad]
        assert {value.dtype for value in learned} == {torch.float32}, case
        trainer.train()
        trained = logits(trainer.model)
        trainer.method.save(trainer.model, tmp_path / f"saved {case}")
        assert (logits(attached(rounded, tmp_path / f"saved {case}")) - trained).abs().max() < 2e-5, case
    always = {"loha", "lokr", "bottleneck in series", "freeze"}
    assert set(refused) == (always if quantization == "nf4" else always | {"dora", "ia3", "oft", "boft", "vera"})


def test_every_method_and_every_way_to_begin_is_documented():
    from workbench import presets

    text = (presets.root().parent / "docs" / "methods.md").read_text(encoding="utf-8")
    named = {*methods.kinds(), "pissa", "olora", "eva", "loftq", "continue_as", "pretrain.blocks", "vocabulary.corpus"}
    assert [word for word in sorted(named) if word not in text] == []
