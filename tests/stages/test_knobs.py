"""Optimizers, schedules, losses and packing: what each knob does to a trainer."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from tests.stages.test_sft import TALKS, losses_of
from workbench.data.records import Conversation
from workbench.data.render import render
from workbench.errors import UserError
from workbench.specs import knobs, layered, parse
from workbench.specs.training import TrainingSection
from workbench.stages import methods, sft

CHOICES = {item.path: item.choices for item in knobs(TrainingSection)}
ON_CPU = [name for name in CHOICES["optim"] if not name.startswith("paged")]


@pytest.fixture(scope="module")
def hub():
    from workbench.models.hub import Hub

    return Hub()


@pytest.fixture
def built(tiny_model, tmp_path, hub):
    def make(talks=TALKS, family="qwen3", held_out=(), **changes):
        values = {"model.path": str(tiny_model(family)), "training.max_steps": 2, "adapter.r": 4,
                  "training.per_device_train_batch_size": 2, "training.lr_scheduler_type": "constant"}  # fmt: skip
        spec = parse(layered(values, changes))
        base = hub.load(spec.model)
        rows = [render(talk, base.tokenizer, 200) for talk in talks]
        held = [render(talk, base.tokenizer, 200) for talk in held_out]
        tokenizer, method = copy.deepcopy(base.tokenizer), methods.of(spec)
        tree = method.tree(base)
        return sft.build(spec, tree, tokenizer, rows, tmp_path / "run", held_out=held, method=method)

    return make


@pytest.mark.parametrize("optim", ON_CPU)
def test_an_optimizer_moves_the_adapter(built, optim):
    trainer = built(**{"training.optim": optim, "training.learning_rate": 0.01, "training.max_steps": 1})
    before = {name: value.clone() for name, value in trainer.model.named_parameters() if value.requires_grad}
    trainer.train()
    moved = [not torch.equal(before[name], value) for name, value in trainer.model.named_parameters() if name in before]
    assert any(moved)
    assert type(trainer.optimizer.optimizer).__name__.lower().startswith(optim.replace("paged_", "").split("_")[0])


SETTINGS = {"cosine_with_min_lr": "min_lr_rate=0.5", "warmup_stable_decay": "num_decay_steps=2",
            "cosine_with_restarts": "num_cycles=2"}  # fmt: skip


@pytest.mark.parametrize("schedule", CHOICES["lr_scheduler_type"])
def test_a_schedule_gives_a_rate_to_every_step(built, schedule):
    trainer = built(held_out=TALKS[:2], **{
        "training.lr_scheduler_type": schedule, "training.lr_scheduler_kwargs": SETTINGS.get(schedule, ""),
        "training.max_steps": 4, "training.learning_rate": 0.01, "training.eval_steps": 1,
    })  # fmt: skip
    trainer.train()
    rates = [row["learning_rate"] for row in trainer.state.log_history if "learning_rate" in row]
    assert len(rates) == 4 and all(0 <= rate <= 0.01 for rate in rates)
    if schedule == "cosine_with_min_lr":
        assert min(rates) >= 0.005


def test_dft_weights_each_token_by_its_probability_and_evaluates_plainly(built):
    plain, dft = built(), built(**{"training.loss_type": "dft"})
    row = {"input_ids": [5, 6, 7, 8, 9], "labels": [-100, -100, 7, 8, 9]}
    batch = plain.data_collator([row])
    losses, _ = sft.trained_losses(plain.model.eval(), batch)
    for trainer in (plain, dft):
        trainer.model.train()  # no dropout in it
    assert plain.compute_loss(plain.model, dict(batch)).item() == pytest.approx(losses.mean().item(), rel=1e-5)
    expected = (losses * torch.exp(-losses)).mean().item()
    assert dft.compute_loss(dft.model, dict(batch)).item() == pytest.approx(expected, rel=1e-5)
    dft.model.eval()
    assert dft.compute_loss(dft.model, dict(batch)).item() == pytest.approx(losses.mean().item(), rel=1e-5)


def test_packed_rows_cost_what_they_cost_alone_weights_of_turns_included(built):
    talk = Conversation.of(("user", "Twice?"), ("assistant", "No."), ("user", "Sure?"), ("assistant", "Yes."))
    talk = replace(talk, messages=(*talk.messages[:-1], replace(talk.messages[-1], weight=0.25)))
    talks = [*TALKS, talk]
    changes = {"training.max_steps": 1, "training.per_device_train_batch_size": 16}
    alone = built(talks, **changes)
    packed = built(talks, **changes, **{"data.packing": True, "data.max_length": 200})
    assert len(packed.train_dataset) < len(talks) == sum(map(len, packed.train_dataset["rows"]))
    assert packed.layout_note.startswith(f"{len(talks)} rows packed into ")
    batch = packed.data_collator([packed.train_dataset[index] for index in range(len(packed.train_dataset))])
    assert sorted(batch["rows"].tolist()) == list(range(len(talks)))
    assert losses_of(packed) == pytest.approx(losses_of(alone), rel=1e-4)


def test_packing_is_refused_where_an_architecture_would_mix_documents(built, monkeypatch):
    honest = sft.trained_losses

    def blind_to_positions(model, batch):
        return honest(model, {name: value for name, value in batch.items() if name != "position_ids"})

    monkeypatch.setattr(sft, "trained_losses", blind_to_positions)
    with pytest.raises(UserError, match="data.packing: a qwen3 model would let packed documents see each other"):
        built(**{"data.packing": True, "data.max_length": 200})


def test_noise_on_the_embeddings_keeps_rows_padded_and_changes_the_losses(built):
    quiet, noisy = built(), built(**{"training.neftune_noise_alpha": 20})
    assert noisy.data_collator.layout is None
    assert losses_of(noisy) != pytest.approx(losses_of(quiet), rel=1e-3)


def test_rows_of_similar_length_share_a_batch_in_an_order_of_the_datas_seed(built):
    trainer = built(**{"training.train_sampling_strategy": "group_by_length", "training.data_seed": 3})
    sampler = trainer._get_train_sampler()
    first, lengths = list(sampler), trainer.train_dataset["length"]
    assert sorted(first) == list(range(len(TALKS))) and first == list(sampler)
    sampler.set_epoch(1)
    assert list(sampler) != first
    spread = sum(abs(lengths[a] - lengths[b]) for a, b in zip(first[::2], first[1::2], strict=True))
    assert spread <= sum(abs(a - b) for a, b in zip(lengths[::2], lengths[1::2], strict=True))


def test_the_seed_decides_the_adapters_first_weights_and_the_datas_seed_does_not(built):
    def first(**changes):
        return {name: value for name, value in built(**changes).model.named_parameters() if "lora_A" in name}

    same, other = first(**{"training.data_seed": 5}), first(**{"training.seed": 43})
    for name, value in first().items():
        assert torch.equal(value, same[name]) and not torch.equal(value, other[name])
