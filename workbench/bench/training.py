"""The demo's rows trained for some steps by us, by TRL's SFTTrainer and by a hand-written loop, timed in turn.

One thread, the same rows, the same adapter, the same first seed. Each way is timed by its thread's own clock (on a
shared machine the wall clock tells more about its other guests) and by the wall; loading and building are left out.
"""

from __future__ import annotations

import copy
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# What decides how fast and how well a step learns; the rest are the trainers' own ways.
_SHARED = (
    "learning_rate", "num_train_epochs", "max_steps", "per_device_train_batch_size", "gradient_accumulation_steps",
    "lr_scheduler_type", "warmup_steps", "optim", "weight_decay", "max_grad_norm", "seed",
)  # fmt: skip
WAYS = ("ours", "sft_defaults", "sft_no_checkpointing", "hand_written")


def compare(steps: int = 30, rounds: int = 3, model: str = "embedded") -> dict[str, Any]:
    """Milliseconds per step of each way (CPU and wall, median of the rounds), and our time as a ratio to theirs.

    sft_defaults: gradient checkpointing and bf16 autocast, as SFTConfig has them. sft_no_checkpointing: neither.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return _measured(Path(folder), steps, rounds, model)
    finally:
        torch.set_num_threads(before)


def _measured(folder: Path, steps: int, rounds: int, model: str) -> dict[str, Any]:
    from workbench import presets
    from workbench.data.mix import training_records
    from workbench.data.render import render
    from workbench.models.hub import Hub

    given = {"identity.name": "阿澄", "identity.author": "青禾实验室", "training.max_steps": steps, "model.path": model}
    spec = presets.resolve("identity", given | {"model.device": "cpu"})
    base = Hub().load(spec.model)
    rows = [render(record, base.tokenizer, spec.data.max_length) for record in training_records(spec, folder).records]
    ways: dict[str, Callable[[], Callable[[], Any]]] = {
        "ours": lambda: _ours(spec, base, rows, folder),
        "sft_defaults": lambda: _trl(spec, base, rows, folder),
        "sft_no_checkpointing": lambda: _trl(spec, base, rows, folder, gradient_checkpointing=False, bf16=False),
        "hand_written": lambda: _by_hand(spec, base, rows),
    }
    cpu: dict[str, list[float]] = {name: [] for name in WAYS}
    wall: dict[str, list[float]] = {name: [] for name in WAYS}
    for number in range(rounds + 1):  # the first warms up
        for name in WAYS:
            run = ways[name]()
            began, began_wall = time.thread_time(), time.perf_counter()
            run()
            if number:
                cpu[name].append((time.thread_time() - began) / steps * 1e3)
                wall[name].append((time.perf_counter() - began_wall) / steps * 1e3)
    return {
        "rows": len(rows),
        "steps": steps,
        "mean_tokens": round(statistics.mean(len(row.input_ids) for row in rows), 1),
        "cpu_ms_per_step": {name: round(statistics.median(times), 1) for name, times in cpu.items()},
        "wall_ms_per_step": {name: round(statistics.median(times), 1) for name, times in wall.items()},
        # Round by round: what slows the machine down slows all ways of a round.
        "ratio": {
            name: round(statistics.median(a / b for a, b in zip(cpu["ours"], cpu[name], strict=True)), 3)
            for name in WAYS[1:]
        },
    }


def _ours(spec: Any, base: Any, rows: list[Any], folder: Path) -> Callable[[], Any]:
    """What a run does: with its metrics, heartbeat, stop file and last checkpoint."""
    from workbench import runs
    from workbench.models.trees import tree
    from workbench.stages import sft
    from workbench.train.callbacks import Curve, StopOnRequest
    from workbench.train.guard import Guard
    from workbench.train.heart import Heart

    run = runs.create(folder, spec, stem="bench")

    def train() -> None:
        with Heart(run) as heart:
            curve.heart = stop.heart = heart
            trainer.train()

    heart, guard = Heart(run), Guard([row.text for row in rows], print, stops_explosions=True)
    curve, stop = Curve(run, heart, guard, None), StopOnRequest(heart)
    trainer = sft.build(spec, tree(base.model), copy.deepcopy(base.tokenizer), rows, run.directory, [curve, stop])
    curve.trainer = guard.trainer = trainer
    return train


def _trl(spec: Any, base: Any, rows: list[Any], folder: Path, **changes: Any) -> Callable[[], Any]:
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    from workbench.models.trees import tree
    from workbench.stages.adapters import peft_config

    same = {name: getattr(spec.training, name) for name in _SHARED}
    trainer = SFTTrainer(
        model=tree(base.model),
        args=SFTConfig(output_dir=str(folder / "trl"), use_cpu=True, report_to="none", disable_tqdm=True,
                       max_length=spec.data.max_length, **same, **changes),
        train_dataset=Dataset.from_list([{"input_ids": row.input_ids, "labels": row.labels} for row in rows]),
        processing_class=copy.deepcopy(base.tokenizer),
        peft_config=peft_config(spec.adapter),
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)  # it prints to stdout, where the report goes
    return trainer.train


def _by_hand(spec: Any, base: Any, rows: list[Any]) -> Callable[[], Any]:
    """The loop that a tutorial shows: shuffled, padded batches, AdamW, cosine, clipped gradients."""
    import torch
    from peft import get_peft_model
    from transformers import get_cosine_schedule_with_warmup

    from workbench.models.trees import tree
    from workbench.stages.adapters import peft_config
    from workbench.stages.batches import Collator

    knobs = spec.training
    torch.manual_seed(knobs.seed)
    model = get_peft_model(tree(base.model), peft_config(spec.adapter)).train()
    learned = [value for value in model.parameters() if value.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=knobs.learning_rate, weight_decay=knobs.weight_decay)
    schedule = get_cosine_schedule_with_warmup(optimizer, knobs.warmup_steps, knobs.max_steps)
    collate, draw = Collator(base.tokenizer.pad_token_id or 0), random.Random(knobs.seed)
    examples = [{"input_ids": row.input_ids, "labels": row.labels} for row in rows]

    def train() -> None:
        waiting: list[Any] = []
        for _ in range(knobs.max_steps):
            if len(waiting) < knobs.per_device_train_batch_size:
                waiting = draw.sample(examples, len(examples))
            batch = collate([waiting.pop() for _ in range(knobs.per_device_train_batch_size)])
            loss = model(**batch, use_cache=False).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learned, knobs.max_grad_norm)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            loss.item()

    return train


if __name__ == "__main__":
    print(json.dumps(compare(), indent=2))
