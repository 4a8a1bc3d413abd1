"""A run that trains in this process -> copies of its adapter as it is now, taken between two steps of the optimizer.

The training thread never copies anything: it holds a lock while the optimizer writes, and whoever wants a copy holds
it while reading. No random number is drawn and no tensor written, so the loss curve stays the same bit for bit.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import UserError
from workbench.models.adapters import WEIGHTS, AdapterRef

if TYPE_CHECKING:
    import torch

_PATIENCE_SECONDS = 60.0  # one optimizer step may take its time


@dataclass
class LiveRun:
    """What a training publishes of itself. `writing` is held by its thread from before a step until after it."""

    name: str
    model: Any  # the trainer's PEFT tree
    step: int = 0
    writing: threading.Lock = field(default_factory=threading.Lock)

    def tensors(self) -> tuple[int, dict[str, torch.Tensor]]:
        """(step, copies of what PEFT would save). Raises UserError when the optimizer does not let go."""
        import torch
        from peft import get_peft_model_state_dict

        if not self.writing.acquire(timeout=_PATIENCE_SECONDS):
            raise UserError("live.busy", run=self.name)
        try:
            with torch.no_grad():
                # "auto" would ask the hub for the base's config.
                state = get_peft_model_state_dict(self.model, save_embedding_layers=False)
                return self.step, {name: value.detach().clone() for name, value in state.items()}
        finally:
            self.writing.release()


class LiveRuns:
    """The runs that train in this process, by name, and the folders of the copies that were taken."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[str, LiveRun] = {}
        self._copies: dict[str, AdapterRef] = {}  # the newest of each run
        self._folder: Path | None = None

    @contextmanager
    def published(self, name: str, model: Any) -> Iterator[LiveRun]:
        """While it lasts, `snapshot(name)` copies the adapter of this PEFT tree. Other models are not published."""
        run = LiveRun(name, model)
        if not hasattr(model, "peft_config"):
            yield run
            return
        with self._lock:
            self._runs[name] = run
        try:
            yield run
        finally:
            with self._lock:
                self._runs.pop(name, None)
            if run.writing.locked():  # the training broke off inside a step
                run.writing.release()

    def names(self) -> dict[str, int]:
        """Run -> the step it is at."""
        with self._lock:
            return {name: run.step for name, run in self._runs.items()}

    def snapshot(self, name: str) -> AdapterRef | None:
        """A copy of the run's adapter as a folder in PEFT's format; None when it does not train in this process.

        The same folder as before while no step was made since. Called by one thread at a time per run.
        """
        with self._lock:
            run, before = self._runs.get(name), self._copies.get(name)
        if run is None:
            return None
        if before is not None and before.step == run.step and (before.path / WEIGHTS).is_file():
            return before
        step, tensors = run.tensors()
        folder = self._write(run, step, tensors)
        ref = AdapterRef(f"{name}@now", folder, name, step, run.model.peft_config["default"].base_model_name_or_path)
        with self._lock:
            self._copies[name] = ref
        if before is not None and before.path != folder:
            shutil.rmtree(before.path, ignore_errors=True)
        return ref

    def _write(self, run: LiveRun, step: int, tensors: dict[str, torch.Tensor]) -> Path:
        from safetensors.torch import save_file

        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="workbench-live-"))
        folder = Path(tempfile.mkdtemp(prefix=f"step-{step}-", dir=self._folder))
        config = copy.copy(run.model.peft_config["default"])
        config.inference_mode = True
        config.save_pretrained(str(folder))
        save_file({name: value.contiguous().cpu() for name, value in tensors.items()}, folder / WEIGHTS)
        return folder

    def close(self) -> None:
        """Remove the copies."""
        with self._lock:
            folder, self._folder = self._folder, None
            self._copies.clear()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
