"""Section `training`: the optimizer's path, named as transformers.TrainingArguments names it."""

from typing import Literal

from workbench.specs.knob import Section, knob

_ARGS = "transformers.TrainingArguments"


class TrainingSection(Section):
    learning_rate: float = knob(2e-4, "Learning rate", "Size of a step. LoRA likes 1e-4 to 1e-3; too high and the loss jumps.", gt=0.0, le=1.0, receiver=_ARGS, basic=True)
    num_train_epochs: float = knob(3.0, "Epochs", "How often every row is seen.", gt=0.0, le=10_000, receiver=_ARGS, basic=True)
    max_steps: int = knob(-1, "Steps at most", "-1: as many as the epochs need.", ge=-1, le=10_000_000, receiver=_ARGS)
    per_device_train_batch_size: int = knob(8, "Batch size", "Rows computed at once on each device.", ge=1, le=4096, unit="rows", receiver=_ARGS, basic=True)
    gradient_accumulation_steps: int = knob(1, "Gradient accumulation", "Batches added up before one optimizer step: a larger batch in the same memory.", ge=1, le=4096, receiver=_ARGS)
    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup", "polynomial", "inverse_sqrt"] = knob("cosine", "Schedule", "How the learning rate changes over the run.", receiver=_ARGS)
    warmup_steps: int = knob(0, "Warm-up", "Steps in which the learning rate rises from zero.", ge=0, le=1_000_000, unit="steps", receiver=_ARGS)
    weight_decay: float = knob(0.0, "Weight decay", "Pulls weights towards zero.", ge=0.0, le=1.0, receiver=_ARGS)
    max_grad_norm: float = knob(1.0, "Gradient clipping", "Longer gradients are shortened to this norm; 0 turns it off.", ge=0.0, le=1e6, receiver=_ARGS)
    logging_steps: int = knob(1, "Log every", "Steps between two points of the curve.", ge=1, le=1_000_000, unit="steps", receiver=_ARGS)
    save_steps: int = knob(100, "Save every", "Steps between two checkpoints, from which a run can resume.", ge=1, le=10_000_000, unit="steps", receiver=_ARGS)
    save_total_limit: int = knob(3, "Checkpoints kept", "Older ones are deleted.", ge=1, le=10_000, receiver=_ARGS)
    seed: int = knob(42, "Seed", "Same seed, same data, same machine: same curve.", ge=0, le=2**32 - 1, receiver=_ARGS)
    gradient_checkpointing: bool = knob(False, "Gradient checkpointing", "Compute activations twice instead of keeping them: much less memory, up to a third slower.", receiver=_ARGS)
    optim: Literal["adamw_torch", "adamw_torch_fused", "adafactor", "sgd", "adamw_8bit", "paged_adamw_8bit"] = knob("adamw_torch", "Optimizer", "adamw_torch is the safe choice; 8-bit ones save memory on a GPU.", receiver=_ARGS)
    num_threads: int = knob(0, "CPU threads", "0: one for small models (more threads only wait for each other), otherwise all cores.", ge=0, le=1024)
