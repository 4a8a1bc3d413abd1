"""Out of memory -> the same steps in less memory: activations computed twice, then the batch in smaller pieces."""

from __future__ import annotations

from typing import Any

from workbench.memory.estimate import NO_CHECKPOINTING, with_checkpointing
from workbench.specs import Spec, layered, parse, to_mapping

# state.json: "auto" where gradient checkpointing was left open and is off, "eased" once memory ran out and it is on
CHECKPOINTING = "checkpointing"
PIECES = "pieces"  # state.json: into how many pieces each batch of the spec is cut, if memory ran out


def is_out_of_memory(error: BaseException) -> bool:
    """Of the device or the host; torch tells the host's as a plain RuntimeError."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in said or "can't allocate memory" in said


def can_checkpoint(spec: Spec, model: Any) -> bool:
    return spec.adapter.type not in NO_CHECKPOINTING and getattr(model, "supports_gradient_checkpointing", True)


def easier(spec: Spec, pieces: int, checkpointing: str) -> tuple[Spec, int] | None:
    """What to try next, as spec and pieces; None for one row that is computed as sparingly as can be."""
    if checkpointing == "auto":
        return with_checkpointing(spec, True), pieces
    more = more_pieces(in_pieces(spec, pieces))
    return None if more is None else (spec, pieces * more)


def more_pieces(spec: Spec) -> int | None:
    """Into how many pieces the batch can be cut next: its smallest factor, 2 where it is even; None for one row."""
    size = spec.training.per_device_train_batch_size
    return next((pieces for pieces in range(2, size + 1) if size % pieces == 0), None)


def in_pieces(spec: Spec, pieces: int) -> Spec:
    """The spec with batches of 1/pieces and as much more accumulation: the optimizer's steps stay what they were."""
    if pieces == 1:
        return spec
    training = spec.training
    changes: dict[str, Any] = {
        "training.per_device_train_batch_size": training.per_device_train_batch_size // pieces,
        "training.gradient_accumulation_steps": training.gradient_accumulation_steps * pieces,
    }
    if training.per_device_eval_batch_size:
        changes["training.per_device_eval_batch_size"] = max(1, training.per_device_eval_batch_size // pieces)
    return parse(layered(to_mapping(spec, all_values=True), changes))


def sizes(spec: Spec, pieces: int) -> dict[str, int]:
    """Batch and accumulation, as the sentences name them."""
    now = in_pieces(spec, pieces).training
    return {"batch": now.per_device_train_batch_size, "accumulation": now.gradient_accumulation_steps}
