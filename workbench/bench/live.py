"""A run asked while it trains (`RUN@now`) against the same run alone: what the answers cost it beside their own time.

Everything is as on the page: a training thread and the chat engine's thread in one process, over one base model. Two
runs make the same steps; in one the even stretches of steps are asked, in the other the odd ones, question after
question without a pause. So each stretch is seen both ways, and what slows the machine meanwhile slows both ways.
The process keeps to one core: a device that does one thing at a time. With more cores answers are partly for free.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

_QUESTION = "Tell me a story."
_FIELDS = ("wall", "cpu", "training", "answers", "answering")


@dataclass(frozen=True)
class _Clocks:
    """Seconds so far."""

    wall: float
    cpu: float  # of all threads
    training: float  # of the training thread
    answers: float  # of the engine's thread: copying the weights, attaching them, decoding
    answering: float  # by the wall, from each question to the end of its answer

    def since(self, before: _Clocks) -> _Clocks:
        return _Clocks(*(getattr(self, name) - getattr(before, name) for name in _FIELDS))


def compare(rounds: int = 3, stretches: int = 4, steps: int = 8, tokens: int = 48) -> dict[str, Any]:
    """Figures of `rounds` × 2 runs of `stretches` × `steps` steps each, answers of at most `tokens` tokens.

    slowdown_per_answer_second: (asked − alone) / the answers' own seconds, by the CPU's and by the wall's clock; the
    middle of the rounds with the smallest and the largest. 1: an answer costs what it takes, and nothing more.
    same_curve: whether all runs have the same losses to the last bit.
    """
    from workbench.chat.engine import Engine
    from workbench.models.hub import Hub

    with tempfile.TemporaryDirectory() as folder, _one_core():
        hub = Hub()
        engine = Engine(hub, Path(folder))
        asker = _Asker(engine, tokens)
        try:
            pairs, curves = [], []
            for number in range(rounds + 1):  # the first warms up
                two = []
                for parity in (0, 1):
                    name = f"round-{number}-{parity}"
                    found, curve = _trained(name, hub, Path(folder), asker, parity, stretches, steps)
                    two.append(found)
                    curves.append(curve)
                if number:
                    pairs.append([_pair(a, b, place) for place, (a, b) in enumerate(zip(*two, strict=True))])
        finally:
            asker.close()
            engine.close()
    return _report(pairs, steps) | {
        "answers": asker.count, "tokens": asker.tokens, "same_curve": all(curve == curves[0] for curve in curves),
    }  # fmt: skip


def _pair(even: _Clocks, odd: _Clocks, place: int) -> tuple[_Clocks, _Clocks]:
    """(alone, asked)"""
    return (odd, even) if place % 2 == 0 else (even, odd)


def _report(pairs: list[list[tuple[_Clocks, _Clocks]]], steps: int) -> dict[str, Any]:
    ratios: dict[str, list[float]] = {"cpu": [], "wall": []}
    for row in pairs:
        for name, own in (("cpu", "answers"), ("wall", "answering")):
            more = sum(getattr(asked, name) - getattr(alone, name) for alone, asked in row)
            ratios[name].append(more / sum(getattr(asked, own) for _, asked in row))
    every = [pair for row in pairs for pair in row]

    def per_step(side: int, name: str) -> float:
        return round(statistics.median(getattr(pair[side], name) for pair in every) / steps * 1e3, 1)

    return {
        "slowdown_per_answer_second": {
            name: {"median": round(statistics.median(row), 3), "min": round(min(row), 3), "max": round(max(row), 3)}
            for name, row in ratios.items()
        },
        "ms_per_step": {"alone": per_step(0, "wall"), "asked": per_step(1, "wall")},
        "training_cpu_ms_per_step": {"alone": per_step(0, "training"), "asked": per_step(1, "training")},
        "answers_cpu_ms_per_step": per_step(1, "answers"),
    }


def _trained(
    name: str, hub: Any, home: Path, asker: _Asker, parity: int, stretches: int, steps: int
) -> tuple[list[_Clocks], list[float]]:
    """What each stretch took, and the losses. Stretches of the given parity are asked."""
    from workbench import presets, runs
    from workbench.train.session import train

    spec = presets.resolve("identity", {
        "identity.name": "阿澄", "identity.author": "青禾实验室", "probes.path": "", "model.device": "cpu",
        "training.max_steps": stretches * steps, "training.save_steps": 10_000, "training.logging_steps": 1,
    })  # fmt: skip
    run = runs.create(home, spec, name=name)
    asker.warm(spec.model)
    found: list[_Clocks] = []
    began: list[_Clocks] = []

    def at_step(progress: Any) -> None:
        """In the training thread, between two steps."""
        if progress.phase != "training" or progress.step % steps:
            return
        if began:
            now = asker.clocks()
            asker.rest(now.wall)
            found.append(replace(now, answering=asker.seconds).since(began.pop()))
        if len(found) < stretches:
            began.append(asker.clocks())
            if len(found) % 2 == parity:
                asker.ask(f"{name}@now")

    state = train(run, hub=hub, on_progress=at_step)
    asker.rest(time.perf_counter())
    if state["state"] != "finished" or asker.problem is not None:
        raise RuntimeError(state["reason"] or str(asker.problem))
    return found, [row["loss"] for row in run.metrics() if "loss" in row]


class _Asker:
    """Asks the engine from a thread of its own, as a page does."""

    def __init__(self, engine: Any, tokens: int) -> None:
        self.count = self.tokens = 0
        self.seconds = 0.0
        self.problem: Exception | None = None
        self._engine, self._options, self._model = engine, {"max_tokens": tokens}, None
        self._changed = threading.Condition()
        self._column, self._closed, self._busy, self._until = "", False, False, 0.0
        self._thread = threading.Thread(target=self._work, name="asker", daemon=True)
        self._thread.start()

    def warm(self, model: Any) -> None:
        """The engine's thread is there afterwards, with the model."""
        self._model = model
        self._engine.answer([_QUESTION], ["base"], {"max_tokens": 1}, model)
        [thread] = [each for each in threading.enumerate() if each.name == "chat-engine"]
        self._clock = time.pthread_getcpuclockid(thread.ident)

    def clocks(self) -> _Clocks:
        """Called by the training thread."""
        own = time.clock_gettime(self._clock)
        return _Clocks(time.perf_counter(), time.process_time(), time.thread_time(), own, self.seconds)

    def ask(self, column: str) -> None:
        """Again and again from now on."""
        with self._changed:
            self._column, self._until = column, float("inf")
            self._changed.notify_all()

    def rest(self, now: float) -> None:
        """Stop the answer, and wait for its end; what comes after `now` does not count."""
        with self._changed:
            self._column, self._until = "", now
            self._changed.wait_for(lambda: not self._busy)

    def close(self) -> None:
        with self._changed:
            self._column, self._closed = "", True
            self._changed.notify_all()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._column or self._closed)
                if self._closed:
                    return
                self._busy, column = True, self._column
            try:
                self._ask(column)
            except Exception as error:
                self.problem = error
                with self._changed:
                    self._column = ""

    def _ask(self, column: str) -> None:
        began, last = time.perf_counter(), None
        for delta in self._engine.compare(_QUESTION, [column], self._options, self._model):
            if delta.problem is not None:
                raise delta.problem
            last = delta
            if not self._column:
                break
        self.seconds += max(0.0, min(time.perf_counter(), self._until) - began)
        self.count += 1
        self.tokens += last.tokens if last else 0


@contextmanager
def _one_core() -> Iterator[None]:
    """For this thread and those that it begins, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


if __name__ == "__main__":
    print(json.dumps(compare(), indent=2))
