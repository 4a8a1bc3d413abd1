"""Estimated against measured memory: each configuration trains two steps in a fresh process.


Small random models of several shapes, so that what the estimate gets wrong cannot hide behind the libraries' own share.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

STEPS = 2
WITHIN = 0.15


@dataclass(frozen=True)
class Configuration:
    """One line of the table. fraction: of a row's tokens, those that take loss."""

    shape: str
    method: str = "lora"
    batch: int = 4
    length: int = 256
    checkpointing: bool = False
    fraction: float = 0.5
    more: Mapping[str, Any] = field(default_factory=dict)

    def overrides(self) -> dict[str, Any]:
        return {
            "adapter.type": self.method, "training.per_device_train_batch_size": self.batch,
            "data.max_length": self.length, "training.gradient_checkpointing": self.checkpointing,
        } | dict(self.more)  # fmt: skip


_SMALL = {"num_attention_heads": 8, "num_key_value_heads": 4, "max_position_embeddings": 2048}
SHAPES: dict[str, dict[str, Any]] = {
    "qwen3": {"model_type": "qwen3", "hidden_size": 512, "intermediate_size": 1408, "num_hidden_layers": 6,
              "head_dim": 64, "vocab_size": 8192, "tie_word_embeddings": True, **_SMALL},
    "llama-deep": {"model_type": "llama", "hidden_size": 320, "intermediate_size": 896, "num_hidden_layers": 14,
                   "head_dim": 40, "vocab_size": 4096, "tie_word_embeddings": False, **_SMALL},
    "qwen2-vocabulary": {"model_type": "qwen2", "hidden_size": 384, "intermediate_size": 1024, "num_hidden_layers": 4,
                         "vocab_size": 49152, "tie_word_embeddings": True, **_SMALL},
    "gpt2": {"model_type": "gpt2", "n_embd": 512, "n_layer": 6, "n_head": 8, "n_positions": 1024, "vocab_size": 8192},
}  # fmt: skip
CONFIGURATIONS = (
    Configuration("qwen3"),
    Configuration("qwen3", batch=8),
    Configuration("qwen3", batch=2, length=768),
    Configuration("qwen3", checkpointing=True, batch=8),
    Configuration("qwen3", "full"),
    Configuration("qwen3", more={"adapter.r": 128, "adapter.lora_dropout": 0.1}),
    Configuration("qwen3", more={"model.dtype": "bfloat16"}),
    Configuration("llama-deep"),
    Configuration("llama-deep", checkpointing=True, length=512),
    Configuration("llama-deep", "freeze"),
    Configuration("llama-deep", more={"adapter.target_modules": "q_proj,v_proj"}),
    Configuration("qwen2-vocabulary", length=384, fraction=1.0),
    Configuration("qwen2-vocabulary", "prompt", fraction=0.25),
    Configuration("gpt2"),
    Configuration("gpt2", "full", length=128),
)  # fmt: skip


def compare(chosen: tuple[Configuration, ...] = CONFIGURATIONS) -> dict[str, Any]:
    """A line per configuration: estimate and measured peak in MB, and their ratio; `own_…` without the libraries.

    within_15_percent: how many of the totals lie that near.
    """
    with tempfile.TemporaryDirectory() as folder:
        _process("build", {"folder": folder, "shapes": sorted({item.shape for item in chosen})})
        lines = [_measured(item, Path(folder)) for item in chosen]
    good = sum(abs(line["ratio"] - 1) <= WITHIN for line in lines)
    return {"configurations": lines, "within_15_percent": good, "of": len(lines)}


def _measured(item: Configuration, folder: Path) -> dict[str, Any]:
    from workbench.memory.device import chosen
    from workbench.memory.estimate import Rows, estimate
    from workbench.models import anatomy
    from workbench.specs import parse

    path = str(folder / item.shape)
    spec = parse({"model.path": path, "model.device": "cpu", "probes.path": ""} | item.overrides())
    rows = Rows(item.batch, item.length, item.fraction)
    expected = estimate(spec, rows=rows, model=anatomy.of_path(path), device=chosen("cpu"))
    found = _process("one", {"path": path, "item": asdict(item)})
    own = expected.total_bytes - expected.parts["framework"]
    return {
        "configuration": f"{item.shape} {item.method} {item.batch}x{item.length}"
        + (" checkpointing" if item.checkpointing else "") + "".join(f" {k}={v}" for k, v in item.more.items()),
        "estimated_mb": _mb(expected.total_bytes), "measured_mb": _mb(found["peak_bytes"]),
        "ratio": round(expected.total_bytes / found["peak_bytes"], 3),
        "own_estimated_mb": _mb(own), "own_measured_mb": _mb(found["peak_bytes"] - found["libraries_bytes"]),
        "libraries_mb": _mb(found["libraries_bytes"]),
        "parts_mb": {name: _mb(value) for name, value in expected.parts.items()},
    }  # fmt: skip


def _mb(count: float) -> float:
    return round(count / 2**20, 1)


def _process(what: str, given: dict[str, Any]) -> dict[str, Any]:
    """A fresh interpreter with one thread; its last line is the answer."""
    done = subprocess.run(
        [sys.executable, "-m", "workbench.bench.memory", what, json.dumps(given)], capture_output=True, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{what} {given}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _build(folder: str, shapes: list[str]) -> dict[str, Any]:
    """Random models in folders of their own, with the embedded model's tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    from workbench.presets import embedded_model

    tokenizer = AutoTokenizer.from_pretrained(embedded_model())
    for shape in shapes:
        torch.manual_seed(1)
        ids = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id, "bos_token_id": None}
        config = AutoConfig.for_model(**SHAPES[shape], **ids)
        AutoModelForCausalLM.from_config(config).save_pretrained(Path(folder) / shape)
        tokenizer.save_pretrained(Path(folder) / shape)
    return {}


def _one(path: str, item: dict[str, Any]) -> dict[str, Any]:
    """Load and train as a run does; the peak of it all, and what the imported libraries took before."""
    import datasets  # noqa: F401  what a training imports belongs to the libraries' share
    import peft  # noqa: F401
    import torch
    import trl  # noqa: F401

    from workbench.data.render import Rendered
    from workbench.memory.footprint import Footprint
    from workbench.models.hub import Hub
    from workbench.specs import parse
    from workbench.stages import methods, sft

    torch.set_num_threads(1)
    given = Configuration(**item)
    fixed = {"model.path": path, "model.device": "cpu", "probes.path": "", "training.max_steps": STEPS}
    spec = parse(fixed | {"training.save_steps": 10_000} | given.overrides())
    footprint = Footprint()
    libraries = footprint.lap()
    base = Hub().load(spec.model)
    silent = round(given.length * (1 - given.fraction))
    labels = [-100] * silent + [7] * (given.length - silent)
    ids = [5 + place % 1000 for place in range(given.length)]
    rows = [Rendered(ids, labels, "", False, [], [], []) for _ in range(given.batch * STEPS)]
    with tempfile.TemporaryDirectory() as run_dir:
        method = methods.of(spec)
        trainer = sft.build(spec, method.tree(base), base.tokenizer, rows, Path(run_dir), method=method)
        trainer.args.save_strategy = "no"
        trainer.train()
    return {"peak_bytes": footprint.peak_bytes(), "libraries_bytes": libraries}


if __name__ == "__main__":
    answer = {"build": _build, "one": _one}[sys.argv[1]](**json.loads(sys.argv[2]))
    print(json.dumps(answer))
