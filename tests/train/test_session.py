"""Runs on a two-layer model: what stands on disk afterwards, and that nothing disturbs the curve."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.train.conftest import curve
from workbench import runs
from workbench.errors import UserError
from workbench.train import callbacks, session
from workbench.train.heart import Heart
from workbench.train.probes import Questioner
from workbench.train.session import train


def test_a_finished_run_leaves_the_files_of_the_contract(new_run, hub):
    run = new_run()
    state = train(run, hub=hub)
    assert (state["state"], state["step"], state["total_steps"], state["reason"]) == ("finished", 6, 6, "")
    assert state["started"] <= state["ended"] and state["pid"] == os.getpid()
    rows = run.metrics()
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    for name in ("epoch", "time", "loss", "learning_rate", "grad_norm", "tokens_per_second", "memory_bytes"):
        assert all(row[name] is not None for row in rows), name
    assert [path.name for path in run.checkpoints()] == ["checkpoint-2", "checkpoint-4", "checkpoint-6"]
    assert sorted(path.name for path in run.adapter_path.iterdir()) == [
        "README.md", "adapter_config.json", "adapter_model.safetensors",
    ]  # fmt: skip
    assert len((run.directory / "data.jsonl").read_text(encoding="utf-8").splitlines()) == 18
    assert "finished" in run.log_path.read_text(encoding="utf-8")
    assert not list(run.directory.glob("**/training_args.bin"))


def test_the_adapter_loads_with_peft_and_answers_as_the_last_checkpoint(new_run, hub, tiny_model):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    run = new_run()
    train(run, hub=hub)
    ids = torch.tensor([[5, 6, 7, 8]])
    base = AutoModelForCausalLM.from_pretrained(tiny_model("qwen3"))
    with torch.no_grad():
        bare = base(ids).logits
        whole = PeftModel.from_pretrained(base, run.adapter_path)(ids).logits
        again = PeftModel.from_pretrained(
            AutoModelForCausalLM.from_pretrained(tiny_model("qwen3")), run.directory / "checkpoint-6"
        )(ids).logits
    assert torch.equal(whole, again)
    assert not torch.allclose(whole, bare)


def test_the_shared_base_answers_as_before(new_run, hub, spec):
    import torch

    base = hub.load(spec().model)
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        before = base.model(ids).logits
    train(new_run(), hub=hub)
    with torch.no_grad():
        assert torch.equal(base.model(ids).logits, before)


def test_probes_do_not_move_the_curve(new_run, hub, questions):
    without, with_probes = new_run("without"), new_run("with", **{"probes.path": str(questions), "probes.every": 2})
    train(without, hub=hub)
    train(with_probes, hub=hub)
    assert curve(with_probes) == curve(without)
    assert sorted({row["step"] for row in with_probes.probes()}) == [0, 2, 4, 6]
    assert set(with_probes.probes()[0]) == {"step", "prompt", "answer", "score", "kind"}
    scored = [row["step"] for row in with_probes.metrics() if "score" in row]
    assert scored == [0, 2, 4, 6]
    steps = [row["step"] for row in with_probes.metrics()]
    assert steps == sorted(set(steps)), "each step stands once"


def test_chatting_with_hot_loaded_adapters_does_not_move_the_curve(new_run, hub, home, spec):
    from workbench.chat.engine import Engine

    alone = new_run("alone", **{"training.num_train_epochs": 4})
    train(alone, hub=hub)
    engine, done, answered, chats = Engine(hub, home), threading.Event(), threading.Semaphore(0), []

    def chat() -> None:
        columns = [["base", "alone"], ["alone/checkpoint-10", "base"], ["alone", "alone/checkpoint-12"]]
        while not done.is_set():
            options = {"temperature": 1.0, "max_tokens": 5, "seed": len(chats)}
            chats.append(engine.answer(["Who are you?"], columns[len(chats) % 3], options, spec().model))
            answered.release()

    def wait_now_and_then(progress) -> None:  # so that it is sure that answers fall between steps; most fall into them
        if progress.phase == "training" and progress.step in (2, 5, 8):
            assert answered.acquire(timeout=60)

    thread = threading.Thread(target=chat)
    thread.start()
    watched = new_run("watched", **{"training.num_train_epochs": 4})
    try:
        state = train(watched, hub=hub, on_progress=wait_now_and_then)
    finally:
        done.set()
        thread.join()
        engine.close()
    assert state["state"] == "finished", watched.log_path.read_text(encoding="utf-8")
    assert len(chats) >= 3
    assert len({tuple(chat[0]) for chat in chats}) > 1
    assert curve(watched) == curve(alone)


@pytest.mark.parametrize("moment", [5, 6], ids=["inside an accumulation", "between two steps"])
def test_a_stopped_run_resumes_on_the_undisturbed_curve(new_run, hub, monkeypatch, moment):
    # logging every 4 steps: the losses summed up before the stop must survive it
    changes = {"training.logging_steps": 4, "training.num_train_epochs": 4, "training.save_steps": 100}
    undisturbed, run = new_run("undisturbed", **changes), new_run("stopped", **changes)
    train(undisturbed, hub=hub)
    asked = []

    def stop_requested(heart: Heart) -> bool:  # asked once for the turn, then after every micro-batch
        asked.append(1)
        return len(asked) > moment

    with monkeypatch.context() as patched:
        patched.setattr(Heart, "stop_requested", stop_requested)
        state = train(run, hub=hub)
    step = {5: 2, 6: 3}[moment]
    assert (state["state"], state["step"]) == ("stopped", step)
    assert [path.name for path in run.checkpoints()] == [f"checkpoint-{step}"]
    assert run.adapter_path.is_dir()

    state = train(run, hub=hub, resume=True)
    assert (state["state"], state["step"]) == ("finished", 12)
    assert curve(run) == curve(undisturbed)


def test_questions_that_a_stop_came_before_are_asked_at_the_resume(new_run, hub, questions, monkeypatch):
    changes = {"probes.path": str(questions), "probes.every": 2}
    undisturbed, run = new_run("undisturbed", **changes), new_run("stopped", **changes)
    train(undisturbed, hub=hub)

    asked = Questioner.ask

    def ask(questioner: Questioner, model, step: int, stop):
        if step == 2:
            run.stop_path.touch()
        return asked(questioner, model, step, stop)

    with monkeypatch.context() as patched:
        patched.setattr(Questioner, "ask", ask)
        assert train(run, hub=hub)["step"] == 2
    assert {row["step"] for row in run.probes()} == {0}
    seen = run.generation()
    assert train(run, hub=hub, resume=True)["state"] == "finished"

    def told(one: runs.Run) -> list[tuple]:
        return [(row["step"], row.get("score"), row.get("loss")) for row in one.metrics()]

    assert [(row["step"], row["answer"]) for row in run.probes()] == [
        (row["step"], row["answer"]) for row in undisturbed.probes()]  # fmt: skip
    assert told(run) == told(undisturbed)
    assert run.generation() > seen + 1, "a page that has the line without its score reads it anew"


def test_a_stop_file_saves_and_stops_within_a_step(new_run, hub):
    run = new_run(**{"training.num_train_epochs": 200})
    state = train(run, hub=hub, on_progress=lambda progress: progress.step == 3 and run.request_stop())
    assert state["state"] == "stopped" and state["step"] in (3, 4)
    assert not run.stop_path.exists()
    assert run.checkpoints()[-1].name == f"checkpoint-{state['step']}"


def test_a_stop_before_the_turn_trains_nothing(new_run, hub):
    run = new_run()
    run.request_stop()
    state = train(run, hub=hub)
    assert (state["state"], state["step"]) == ("stopped", 0)
    assert state["reasons"]["zh"] == "在排队时已停止。"


_CHILD = """
import sys
from pathlib import Path
from workbench import runs
from workbench.models.hub import Hub
from workbench.train.probes import Questioner
from workbench.train.session import train
train(runs.find(Path(sys.argv[1]), sys.argv[2]), hub=Hub())
"""


def test_a_run_killed_with_9_reads_as_interrupted_and_resumes_on_the_same_curve(new_run, hub, home, questions):
    changes = {"training.num_train_epochs": 20, "training.save_steps": 5}
    changes |= {"probes.path": str(questions), "probes.every": 7}
    undisturbed, run = new_run("undisturbed", **changes), new_run("killed", **changes)
    train(undisturbed, hub=hub)
    child = subprocess.Popen([sys.executable, "-c", _CHILD, str(home), "killed"], cwd=Path(session.__file__).parents[2])
    try:
        deadline = time.monotonic() + 600  # imports on a busy machine
        while len(run.metrics()) < 13:
            assert child.poll() is None and time.monotonic() < deadline, run.log_path.read_text(encoding="utf-8")
            threading.Event().wait(0.02)
        child.send_signal(signal.SIGKILL)
    finally:
        child.kill()
        child.wait()
    assert run.state()["state"] == "interrupted"
    with run.metrics_path.open("a") as file:
        file.write('{"step": 14, "lo')  # a kill in the middle of a write
    state = train(run, hub=hub, resume=True)
    assert (state["state"], state["step"], state["generation"]) == ("finished", 60, 1)
    assert curve(run) == curve(undisturbed)
    assert run.probes() == undisturbed.probes()


def test_resuming_reads_the_kept_rows_though_the_file_has_changed(new_run, hub, data_file):
    undisturbed = new_run("undisturbed")
    train(undisturbed, hub=hub)
    run = new_run("stopped")
    train(run, hub=hub, on_progress=lambda progress: progress.step == 2 and run.request_stop())
    data_file.write_text("")
    train(run, hub=hub, resume=True)
    assert curve(run) == curve(undisturbed)


def test_a_finished_run_cannot_be_resumed(new_run, hub):
    run = new_run(**{"training.max_steps": 1})
    train(run, hub=hub)
    with pytest.raises(UserError, match="is finished"):
        train(run, hub=hub, resume=True)


def test_a_loss_that_is_no_number_fails_the_run_and_keeps_the_last_good_checkpoint(new_run, hub, monkeypatch):
    from workbench.stages import sft

    honest, calls = sft.trained_losses, []

    def broken(model, batch):
        calls.append(1)
        losses, chosen = honest(model, batch)
        return (losses * float("nan") if len(calls) > 7 else losses), chosen

    monkeypatch.setattr(sft, "trained_losses", broken)
    run = new_run()
    state = train(run, hub=hub)
    assert state["state"] == "failed"
    rows = re.match(
        r"Step 3: the loss is no longer a number \(NaN or infinite\)\. Rows of that batch: (.*?) \(whole",
        state["reason"],
    )
    assert len(rows[1].split(" · ")) == 3, "the three rows of that micro-batch"
    assert "Lower training.learning_rate" in state["reason"]
    for told in rows[1].split(" · "):
        number, _, beginning = told.partition(" ")
        kept = json.loads((run.directory / "data.jsonl").read_text(encoding="utf-8").splitlines()[int(number) - 1])
        assert kept["messages"][0]["content"] in beginning
        assert f"row {number} of step 3's batch" in run.log_path.read_text(encoding="utf-8")
    assert [path.name for path in run.checkpoints()] == ["checkpoint-2"]
    assert all("NaN" not in line for line in run.metrics_path.read_text().splitlines())


def test_a_full_disk_fails_the_run_keeps_checkpoints_and_a_resume_goes_on(new_run, hub, monkeypatch):
    import torch

    undisturbed = new_run("undisturbed")
    train(undisturbed, hub=hub)
    run = new_run("full")
    honest = torch.save

    def full(value, path, *more, **options):
        if "checkpoint-4" in str(path):
            Path(path).write_bytes(b"half")
            raise OSError(28, "No space left on device")
        return honest(value, path, *more, **options)

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", full)
        state = train(run, hub=hub)
    assert state["state"] == "failed"
    assert "checkpoint-4 could not be saved: [Errno 28] No space left on device" in state["reason"]
    assert sorted(path.name for path in run.directory.glob("checkpoint-*")) == ["checkpoint-2"]
    assert not (run.directory / ".saving").exists()
    train(run, hub=hub, resume=True)
    assert curve(run) == curve(undisturbed)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_is_full_outside_of_a_checkpoint_is_told_in_a_sentence(new_run, hub, monkeypatch, number):
    run, honest = new_run("full"), callbacks.append_lines

    def full(path: Path, rows: list) -> None:
        if rows[0]["step"] == 3:
            raise OSError(number, os.strerror(number))
        honest(path, rows)

    monkeypatch.setattr(callbacks, "append_lines", full)
    state = train(run, hub=hub)
    assert state["state"] == "failed" and state["reason"].startswith("The disk became full at step 2. Make room")
    assert [path.name for path in run.checkpoints()] == ["checkpoint-2"]


def test_how_a_run_ended_is_written_even_when_no_new_file_fits(new_run, monkeypatch):
    run = new_run()

    def full(path, text):
        raise OSError(28, "No space left on device")

    with Heart(run) as heart, monkeypatch.context() as patched:
        patched.setattr(runs, "write_whole", full)
        heart.enter("failed", reason="disk full")
    assert (run.state()["state"], run.state()["reason"]) == ("failed", "disk full")


def test_a_defect_fails_the_run_with_one_sentence_and_the_traceback_in_the_log(new_run, hub, monkeypatch):
    def broken(*given, **named):
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr(session._Pass, "_trainer", broken)
    run = new_run()
    state = train(run, hub=hub)
    assert (state["state"], state["reason"]) == ("failed", "RuntimeError: first line (details in log.txt)")
    assert "Traceback" in run.log_path.read_text(encoding="utf-8")


def test_rows_without_anything_to_learn_stop_the_run_before_weights_load(new_run, home, data_file):
    class NoWeights:
        def __init__(self, hub):
            self.tokenizer = hub.tokenizer

        def load(self, section):
            raise AssertionError("weights were loaded")

    from workbench.models.hub import Hub

    run = new_run(**{"data.max_length": 8})
    state = train(run, hub=NoWeights(Hub()))
    assert state["state"] == "failed"
    assert state["reason"].startswith("18 rows have nothing to learn: small.jsonl ")
    assert re.match(r"18 rows have nothing to learn: small\.jsonl \d+ · ", state["outside"]["en"])
    assert "“" not in state["outside"]["en"]  # what a row says is no word of a notice
    named = re.findall(r"nothing to learn: small\.jsonl (\d+) “", run.log_path.read_text(encoding="utf-8"))
    assert {int(row) for row in named} == set(range(1, 19))
    assert "data.max_length" in state["reason"]


def test_held_out_rows_are_measured_without_moving_the_curve(new_run, hub):
    run = new_run(**{"data.eval_fraction": 0.2})
    train(run, hub=hub)
    measured = [row["step"] for row in run.metrics() if "eval_loss" in row]
    assert measured and measured[-1] == run.state()["total_steps"]
    assert json.loads((run.directory / "held_out.jsonl").read_text(encoding="utf-8").splitlines()[0])["messages"]


def test_progress_tells_phases_steps_and_time_left(new_run, hub):
    told = []
    train(new_run(), hub=hub, on_progress=told.append)
    phases = list(dict.fromkeys(progress.phase for progress in told))
    assert phases == ["waiting", "preparing", "training", "saving"]
    last = [progress for progress in told if progress.phase == "training"][-1]
    assert (last.step, last.total_steps, last.seconds_left) == (6, 6, 0.0)
    assert last.tokens_per_second > 0 and last.loss > 0


def test_two_processes_take_turns(new_run, hub, home):
    from filelock import FileLock

    from workbench.train.turns import LOCK

    run, released, told = new_run(), threading.Event(), threading.Event()
    other = FileLock(home / LOCK)
    other.acquire()
    began_before = []

    def on_progress(progress):
        if progress.phase == "waiting":
            told.set()
        elif not released.is_set():
            began_before.append(progress)

    thread = threading.Thread(target=train, args=(run,), kwargs={"hub": hub, "on_progress": on_progress})
    thread.start()
    assert told.wait(60) and run.state()["state"] == "queued"
    released.set()
    other.release()
    thread.join(60)
    assert run.state()["state"] == "finished" and not began_before


def test_a_turn_is_given_up_when_a_stop_is_asked_for(home):
    from filelock import FileLock

    from workbench.train.turns import LOCK, Cancelled, turn

    answers = iter([False, False, True])
    waits = []
    with FileLock(home / LOCK), pytest.raises(Cancelled), turn(home, lambda: next(answers), lambda: waits.append(1)):
        raise AssertionError("the lock was held by somebody else")
    assert waits == [1]


def test_the_training_thread_of_the_queue_draws_the_same_curve(new_run, hub, home, spec):
    from workbench.jobs import Jobs

    here = new_run("here")
    train(here, hub=hub)
    jobs = Jobs(home, hub)
    run = jobs.submit(spec(), name="there")
    other = jobs.submit(spec(**{"training.max_steps": 1}), name="after")
    with jobs._changed:
        assert jobs._changed.wait_for(lambda: not jobs._waiting and jobs._current is None, timeout=600)
    jobs.close()
    assert (run.state()["state"], other.state()["state"]) == ("finished", "finished")
    assert curve(run) == curve(here)
