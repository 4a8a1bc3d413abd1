"""A spec's training knobs -> TRL's arguments: each under its own name, and what follows from the device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from trl import SFTConfig

from workbench.errors import UserError
from workbench.specs import Spec, knobs
from workbench.specs.training import TrainingSection

# Ours to do: the Trainer's own needs eval_steps to divide save_steps, and looks for the best in the wrong folder;
# what it reports with asks for keys and prints (train/reports.py).
_OURS = {"load_best_model_at_end", "report_to"}
_RECEIVERS = ("transformers.TrainingArguments", "trl.SFTConfig")


def arguments(spec: Spec, run_dir: Path, device: torch.device, dtype: torch.dtype, evaluates: bool) -> SFTConfig:
    """Constructing them resets the process's accelerator state, so only the one thread that trains may.

    Packing is done before (stages/packing.py), not by TRL, which would lose the weights of turns.
    """
    training = spec.training
    received = [item.path for item in knobs(TrainingSection) if item.receiver in _RECEIVERS]
    given = {name: getattr(training, name) for name in received if name not in _OURS}
    # `auto` is settled when a run begins (train/expected.py); a trainer built by itself goes without.
    given["gradient_checkpointing"] = training.gradient_checkpointing is True
    # What a form writes as 0, -1 or an empty box, the libraries write as None.
    given |= {
        "neftune_noise_alpha": training.neftune_noise_alpha or None,
        "data_seed": None if training.data_seed < 0 else training.data_seed,
        "eval_steps": training.eval_steps or training.save_steps,
        "per_device_eval_batch_size": training.per_device_eval_batch_size or training.per_device_train_batch_size,
        "lr_scheduler_kwargs": settings(training.lr_scheduler_kwargs, "training.lr_scheduler_kwargs") or None,
        "optim_args": training.optim_args.replace(" ", "") or None,
        "torch_compile": training.torch_compile or None,
    }
    return SFTConfig(
        **{name: value for name, value in given.items() if value is not None},
        output_dir=str(run_dir),
        max_length=spec.data.max_length,
        dataset_kwargs={"skip_prepare_dataset": True},
        eval_strategy="steps" if evaluates else "no",
        metric_for_best_model="eval_loss" if evaluates else None,
        greater_is_better=False if evaluates else None,
        use_cpu=device.type == "cpu",
        bf16=dtype == torch.bfloat16,
        fp16=dtype == torch.float16 and device.type != "cpu",
        dataloader_pin_memory=device.type == "cuda",
        remove_unused_columns=False,
        logging_nan_inf_filter=False,  # it would hide the NaN that our guard looks for
        disable_tqdm=True,
        report_to="none",
        run_name=run_dir.name,
    )


def settings(text: str, path: str) -> dict[str, Any]:
    """`num_cycles=2, min_lr_rate=0.1` -> {"num_cycles": 2, "min_lr_rate": 0.1}. Raises UserError, naming the knob."""
    found: dict[str, Any] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, sign, value = (piece.strip() for piece in part.partition("="))
        if not (sign and name.isidentifier() and value):
            raise UserError("training.bad_settings", path=path, value=part)
        found[name] = _number(value)
    return found


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower(), text)
