"""A run that trains, asked while it trains: `RUN@now` answers with its live weights and the curve is the same."""

import threading

import pytest

from tests.train.conftest import curve, data_file, hub, new_run, spec  # noqa: F401  fixtures
from workbench.chat.engine import Engine
from workbench.train.session import train


@pytest.fixture
def engine(hub, home):  # noqa: F811
    made = Engine(hub, home)
    yield made
    made.close()


def test_live_weights_answer_as_the_checkpoint_of_that_step_and_the_curve_is_bit_identical(
    engine, hub, new_run, spec  # noqa: F811
):  # fmt: skip
    quiet = new_run("quiet")
    train(quiet, hub=hub)
    model = spec().model
    asked = new_run("asked")
    said: dict[int, str] = {}
    options = {"max_tokens": 12, "temperature": 1.0}
    done = threading.Event()

    def keep_asking() -> None:
        while not done.is_set():
            for delta in engine.compare("hi", ["asked@now", "base", "asked@now@0.5"], options, model):
                if delta.done and delta.column == 0 and delta.problem is None and delta.step is not None:
                    said[delta.step] = delta.text

    def at_each_step(progress) -> None:
        """In the training thread, between two steps: every step is asked once for sure."""
        if progress.phase == "training":
            [last] = [d for d in engine.compare("hi", ["asked@now"], options, model) if d.done]
            assert last.problem is None and last.step == progress.step
            said[last.step] = last.text

    asker = threading.Thread(target=keep_asking)
    asker.start()
    try:
        state = train(asked, hub=hub, on_progress=at_each_step)
    finally:
        done.set()
        asker.join()
    assert state["state"] == "finished", state["reason"]
    assert curve(asked) == curve(quiet)
    assert set(said) == {0, 1, 2, 3, 4, 5, 6}
    for step in (2, 4, 6):
        [last] = [d for d in engine.compare("hi", [f"asked/checkpoint-{step}"], options, model) if d.done]
        assert said[step] == last.text
    assert len(set(said.values())) > 2, "it learned something"
    [last] = [d for d in engine.compare("hi", ["asked@now"], options, model) if d.done]
    assert (last.text, last.step) == (said[6], None), "after its end: its result"


def test_live_weights_of_earlier_steps_make_room(engine, hub, new_run, spec):  # noqa: F811
    model = spec().model
    kept = []

    def at_each_step(progress) -> None:
        if progress.phase == "training":
            list(engine.compare("hi", ["asked@now"], {"max_tokens": 1}, model))
            kept.append(sum(row["adapters"] for row in engine.resident()))

    train(new_run("asked"), hub=hub, on_progress=at_each_step)
    assert kept == [1] * 7
