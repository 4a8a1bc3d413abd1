"""A trainer's state -> checkpoint-<step>/, whole or not at all, exact to resume from.

A checkpoint is written beside its place and renamed, so a kill or a full disk never leaves half of one under its name.
A stop inside a gradient accumulation saves the last finished step: its random numbers are put back first, and the
loss of the half-done step is left out.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from workbench.errors import WorkbenchError
from workbench.stages.methods.method import Method
from workbench.stages.random_state import RandomState

CURVE = "curve.json"  # the part of the loss curve that is summed up but not yet logged


class Boundary(TrainerCallback):
    """Remembers the last moment between two steps."""

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer
        self.inside_step = False
        self.random_state = RandomState.capture()
        self.loss_sum, self.last_logged = 0.0, 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.trainer.restore_curve()
        self.random_state = RandomState.capture()

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.loss_sum, self.last_logged = self.trainer.loss_so_far()
        self.inside_step = True

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.random_state = RandomState.capture()
        self.inside_step = False


class WholeCheckpoints:
    """Mixed in before a transformers Trainer. Callbacks may have an `on_before_save()`: called when a save is sure."""

    method: Method
    resumed_from: Path | None = None
    _saving_to: Path | None = None

    def keep_boundaries(self) -> None:
        """Once, after construction."""
        self.boundary = Boundary(self)
        self.add_callback(self.boundary)

    # -- the curve between two log lines ----------------------------------------------------------------------------
    def loss_so_far(self) -> tuple[float, int]:
        """(sum of the losses since the last log line, the step of that line)"""
        return self._tr_loss.item(), self._globalstep_last_logged

    def restore_curve(self) -> None:
        if self.resumed_from is not None and (self.resumed_from / CURVE).is_file():
            kept = json.loads((self.resumed_from / CURVE).read_text(encoding="utf-8"))
            self._tr_loss.fill_(kept["loss_sum"])
            self._globalstep_last_logged = kept["last_logged"]

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        self.method.restore(self.model, Path(resume_from_checkpoint))

    def _load_best_model(self) -> None:
        self.method.restore(self.model, Path(self.state.best_model_checkpoint))

    def create_optimizer(self, model: Any = None) -> Any:
        if self.optimizer is None:
            kind, options = self.get_optimizer_cls_and_kwargs(self.args, self.model)
            self.optimizer = self.method.optimizer(self.model, kind, options)
        return super().create_optimizer(model)

    # -- saving -----------------------------------------------------------------------------------------------------
    def _get_output_dir(self, trial: Any) -> str:
        return str(self._saving_to or self.args.output_dir)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        step, run_dir = self.state.global_step, Path(self.args.output_dir)
        place = run_dir / f"checkpoint-{step}"
        if step == 0 or (place / "trainer_state.json").is_file():
            return
        self.refuse_broken_weights()
        for callback in self.callback_handler.callbacks:
            before_save = getattr(callback, "on_before_save", None)
            if before_save is not None:
                before_save()
        loss_sum, last_logged = self.loss_so_far()
        if self.boundary.inside_step:
            self.boundary.random_state.restore()
            loss_sum, last_logged = self.boundary.loss_sum, self.boundary.last_logged
        with written_beside(place) as beside:
            self._saving_to = beside.parent
            try:
                super()._save_checkpoint(model, trial)
            finally:
                self._saving_to = None
            # The Trainer wrote into <beside's parent>/checkpoint-<step>, which is `beside` by its name.
            # Nor does it know where the best one will stand: `best_global_step` says it, without this machine's paths.
            self.state.best_model_checkpoint = None
            self.state.save_to_json(str(beside / "trainer_state.json"))
            text = json.dumps({"loss_sum": loss_sum, "last_logged": last_logged})
            (beside / CURVE).write_text(text, encoding="utf-8")
        self._drop_oldest(run_dir, keep=self.args.save_total_limit, best=self.state.best_global_step)

    def take_best(self) -> str:
        """The weights of the checkpoint with the lowest evaluation loss; its name, or "" where there is none."""
        place = Path(self.args.output_dir) / f"checkpoint-{self.state.best_global_step}"
        if not (place / "trainer_state.json").is_file():
            return ""
        self._load_from_checkpoint(str(place))
        return place.name

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        # Not the tokenizer (it is the base's) and not training_args.bin (a pickle that nobody reads).
        self.method.save_checkpoint(self.model, Path(output_dir or self.args.output_dir))

    def refuse_broken_weights(self) -> None:
        """A checkpoint full of NaN would push out the last good one."""
        trained = [value for value in self.model.parameters() if value.requires_grad]
        if not all(bool(torch.isfinite(value).all()) for value in trained):
            raise WorkbenchError("train.not_finite", step=self.state.global_step, what="weights", rows="–")

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """None: TRL would put a README with this machine's paths into the run."""

    def _send_telemetry(self) -> None:
        """None: a local tool tells nobody what it does."""

    @staticmethod
    def _drop_oldest(run_dir: Path, keep: int | None, best: int | None) -> None:
        """The newest `keep` stay, and the best: it may be the only good one."""
        steps = sorted(int(path.name.rpartition("-")[2]) for path in run_dir.glob("checkpoint-*"))
        for step in steps[: -max(keep or len(steps), 1)]:
            if step != best:
                shutil.rmtree(run_dir / f"checkpoint-{step}")


@contextmanager
def written_beside(place: Path) -> Iterator[Path]:
    """A folder to fill that takes `place` only when it is whole; what stood there gives way at that moment.

    Raises WorkbenchError("train.cannot_save") with the reason (disk full, no permission); `place` is then as it was.
    """
    holder = place.parent / ".saving"
    shutil.rmtree(holder, ignore_errors=True)
    beside = holder / place.name
    try:
        beside.mkdir(parents=True)
        yield beside
        _take_place(beside, place, holder / ".old")
    except Exception as error:
        if isinstance(error, WorkbenchError):
            raise
        free = shutil.disk_usage(place.parent).free
        # torch and safetensors wrap an error of the disk in kinds of their own.
        if isinstance(error, OSError) or "write" in str(error).lower() or "space" in str(error).lower():
            raise WorkbenchError(
                "train.cannot_save", path=place.name, why=_short(error), free_megabytes=free // 2**20
            ) from error
        raise
    finally:
        shutil.rmtree(holder, ignore_errors=True)


def _take_place(beside: Path, place: Path, old: Path) -> None:
    if place.exists():
        place.rename(old)
    try:
        beside.rename(place)
    except OSError:
        if old.exists():
            old.rename(place)
        raise


def _short(error: Exception, limit: int = 200) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:limit]
