"""A few real steps in a process of their own: what is measured, what is left behind, and giving up."""

import sys
import threading

import pytest

from workbench import runs
from workbench.errors import WorkbenchError
from workbench.train.session import train
from workbench.train.trial import STEPS, Trial, Trials, _key, _short, measure


def test_steps_are_measured_and_nothing_stays_in_the_workspace(spec, home):
    found = measure(spec(), home, threading.Event())
    assert found.tokens_per_second > 0 and found.seconds_per_step > 0
    assert found.peak_memory_bytes > 100e6 and found.setup_seconds > 0 and found.import_seconds > 0
    assert runs.every(home) == []
    with pytest.raises(WorkbenchError, match="could not be measured"):
        measure(spec(**{"adapter.target_modules": "no_such_layer"}), home, threading.Event())


@pytest.mark.parametrize("changes", [
    {"training.lr_scheduler_type": "greedy", "data.eval_fraction": 0.2},
    {"adapter.type": "adalora", "adapter.tinit": 20, "adapter.tfinal": 50},
    {"training.lr_scheduler_type": "warmup_stable_decay", "training.lr_scheduler_kwargs": "num_decay_steps=50"},
], ids=lambda changes: next(iter(changes.values())))  # fmt: skip
def test_what_needs_a_whole_run_or_held_out_rows_can_be_measured_all_the_same(spec, hub, home, changes):
    run = runs.create(home, _short(spec(**changes), home), name="short")
    assert (train(run, hub=hub)["state"], run.state()["step"]) == ("finished", STEPS), run.state()["reason"]


def test_a_trial_that_is_stopped_tells_nothing(spec, home):
    stop = threading.Event()
    stop.set()
    assert measure(spec(), home, stop) is None
    trials = Trials(home)
    assert trials.known(spec()) is None and not trials.busy(spec())


def test_the_time_of_a_run_is_its_beginning_and_its_tokens():
    assert Trial(100.0, 0.5, 1, 7.0).seconds(1000) == 17.0


def test_the_libraries_count_for_the_first_run_of_a_process_alone(monkeypatch):
    monkeypatch.setitem(sys.modules, "trl", sys)
    assert Trial(100.0, 0.5, 1, 7.0, 20.0).seconds(1000) == 17.0
    monkeypatch.delitem(sys.modules, "trl")
    assert Trial(100.0, 0.5, 1, 7.0, 20.0).seconds(1000) == 37.0


def test_a_trial_still_holds_when_only_the_rate_or_the_length_changes(spec):
    assert _key(spec()) == _key(spec(**{"training.learning_rate": 0.5, "training.max_steps": 9}))
    assert _key(spec()) != _key(spec(**{"training.per_device_train_batch_size": 1}))
