"""Before the start: steps as the Trainer counts them, rates as transformers gives them, objections that are true."""

import json
from dataclasses import replace

import pytest

from workbench.errors import UserError, WorkbenchError
from workbench.specs import STAGES, knobs, parse
from workbench.train import plan
from workbench.train.plan import Counted, Steps

DATA = Counted(rows=100, held_out=0, tokens=5000, trained_tokens=2000, longest=80, cut=0, packs=61)


@pytest.mark.parametrize(
    ("values", "steps"),
    [
        ({"training.per_device_train_batch_size": 8}, Steps(13, 39, 3.0)),
        ({"training.per_device_train_batch_size": 8, "training.gradient_accumulation_steps": 4}, Steps(4, 12, 3.0)),
        ({"training.per_device_train_batch_size": 8, "training.num_train_epochs": 0.5}, Steps(13, 7, 7 / 13)),
        ({"training.max_steps": 5}, Steps(13, 5, 5 / 13)),
        ({"data.packing": True, "data.max_length": 100, "training.num_train_epochs": 1}, Steps(8, 8, 1.0)),
    ],
)
def test_steps(values, steps):
    assert plan.steps(parse(values), DATA) == steps


def test_the_trainer_takes_as_many_steps_as_planned(new_run, hub):
    from workbench.train.session import train

    run = new_run(**{"training.max_steps": -1, "training.num_train_epochs": 1.5})
    counted = plan.count(run.spec(), run.home, hub.tokenizer(run.spec().model))
    state = train(run, hub=hub)
    assert counted.rows == 18
    assert state["total_steps"] == plan.steps(run.spec(), counted).total == 5
    rates = [row["learning_rate"] for row in run.metrics()]
    assert rates == pytest.approx([plan.learning_rate(run.spec(), step, 5) for step in range(5)])


@pytest.mark.parametrize("warmup", [0, 7])
def test_rates_are_those_of_transformers(warmup):
    import torch
    from transformers import get_scheduler

    more = {
        "cosine_with_restarts": ("num_cycles=3", {"num_cycles": 3}),
        "cosine_with_min_lr": ("min_lr_rate=0.2", {"min_lr_rate": 0.2}),
    }
    kinds = next(item for item in knobs(STAGES["sft"]) if item.path == "training.lr_scheduler_type").choices
    known = [
        kind for kind in kinds if plan.learning_rate(parse({"training.lr_scheduler_type": kind}), 0, 50) is not None
    ]
    assert {*more, "linear", "cosine", "constant", "constant_with_warmup", "polynomial", "inverse_sqrt"} <= set(known)
    for kind in known:
        text, given = more.get(kind, ("", None))
        values = {"lr_scheduler_type": kind, "warmup_steps": warmup, "learning_rate": 0.1, "lr_scheduler_kwargs": text}
        spec = parse({"training": values})
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
        schedule = get_scheduler(
            kind, optimizer, num_warmup_steps=warmup, num_training_steps=50, scheduler_specific_kwargs=given
        )
        theirs = []
        for _ in range(50):
            theirs.append(schedule.get_last_lr()[0])
            optimizer.step()
            schedule.step()
        assert [plan.learning_rate(spec, step, 50) for step in range(50)] == pytest.approx(theirs, abs=1e-6), kind


def test_sixteen_steps_at_a_tiny_rate_are_warned_of_and_the_way_out_leads_out():
    spec = parse({"training.learning_rate": 5e-5, "training.max_steps": 16})
    found = plan.steps(spec, DATA)
    (warning,) = plan.objections(spec, found)
    assert "16 steps" in warning.text("en") and "5e-05" in warning.text("en")
    changed = parse({"training.max_steps": 16} | plan.longer(spec, found))
    assert plan.objections(changed, plan.steps(changed, DATA)) == []


def test_an_ordinary_run_is_not_warned_of():
    for values in ({}, {"adapter.type": "full", "training.learning_rate": 1e-5, "training.num_train_epochs": 3}):
        spec = parse(values)
        assert plan.objections(spec, plan.steps(spec, DATA)) == []
        assert plan.longer(spec, plan.steps(spec, DATA)) == {}


def test_a_run_that_is_all_warm_up_is_warned_of():
    spec = parse({"training.warmup_steps": 100, "training.max_steps": 60, "training.learning_rate": 0.01})
    assert [error.key for error in plan.objections(spec, plan.steps(spec, DATA))] == ["plan.only_warm_up"]


def counted(counts, spec):
    """What the board says once it is known."""
    for _ in range(3):
        found = counts.ask(spec)
        for thread in plan.threading.enumerate():
            if thread.name == "counting data":
                thread.join(60)
    return found


def test_counts_come_in_the_background_and_a_refusal_is_an_answer(spec, home, hub, data_file):
    counts = plan.Counts(home, lambda spec: hub.tokenizer(spec.model))

    found = counted(counts, spec())
    assert (found.rows, found.held_out) == (18, 0) and 0 < found.trained_tokens < found.tokens
    rows = [json.loads(line) for line in data_file.read_text().splitlines()][:2]
    data_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert counted(counts, spec()).rows == 2  # the file changed, so it is counted anew
    more = data_file.with_name("more.jsonl")
    more.write_text(json.dumps(rows[0]) + "\n")
    both = spec(**{"data.path": "small.jsonl * 2; more.jsonl"})
    shares = counted(counts, both).shares
    assert [(share.rows, share.weight, share.taken) for share in shares] == [(2, 2.0, 4), (1, 1.0, 1)]
    more.write_text(2 * (json.dumps(rows[0]) + "\n"))
    told = plan.to_json(counted(counts, both))
    assert told["shares"][1] == {"name": "more.jsonl", "weight": 1.0, "rows": 2, "taken": 2}
    assert isinstance(counted(counts, spec(**{"data.path": "gone.jsonl"})), UserError | WorkbenchError)


@pytest.mark.parametrize("changes", [
    {"data.train_on": "everything"},
    {"data.packing": True},
    {"pretrain.blocks": "packed"},
    {"pretrain.blocks": "stream"},
    {"data.eval_fraction": 0.3, "training.data_seed": 5},
    {"vocabulary.tokens": "capital,small model"},
], ids=lambda changes: " ".join(map(str, changes.values())))  # fmt: skip
def test_after_an_edit_the_plan_tells_what_the_run_then_trains_on(new_run, hub, home, changes, monkeypatch):
    from workbench.stages import sft
    from workbench.train.session import train

    start = {"data.max_length": 64}
    if "pretrain.blocks" in changes:
        (home / "data" / "texts.txt").write_text("".join(f"Text {'more ' * (n % 9)}.\n" for n in range(30)))
        start |= {"stage": "pretrain", "data.path": "texts.txt", "pretrain.blocks": "rows"}
    run = new_run(**start | changes)
    counts = plan.Counts(home, lambda spec: hub.tokenizer(spec.model))
    before = counted(counts, new_run("before", **start).spec())
    found = counted(counts, run.spec())
    trained = {}

    def look(trainer, **_):
        rows = trainer.train_dataset
        trained["loss"] = sum(label != -100 for labels in rows["labels"] for label in labels)
        trained["tokens"], trained["rows"] = sum(rows["length"]), len(rows)

    monkeypatch.setattr(sft.SftTrainer, "train", look)
    train(run, hub=hub)
    rows = found.packs if run.spec().packs else found.rows
    assert {"loss": found.trained_tokens, "tokens": found.tokens, "rows": rows} == trained
    assert found != before


def test_the_largest_batch_is_drawn_from_the_rows_lengths():
    data = Counted(rows=4, held_out=0, tokens=100, trained_tokens=50, longest=70, cut=0, lengths=(10, 10, 10, 70))
    spec = parse({"training.per_device_train_batch_size": 2})
    assert plan.rows_of(spec, data, on_cpu=False) == plan.Rows(2, 70, 0.5, padded=True)
    assert 20 <= plan.rows_of(spec, data, on_cpu=True).tokens <= 140
    alike = Counted(rows=4, held_out=0, tokens=40, trained_tokens=40, longest=10, cut=0, lengths=(10,) * 4)
    assert plan.rows_of(spec, alike, on_cpu=True) == plan.Rows(2, 10, 1.0, padded=False)
    packed = parse({"data.packing": True, "data.max_length": 64})
    assert plan.rows_of(packed, replace(data, packs=3), on_cpu=True) == plan.Rows(3, 64, 0.5)
