"""What happens in a trainer -> lines of metrics.jsonl, progress, a stop on request, a stop on NaN."""

from __future__ import annotations

import json
import time
from collections import deque
from typing import Any

import torch
from transformers import TrainerCallback

from workbench.memory.device import nvidia
from workbench.memory.footprint import Footprint
from workbench.models.live import LiveRun
from workbench.runs import Run, append_lines, utc_now, write_whole
from workbench.train.guard import Guard
from workbench.train.heart import Heart
from workbench.train.probes import Questioner
from workbench.train.progress import OnProgress, Progress

_SPEED_STEPS = 50  # of how many steps the time left is judged


class Curve(TrainerCallback):
    """One line of metrics.jsonl per step that has something to say: loss, evaluation and probes of a step together.

    The line is held back until the step is over or a checkpoint is about to be saved: a checkpoint never knows of steps
    that the curve does not.
    """

    def __init__(self, run: Run, heart: Heart, guard: Guard, on_progress: OnProgress | None) -> None:
        self.run = run
        self.guard = guard
        self.heart = heart
        self.on_progress = on_progress
        self.trainer: Any = None
        self.loss: float | None = None
        self.tokens_per_second: float | None = None
        self._held: dict[str, Any] | None = None
        self._begun_at = 0
        self._footprint, self._peak = Footprint(), 0
        self._tokens, self._clock, self._paused = 0, 0.0, 0.0
        self._ends: deque[float] = deque(maxlen=_SPEED_STEPS)

    def pause(self, seconds: float) -> None:
        """Time spent on something else (probes) that the speed leaves out."""
        self._paused += seconds

    def put(self, step: int, **values: Any) -> None:
        """Values for the line of `step`; they join what is held of it."""
        if self._held is not None and self._held["step"] != step:
            self.flush()
        self._held = (self._held or {"step": step}) | values

    def flush(self) -> None:
        if self._held is None:
            return
        held, self._held = self._held, None
        rows = self.run.metrics() if held["step"] == self._begun_at else []
        if rows and rows[-1]["step"] == held["step"]:  # written before the stop, without what was still to come
            rows[-1] |= held
            write_whole(self.run.metrics_path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
            self.heart.note(generation=self.run.generation() + 1)
        else:
            append_lines(self.run.metrics_path, [held])

    def on_before_save(self) -> None:
        self.flush()

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._clock, self._begun_at = time.perf_counter(), state.global_step
        self._ends.append(self._clock)
        self.heart.note(step=state.global_step, total_steps=state.max_steps, phase="training")
        self._tell(state)

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.flush()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._ends.append(time.perf_counter())
        self.heart.note(step=state.global_step)
        self._tell(state)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        logs = logs or {}
        evaluation = {name: value for name, value in logs.items() if name.startswith("eval_")}
        if evaluation:
            self.put(state.global_step, **evaluation)
        if "loss" not in logs:  # the summary that the Trainer logs last
            return
        loss, norm = float(logs["loss"]), logs.get("grad_norm")
        self.guard.look(state.global_step, loss, norm)
        now, tokens = time.perf_counter(), self.trainer.tokens_seen
        seconds = max(now - self._clock - self._paused, 1e-9)
        self.loss, self.tokens_per_second = loss, (tokens - self._tokens) / seconds
        self._clock, self._tokens, self._paused = now, tokens, 0.0
        self.put(
            state.global_step,
            epoch=round(state.epoch, 6),
            time=round(utc_now(), 3),
            loss=loss,
            learning_rate=logs.get("learning_rate"),
            grad_norm=norm,
            tokens_per_second=round(self.tokens_per_second, 1),
            memory_bytes=self._memory_bytes(),
            **self._load(),
        )

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.flush()
        self.heart.note(step=state.global_step)

    def _memory_bytes(self) -> int:
        """The peak of the device (on a CPU of this process) since the last line; the highest stands in the state."""
        memory = self._footprint.lap()
        if memory > self._peak:
            self._peak = memory
            self.heart.note(peak_memory_bytes=memory)
        return memory

    @staticmethod
    def _load() -> dict[str, float]:
        """How busy the accelerator is, where its driver tells."""
        if not torch.cuda.is_available():
            return {}
        busy = next((device.utilization for device in nvidia() if device.utilization is not None), None)
        return {} if busy is None else {"gpu_utilization": busy}

    def _tell(self, state: Any) -> None:
        if self.on_progress is None:
            return
        left = None
        if len(self._ends) > 1:
            left = (self._ends[-1] - self._ends[0]) / (len(self._ends) - 1) * (state.max_steps - state.global_step)
        epoch = float(state.epoch or 0.0)
        progress = Progress(
            "training", state.global_step, state.max_steps, epoch, self.loss, self.tokens_per_second, left
        )
        self.on_progress(progress)


class StopOnRequest(TrainerCallback):
    """A `stop` file in the run -> save and stop after the micro-batch that is being computed."""

    def __init__(self, heart: Heart) -> None:
        self.heart = heart

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._look(state, control)

    def on_substep_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._look(state, control)

    def _look(self, state: Any, control: Any) -> None:
        if self.heart.stop_requested() and not control.should_training_stop:
            self.heart.enter("stopping", step=state.global_step)
            control.should_training_stop = control.should_save = True


class ShareWeights(TrainerCallback):
    """Lets others copy the live weights except while the optimizer writes them."""

    def __init__(self, live: LiveRun) -> None:
        self.live = live

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.live.step = state.global_step

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.live.writing.acquire()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        # Not in on_optimizer_step: others write there as well (AdaLoRA prunes).
        self.live.step = state.global_step
        if self.live.writing.locked():
            self.live.writing.release()


class KeepBest(TrainerCallback):
    """A new lowest evaluation loss -> saved at once; none for `patience` evaluations (if not 0) -> the end.

    What was measured before a resume is read from the curve: it holds the steps up to the checkpoint, no later ones.
    """

    def __init__(self, run: Run, patience: int, threshold: float, saves: bool) -> None:
        self.patience, self.threshold, self.saves = patience, threshold, saves
        self.stopped_early = False
        self.best, self.waited = float("inf"), 0
        for row in run.metrics():
            if "eval_loss" in row:
                self._take(row["eval_loss"])

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any) -> None:
        loss = metrics["eval_loss"]
        if loss < self.best and self.saves:
            control.should_save = True
        self._take(loss)
        if self.patience and self.waited >= self.patience and state.global_step < state.max_steps:
            self.stopped_early = control.should_training_stop = control.should_save = True

    def _take(self, loss: float) -> None:
        self.waited = 0 if loss < self.best - self.threshold else self.waited + 1
        self.best = min(self.best, loss)


class EvaluateLast(TrainerCallback):
    """The loss on held-out rows at the last step too; the Trainer asks at every save only."""

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step >= state.max_steps:
            control.should_evaluate = True


class AskProbes(TrainerCallback):
    """Questions at step 0, every so many steps and at the last one; answers to probes.jsonl, scores to the curve."""

    def __init__(self, questioner: Questioner, every: int, curve: Curve, heart: Heart) -> None:
        self.questioner = questioner
        self.every = every
        self.curve = curve
        self.heart = heart
        self._asked_at = max((row["step"] for row in heart.run.probes()), default=-1)

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        # At step 0, and where a stop came before the questions of its step.
        if state.global_step % self.every == 0:
            self._ask(state, model)
            self.curve.flush()  # the scores before training stand on the page at once

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        if state.global_step % self.every == 0 or state.global_step >= state.max_steps:
            self._ask(state, model)

    def _ask(self, state: Any, model: Any) -> None:
        step = state.global_step
        if step <= self._asked_at:
            return
        round_ = self.questioner.ask(model, step, stop=self.heart.stop_requested)
        if round_ is None:
            return
        append_lines(self.heart.run.probes_path, round_.rows)
        self._asked_at = step
        self.curve.put(step, **round_.scores)
        self.curve.pause(round_.seconds)
