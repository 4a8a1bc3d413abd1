"""Memory, disk, explosions, early ends: what a run does then, and that its curve stays the same."""

from __future__ import annotations

import json
import re
import weakref

import pytest

from tests.train.conftest import curve
from workbench.errors import UserError
from workbench.models import abilities
from workbench.stages import sft
from workbench.train import room
from workbench.train.callbacks import KeepBest
from workbench.train.check import check
from workbench.train.heart import Heart
from workbench.train.session import train

EVALUATING = {"data.eval_fraction": 0.3, "training.eval_steps": 2, "training.num_train_epochs": 4}


@pytest.mark.parametrize("changes", [
    {"data.packing": True, "data.max_length": 64},
    {"training.train_sampling_strategy": "group_by_length", "training.neftune_noise_alpha": 5},
    {"training.optim": "adamw_8bit", "training.loss_type": "dft", "training.data_seed": 9, **EVALUATING,
     "training.lr_scheduler_type": "reduce_lr_on_plateau", "training.lr_scheduler_kwargs": "patience=0"},
], ids=["packing", "grouped with noise", "8 bits on a plateau"])  # fmt: skip
def test_a_stopped_run_resumes_on_the_undisturbed_curve(new_run, hub, monkeypatch, changes):
    changes = {"training.num_train_epochs": 4, "training.save_steps": 100, "training.logging_steps": 2} | changes
    undisturbed, run = new_run("undisturbed", **changes), new_run("stopped", **changes)
    train(undisturbed, hub=hub)
    asked = []

    def stop_requested(heart: Heart) -> bool:
        asked.append(1)
        return len(asked) > 9  # inside the fifth step, in the second epoch

    with monkeypatch.context() as patched:
        patched.setattr(Heart, "stop_requested", stop_requested)
        assert train(run, hub=hub)["state"] == "stopped"
    assert train(run, hub=hub, resume=True)["state"] == "finished"
    assert curve(run) == curve(undisturbed)


def too_large_above(rows: int, seen: list):
    """A loss that allocates a petabyte, which no machine has, for more than so many rows at once."""
    honest = sft.SftTrainer._loss

    def loss(self, model, inputs, return_outputs, num_items_in_batch):
        import torch

        seen.append(weakref.ref(self))
        if self.model.training and self.state.global_step >= 3 and len(self.watch._seen[-1][1]) > rows:
            torch.empty(2**50)
        return honest(self, model, inputs, return_outputs, num_items_in_batch)

    return loss


def test_out_of_memory_goes_on_in_smaller_batches_on_the_same_curve(new_run, hub, monkeypatch):
    changes = {"training.per_device_train_batch_size": 4, "training.gradient_accumulation_steps": 1,
               "adapter.lora_dropout": 0.0}  # fmt: skip
    undisturbed, run = new_run("undisturbed", **changes), new_run("tight", **changes)
    train(undisturbed, hub=hub)
    seen: list = []
    with monkeypatch.context() as patched:
        patched.setattr(sft.SftTrainer, "_loss", too_large_above(1, seen))
        state = train(run, hub=hub)
    assert (state["state"], state["pieces"], state["step"]) == ("finished", 4, undisturbed.state()["step"])
    assert state["reason"].startswith("Memory was short: trained with training.per_device_train_batch_size=1 and")
    log = run.log_path.read_text(encoding="utf-8")
    first = "Going on from step 2, the last checkpoint, with training.gradient_checkpointing=true, which was left open"
    assert log.index(first) < log.index("Going on from step 2, the last checkpoint, with training.per_device")
    assert run.spec().training.gradient_checkpointing is True, "a resume computes in the same way"
    assert "per_device_train_batch_size=2 and training.gradient_accumulation_steps=2: the same effective" in log
    assert "per_device_train_batch_size=1 and training.gradient_accumulation_steps=4: the same effective" in log
    mine, theirs = run.metrics(), undisturbed.metrics()
    assert [row["step"] for row in mine] == [row["step"] for row in theirs]
    for name in ("loss", "learning_rate", "grad_norm"):
        assert [row[name] for row in mine] == pytest.approx([row[name] for row in theirs], rel=1e-3), name
    assert len({id(ref()) for ref in seen if ref() is not None}) <= 1, "trainers that ran out of memory are gone"


def test_out_of_memory_without_the_knob_fails_and_can_be_resumed(new_run, hub, monkeypatch):
    run = new_run(**{"training.retry_on_out_of_memory": False, "training.per_device_train_batch_size": 6,
                     "training.gradient_checkpointing": False})  # fmt: skip
    with monkeypatch.context() as patched:
        patched.setattr(sft.SftTrainer, "_loss", too_large_above(5, []))
        state = train(run, hub=hub)
    assert state["state"] == "failed" and re.match(
        r"Out of memory at step \d\. A resume goes on with training.per_device_train_batch_size=3 and "
        r"training.gradient_accumulation_steps=4: the same effective batch", state["reason"])  # fmt: skip
    with monkeypatch.context() as patched:  # memory is as short as before
        patched.setattr(sft.SftTrainer, "_loss", too_large_above(5, []))
        assert train(run, hub=hub, resume=True)["state"] == "finished"


@pytest.mark.parametrize("retries", [True, False])
def test_out_of_memory_first_turns_on_the_checkpointing_that_was_left_open(new_run, hub, monkeypatch, retries):
    honest = sft.SftTrainer._loss

    def too_large_without(self, *given):
        import torch

        if self.model.training and self.state.global_step >= 3 and not self.args.gradient_checkpointing:
            torch.empty(2**50)
        return honest(self, *given)

    undisturbed, run = new_run("undisturbed"), new_run("tight", **{"training.retry_on_out_of_memory": retries})
    train(undisturbed, hub=hub)
    monkeypatch.setattr(sft.SftTrainer, "_loss", too_large_without)
    state = train(run, hub=hub)
    if not retries:
        assert state["state"] == "failed"
        assert "A resume goes on with training.gradient_checkpointing=true" in state["reason"]
        state = train(run, hub=hub, resume=True)
    assert (state["state"], state["pieces"], state["checkpointing"]) == ("finished", 1, "eased")
    assert state["reason"].startswith("Memory was short: trained with training.gradient_checkpointing=true")
    assert [row["loss"] for row in run.metrics()] == pytest.approx([row["loss"] for row in undisturbed.metrics()])


def test_one_row_that_does_not_fit_fails_the_run(new_run, hub, monkeypatch):
    run = new_run(**{"training.per_device_train_batch_size": 1})
    monkeypatch.setattr(sft.SftTrainer, "_loss", too_large_above(0, []))
    assert re.match(r"Out of memory at step \d, with one row at a time", train(run, hub=hub)["reason"])


def test_an_exploding_loss_stops_the_run_with_its_rows_and_keeps_the_checkpoint(new_run, hub, monkeypatch):
    honest = sft.trained_losses
    calls: list = []

    def growing(model, batch):
        calls.append(1)
        losses, chosen = honest(model, batch)
        return (losses * 1000 if len(calls) > 7 else losses), chosen

    run = new_run(**{"training.num_train_epochs": 9})
    with monkeypatch.context() as patched:
        patched.setattr(sft, "trained_losses", growing)
        state = train(run, hub=hub)
    assert state["state"] == "failed"
    reason = r"Step 5: the loss has exploded to \S+ \(lowest so far \S+\)\. Row with the highest loss: \d+ “user"
    assert re.match(reason, state["reason"])
    assert re.search(r"highest loss: [\d ·]+ \(whole", state["outside"]["en"])  # what a notice says
    assert [path.name for path in run.checkpoints()] == ["checkpoint-2", "checkpoint-4"]
    calm = new_run("calm", **{"training.stop_when_loss_explodes": False})
    calls.clear()
    monkeypatch.setattr(sft, "trained_losses", growing)
    assert train(calm, hub=hub)["state"] == "finished"


def test_a_run_ends_early_and_its_result_is_the_best_checkpoint(new_run, hub):
    changes = EVALUATING | {"training.num_train_epochs": 60, "training.learning_rate": 0.5}
    run = new_run(**changes, **{
        "training.early_stopping_patience": 2, "training.early_stopping_threshold": 50.0,
        "training.save_total_limit": 1, "training.load_best_model_at_end": True,
    })  # fmt: skip
    state = train(run, hub=hub)
    measured = {row["step"]: row["eval_loss"] for row in run.metrics() if "eval_loss" in row}
    best = min(measured, key=measured.get)
    assert (state["state"], state["step"], list(measured)) == ("finished", 6, [2, 4, 6])
    assert state["reason"].startswith("Ended early at step 6: the evaluation loss stayed above its best")
    kept = [path.name for path in run.checkpoints()]
    assert f"checkpoint-{best}" in kept and kept[-1] == "checkpoint-6" and len(kept) <= 2
    folders = (run.adapter_path, run.directory / f"checkpoint-{best}")
    result, checkpoint = [(folder / "adapter_model.safetensors").read_bytes() for folder in folders]
    assert result == checkpoint
    assert str(run.directory) not in (run.checkpoints()[-1] / "trainer_state.json").read_text(encoding="utf-8")


def test_waiting_for_a_better_loss_goes_on_where_a_resume_begins(new_run):
    from workbench.runs import append_lines

    run = new_run()
    append_lines(run.metrics_path, [{"step": step, "eval_loss": loss} for step, loss in ((2, 1.0), (4, 0.8), (6, 0.9))])
    kept = KeepBest(run, patience=3, threshold=0.05, saves=True)
    assert (kept.best, kept.waited) == (0.8, 1)


def test_the_newest_checkpoints_and_the_best_stay(tmp_path):
    for step in (2, 4, 6, 8):
        (tmp_path / f"checkpoint-{step}").mkdir()
    sft.SftTrainer._drop_oldest(tmp_path, keep=2, best=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-2", "checkpoint-6", "checkpoint-8"]
    sft.SftTrainer._drop_oldest(tmp_path, keep=1, best=None)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-8"]


def test_a_disk_that_would_run_full_is_foreseen_before_the_first_step(new_run, hub, monkeypatch):
    import shutil

    run = new_run()
    monkeypatch.setattr(room.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(100, 99, 1_000_000))
    state = train(run, hub=hub)
    assert state["state"] == "failed" and state["step"] == 0
    assert re.match(r"The disk would run full: this run needs about \d+ MB \(1 MB a checkpoint\), and 0 MB are free",
                    state["reason"])  # fmt: skip


@pytest.mark.parametrize("changes", [
    {"adapter.r": 64},
    {"adapter.type": "freeze", "adapter.trained_layers": 1, "training.learning_rate": 1e-4},
], ids=["lora", "freeze"])  # fmt: skip
def test_a_checkpoint_is_as_large_as_it_was_foreseen(new_run, hub, monkeypatch, changes, tiny_model):
    foreseen = []
    honest = room.checkpoint_bytes
    monkeypatch.setattr(room, "checkpoint_bytes", lambda trainer: foreseen.append(honest(trainer)) or foreseen[-1])
    wide = tiny_model("qwen3", hidden_size=128, intermediate_size=512)  # its files' heads do not count
    run = new_run(**changes | {"model.path": str(wide)})
    train(run, hub=hub)
    real = sum(path.stat().st_size for path in run.checkpoints()[-1].iterdir())
    assert 0.8 < foreseen[0] / real < 1.2


def test_a_service_whose_library_is_missing_is_refused_with_the_line_that_installs_it(spec, home, monkeypatch):
    honest = abilities.importlib.util.find_spec
    monkeypatch.setattr(abilities.importlib.util, "find_spec", lambda name: None if name == "swanlab" else honest(name))
    with pytest.raises(UserError, match="training.report_to=swanlab needs its library.*pip install swanlab"):
        check(spec(**{"training.report_to": "swanlab"}), home)


@pytest.mark.parametrize(("train_on", "learned"), [
    ("answers", ["A one.", "A two."]),
    ("last_answer", ["A two."]),
    ("everything", ["Q one?", "A one.", "Q two?", "A two."]),
])  # fmt: skip
def test_what_takes_loss_is_a_knob(new_run, hub, home, train_on, learned, monkeypatch):
    from workbench.data.records import Conversation
    from workbench.train.rows import render_all

    talk = Conversation.of(("user", "Q one?"), ("assistant", "A one."), ("user", "Q two?"), ("assistant", "A two."))
    run = new_run(**{"data.train_on": train_on})
    tokenizer = hub.tokenizer(run.spec().model)
    (row,) = render_all([talk], tokenizer, run.spec(), print)
    text = tokenizer.decode([label for label in row.labels if label != -100])
    assert [part for part in ("Q one?", "A one.", "Q two?", "A two.") if part in text] == learned
    assert json.dumps(row.labels).count("-100") == 0 if train_on == "everything" else -100 in row.labels
