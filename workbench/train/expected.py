"""Rows as they are about to train -> the memory that the estimate expects, and what it decides before the start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.data.render import Rendered
from workbench.errors import WorkbenchError
from workbench.memory import begun, device
from workbench.memory.estimate import Estimate, estimate, with_checkpointing
from workbench.runs import Run
from workbench.specs import Spec
from workbench.train.plan import Counted, rows_of

if TYPE_CHECKING:
    from workbench.models.hub import Base
    from workbench.train.log import RunLog


def settled(run: Run, spec: Spec, rendered: Sequence[Any], base: Base, log: RunLog) -> Spec:
    """Gradient checkpointing as this device needs it, where the spec leaves it open; kept in the run's own spec.

    A run that is resumed finds the value there and computes as before, on whatever device.
    """
    if spec.training.gradient_checkpointing != "auto":
        return spec
    found = _estimate(run, spec, rendered, base)
    on = found is not None and found.checkpointing and getattr(base.model, "supports_gradient_checkpointing", True)
    if found is None:
        log("gradient checkpointing: off; the model's files do not tell what it needs")
    else:
        needed, free = round((found.without_checkpointing_bytes or 0) / 2**20), round(found.available_bytes / 2**20)
        log(f"gradient checkpointing: {'on' if on else 'off'}; {needed:,} MB needed without it, {free:,} MB there")
    spec = with_checkpointing(spec, on)
    run.change_spec(spec)
    return spec


def expected_bytes(run: Run, spec: Spec, rendered: Sequence[Any], base: Base) -> int | None:
    """What the measured peak should be; None where the model's files do not tell.

    On a CPU whatever this process holds besides the base counts too; an accelerator's peak is of tensors alone.
    """
    import psutil

    found = _estimate(run, spec, rendered, base)
    if found is None:
        return None
    libraries = found.parts["framework"]
    if base.device.type != "cpu":
        return found.total_bytes - libraries
    held = psutil.Process().memory_info().rss - base.memory_bytes
    return found.total_bytes - libraries + max(libraries, held)


def _estimate(run: Run, spec: Spec, rendered: Sequence[Any], base: Base) -> Estimate | None:
    """Against what is free and what this process holds already: base and libraries are parts of the estimate."""
    rows = [row for row in rendered if isinstance(row, Rendered)]
    if not rows:
        return None
    here = device.chosen(str(base.device))
    here = replace(here, available_bytes=here.available_bytes + _held_bytes(base))
    try:
        largest = rows_of(spec, Counted.of(spec, rows), base.device.type == "cpu")
        return estimate(spec, rows=largest, device=here, start=_start(run, spec))
    except (WorkbenchError, KeyError):
        return None


def _start(run: Run, spec: Spec) -> Path | None:
    """The adapter that the run goes on with: its own copy once there is one."""
    from workbench.stages.methods.start import KEPT

    kept = run.directory / KEPT
    return kept if kept.is_dir() else begun.folder(spec, run.home)


def _held_bytes(base: Base) -> int:
    import psutil
    import torch

    if base.device.type == "cpu":
        return psutil.Process().memory_info().rss
    return torch.accelerator.memory_reserved(base.device)
