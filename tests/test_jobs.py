"""The queue of one process: order, stop, resume, and a run that fails does not take the thread with it."""

from __future__ import annotations

import threading

import pytest

from workbench import runs
from workbench.errors import UserError
from workbench.jobs import Jobs
from workbench.specs import parse
from workbench.train import check, session


class Trainings:
    """Stands in for `train`: each run waits until the test lets it end."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.ended: list[str] = []
        self.gate = threading.Semaphore(0)
        self.changed = threading.Condition()
        self.heeds_stop = False

    def train(self, run, *, hub, resume=False, on_progress=None):
        run.own("running")
        self._note(self.began, run)
        if run.name == "broken":
            raise RuntimeError("a defect that train itself did not catch")
        while not self.gate.acquire(timeout=0.05):
            if self.heeds_stop and run.stop_path.exists():
                break
        run.own("stopped" if run.stop_path.exists() else "finished")
        self._note(self.ended, run)

    def _note(self, names, run):
        with self.changed:
            names.append(run.name)
            self.changed.notify_all()

    def wait(self, names, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(names) >= count, timeout=30)


@pytest.fixture
def trainings(monkeypatch):
    fake = Trainings()
    monkeypatch.setattr(session, "train", fake.train)
    monkeypatch.setattr(check, "check", lambda spec, home, foreign: None)
    return fake


@pytest.fixture
def jobs(home):
    made = Jobs(home, hub=None)
    yield made
    made.close()


def test_runs_are_trained_one_after_another_in_order(jobs, trainings):
    for name in ("one", "two", "three"):
        jobs.submit(parse({}), name=name)
    trainings.wait(trainings.began, 1)
    assert jobs.queue() == ["one", "two", "three"]
    assert runs.find(jobs.home, "three").state()["state"] == "queued"
    for _ in range(3):
        trainings.gate.release()
    trainings.wait(trainings.ended, 3)
    assert trainings.ended == ["one", "two", "three"]


def test_a_waiting_run_is_stopped_at_once_and_never_begins(jobs, trainings):
    for name in ("one", "two", "three"):
        jobs.submit(parse({}), name=name)
    trainings.wait(trainings.began, 1)
    state = jobs.stop("two")
    assert (state["state"], state["reason"]) == ("stopped", "Stopped while waiting for its turn.")
    trainings.gate.release()
    trainings.gate.release()
    trainings.wait(trainings.ended, 2)
    assert trainings.began == ["one", "three"]


def test_a_stop_that_another_process_asks_of_a_waiting_run_is_noticed(jobs, trainings):
    jobs.submit(parse({}), name="one")
    jobs.submit(parse({}), name="two")
    trainings.wait(trainings.began, 1)
    waiting = runs.find(jobs.home, "two")
    waiting.request_stop()
    for _ in range(600):
        if waiting.state()["state"] == "stopped":
            break
        threading.Event().wait(0.05)
    assert waiting.state()["state"] == "stopped"
    assert jobs.queue() == ["one"]
    trainings.gate.release()
    trainings.wait(trainings.ended, 1)


def test_a_training_run_is_asked_to_stop_and_can_be_resumed(jobs, trainings):
    jobs.submit(parse({}), name="one")
    trainings.wait(trainings.began, 1)
    assert jobs.stop("one")["state"] == "stopping"
    with pytest.raises(UserError, match="is stopping"):
        jobs.resume("one")
    trainings.gate.release()
    trainings.wait(trainings.ended, 1)
    assert jobs.resume("one").state()["state"] in ("queued", "running")
    trainings.gate.release()
    trainings.wait(trainings.ended, 2)
    assert runs.find(jobs.home, "one").state()["state"] == "finished"
    with pytest.raises(UserError, match="is finished"):
        jobs.resume("one")


def test_the_thread_outlives_a_run_that_breaks_it(jobs, trainings):
    jobs.submit(parse({}), name="broken")
    jobs.submit(parse({}), name="next")
    trainings.gate.release()
    trainings.wait(trainings.ended, 1)
    assert trainings.ended == ["next"]


def test_a_refused_spec_leaves_nothing_behind(home):
    jobs = Jobs(home, hub=None)
    with pytest.raises(UserError):
        jobs.submit(parse({}))  # neither a file nor a name
    assert jobs.queue() == [] and not (home / "runs").exists()
    jobs.close()


def test_closing_stops_the_training_run_and_frees_the_waiting_ones(home, trainings):
    trainings.heeds_stop = True
    jobs = Jobs(home, hub=None)
    jobs.submit(parse({}), name="one")
    jobs.submit(parse({}), name="two")
    trainings.wait(trainings.began, 1)
    jobs.close()
    assert [runs.find(home, name).state()["state"] for name in ("one", "two")] == ["stopped", "stopped"]
