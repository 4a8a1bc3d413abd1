"""The trainer that `build` returns: the spec's knobs reach it, and its losses are SFTTrainer's."""

from __future__ import annotations

import copy

import pytest
import torch

from workbench.data.records import Conversation
from workbench.data.render import render
from workbench.errors import UserError
from workbench.models.trees import tree
from workbench.specs import layered, parse
from workbench.stages import sft

TALKS = [
    Conversation.of(("user", f"What comes after {number}?"), ("assistant", f"It is {number + 1}." * (number % 3 + 1)))
    for number in range(8)
]


@pytest.fixture
def built(tiny_model, tmp_path):
    from workbench.models.hub import Hub

    def make(family="qwen3", held_out=False, talks=TALKS, **changes):
        values = {"model.path": str(tiny_model(family)), "training.num_train_epochs": 1, "training.max_steps": 4,
                  "training.per_device_train_batch_size": 2, "adapter.r": 4, "adapter.lora_alpha": 12}  # fmt: skip
        spec = parse(layered(values, changes))
        base = Hub().load(spec.model)
        rows = [render(talk, base.tokenizer, 200) for talk in talks]
        tokenizer = copy.deepcopy(base.tokenizer)
        kept = rows if held_out else ()
        return sft.build(spec, tree(base.model), tokenizer, rows, tmp_path / "run", held_out=kept), base, rows

    return make


def losses_of(trainer) -> list[float]:
    trainer.train()
    return [row["loss"] for row in trainer.state.log_history if "loss" in row]


def test_the_knobs_of_the_spec_reach_trainer_and_adapter(built):
    trainer, _, _ = built(**{"training.learning_rate": 0.003, "training.weight_decay": 0.1, "adapter.use_rslora": True,
                             "adapter.target_modules": "q_proj, v_proj"})  # fmt: skip
    assert (trainer.args.learning_rate, trainer.args.weight_decay, trainer.args.max_steps) == (0.003, 0.1, 4)
    config = trainer.model.peft_config["default"]
    assert (config.r, config.lora_alpha, config.use_rslora) == (4, 12, True)
    assert set(config.target_modules) == {"q_proj", "v_proj"}


def test_losses_are_those_of_plain_SFTTrainer(built, tmp_path):
    """Same rows, same order, same first weights, padded, with TRL's fused head and all its defaults of loss."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    ours, base, rows = built()
    spec_values = {name: getattr(ours.args, name) for name in (
        "learning_rate", "lr_scheduler_type", "max_steps", "per_device_train_batch_size", "seed", "optim",
        "weight_decay", "max_grad_norm", "logging_steps")}  # fmt: skip
    mine = losses_of(ours)
    theirs = SFTTrainer(
        model=tree(base.model),
        args=SFTConfig(output_dir=str(tmp_path / "trl"), **spec_values, save_strategy="no", report_to="none",
                       use_cpu=True, bf16=False, disable_tqdm=True),
        train_dataset=Dataset.from_list([{"input_ids": row.input_ids, "labels": row.labels} for row in rows]),
        processing_class=copy.deepcopy(base.tokenizer),
        peft_config=copy.deepcopy(ours.model.peft_config["default"]),
    )  # fmt: skip
    assert mine == pytest.approx(losses_of(theirs), abs=2e-5)


def test_rows_are_laid_flat_on_a_cpu_only_where_it_is_exact(built, monkeypatch):
    trainer, _, _ = built()
    assert trainer.data_collator.layout is not None
    honest = sft.trained_losses

    def blind_to_positions(model, batch):
        return honest(model, {name: value for name, value in batch.items() if name != "position_ids"})

    monkeypatch.setattr(sft, "trained_losses", blind_to_positions)
    trainer, _, _ = built()
    assert trainer.data_collator.layout is None


def test_packing_trains_and_keeps_documents_apart(built):
    losses = losses_of(built(**{"data.packing": True, "data.max_length": 200, "training.max_steps": 2})[0])
    assert len(losses) == 2 and all(loss > 0 for loss in losses)


def test_a_message_weight_scales_its_loss(built):
    trainer, base, rows = built()
    batch = trainer.data_collator([{"input_ids": row.input_ids, "labels": row.labels} for row in rows[:2]])
    plain = trainer.compute_loss(trainer.model, dict(batch))
    half = trainer.compute_loss(trainer.model, batch | {"weights": torch.full(batch["labels"].shape, 0.5)})
    assert half.item() == pytest.approx(plain.item() / 2)


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_the_evaluation_loss_is_the_mean_over_its_tokens(built, batch_size):
    trainer, base, rows = built(held_out=True, **{"training.per_device_eval_batch_size": batch_size})
    total = count = 0
    with torch.no_grad():
        for row in rows:
            logits = base.model(torch.tensor([row.input_ids])).logits[0, :-1]
            targets = torch.tensor(row.labels[1:])
            total += torch.nn.functional.cross_entropy(logits, targets, ignore_index=-100, reduction="sum").item()
            count += int((targets != -100).sum())
    assert trainer.evaluate()["eval_loss"] == pytest.approx(total / count, rel=1e-5)
    assert trainer.state.log_history[-1]["eval_loss"] == pytest.approx(total / count, rel=1e-5)


def test_experts_are_balanced_as_TRL_does_it_and_only_when_asked(built):
    def losses(coefficient):
        trainer, _, rows = built("qwen3_moe", held_out=True, **{
            "training.router_aux_loss_coef": coefficient, "training.gradient_accumulation_steps": 2})  # fmt: skip
        config = trainer.model.get_base_model().config
        assert (config.output_router_logits, config.router_aux_loss_coef) == (False, 0.001)
        trainer.current_gradient_accumulation_steps = 2  # as within train()
        collate = sft.Collator(trainer.data_collator.pad_token_id)
        batch = collate([{"input_ids": row.input_ids, "labels": row.labels} for row in rows[:3]])
        trainer.model.train()
        ours = trainer.compute_loss(trainer.model, dict(batch), num_items_in_batch=40).item()
        theirs = super(sft.SftTrainer, trainer).compute_loss(trainer.model, dict(batch), num_items_in_batch=40).item()
        assert ours == pytest.approx(theirs, rel=1e-5)
        return ours, trainer.evaluate()["eval_loss"]

    plain, plain_evaluation = losses(0.0)
    balanced, balanced_evaluation = losses(0.5)
    # A uniform spread costs 2 experts of a token × 0.5 / 2 micro-batches; an uneven one costs more.
    assert 0.5 <= balanced - plain < 2.0
    assert balanced_evaluation == plain_evaluation


def test_a_model_without_experts_refuses_to_balance_them(built):
    with pytest.raises(UserError, match="a qwen3 model has no experts to balance"):
        built(**{"training.router_aux_loss_coef": 0.01})


def test_rows_longer_than_the_positions_a_model_has_learned_are_refused(built):
    long = [Conversation.of(("user", "Count."), ("assistant", "one " * 60))]
    built("gpt_neox", talks=long)  # rotary: any length
    with pytest.raises(UserError, match=r"longest row has 200 tokens, and this gpt2 model knows 190 positions"):
        built("gpt2", talks=long, **{"adapter.type": "prompt", "adapter.num_virtual_tokens": 66})


def test_nothing_is_printed_to_stdout(built, capsys):
    losses_of(built()[0])
    assert capsys.readouterr().out == ""
