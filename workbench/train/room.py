"""A trainer that has not begun -> whether the disk has room for what it will save."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.errors import UserError

# States that an optimizer keeps per trained weight, in bytes; Adam's two in float32 where nothing else is known.
_STATE_BYTES = {"sgd": 0, "adafactor": 1, "adagrad": 4, "rmsprop": 4, "lion_32bit": 4, "paged_lion_32bit": 4,
                "adamw_8bit": 2, "paged_adamw_8bit": 2, "lion_8bit": 1, "paged_lion_8bit": 1, "rmsprop_bnb_8bit": 1,
                "ademamix": 12, "paged_ademamix_32bit": 12, "ademamix_8bit": 3, "paged_ademamix_8bit": 3}  # fmt: skip
_SPARE_BYTES = 20_000_000  # metrics, log, probes


def checkpoint_bytes(trainer: Any) -> int:
    """One checkpoint: the trained weights (of a method whose result is a model: all) and the optimizer's states."""
    trained = [value for value in trainer.model.parameters() if value.requires_grad]
    saved = list(trainer.model.parameters()) if trainer.method.result == "model" else trained
    weights = sum(value.numel() * value.element_size() for value in saved)
    return weights + sum(value.numel() for value in trained) * _STATE_BYTES.get(str(trainer.args.optim), 8)


def needed_bytes(trainer: Any, directory: Path) -> int:
    """Checkpoints that will be kept at once (and one being written, and the best), those there already left out."""
    one = checkpoint_bytes(trainer)
    steps = max(1, -(-_steps(trainer) // trainer.args.save_steps))
    kept = min(trainer.args.save_total_limit + (1 if trainer.args.metric_for_best_model else 0), steps) + 1
    there = len(list(directory.glob("checkpoint-*")))
    return max(1, kept - there) * one + one + _SPARE_BYTES


def check(trainer: Any, directory: Path, log: Callable[[str], None]) -> None:
    """Raises UserError with the numbers when the disk would run full."""
    one, needed = checkpoint_bytes(trainer), needed_bytes(trainer, directory)
    free = shutil.disk_usage(directory).free
    log(f"disk: {one / 2**20:.1f} MB a checkpoint, {needed / 2**20:.0f} MB in all, {free / 2**20:.0f} MB free")
    if needed > free:
        raise UserError(
            "train.no_room",
            path="training.save_total_limit",
            needed=needed // 2**20,
            one=max(1, one // 2**20),
            free=free // 2**20,
        )


def _steps(trainer: Any) -> int:
    if trainer.args.max_steps > 0:
        return trainer.args.max_steps
    batches = -(-len(trainer.train_dataset) // trainer.args.train_batch_size)
    return max(1, int(batches / trainer.args.gradient_accumulation_steps * trainer.args.num_train_epochs))
