"""Columns of a model in the embedded one's shape, timed: several in one batch against one, and PEFT's own mixed batch.

On a CPU everything runs in one thread and is timed by that thread's own clock: on a shared machine the wall clock tells
more about its other guests. An accelerator is timed by the wall, once it has done what it was given.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TOKENS = 96
_PROMPT = list(range(1, 31))
_RANK = 16
_COLUMNS: dict[str, list[int | None]] = {
    "base": [None], "one adapter": [0], "base + 1": [None, 0], "base + 3": [None, 0, 1, 2],
}  # fmt: skip


def compare(rounds: int = 7, device: str = "cpu") -> dict[str, Any]:
    """Milliseconds per token by columns (smallest and median of rounds taken in turn); ratios to one column.

    device: a torch device's name, or "auto" for the accelerator where there is one.
    """
    import torch

    where = torch.device(device) if device != "auto" else _accelerator()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return _measured(Path(folder), rounds, where)
    finally:
        torch.set_num_threads(before)


def _measured(folder: Path, rounds: int, device: Any) -> dict[str, Any]:
    import torch

    from workbench.models import matrices
    from workbench.models.adapters import AdapterRef, attach, read_config
    from workbench.models.generate import Sampling
    from workbench.models.rolling import Rolling, Row
    from workbench.models.trees import tree

    model, clock = _model().to(device), _clock(device)
    our_tree, peft_tree, own, ids, read = tree(model), tree(model), [], [], []
    for number in range(3):
        path = lora_of(model, folder / str(number))
        config = read_config(path)
        began = clock()
        own.append(matrices.read(our_tree, path, config, str(number)))
        read.append((clock() - began) * 1e3)
        peft_tree, adapter = attach(peft_tree, AdapterRef(str(number), path))
        ids.append(adapter)

    def ours(columns: list[int | None]) -> None:
        sampling = Sampling(max_tokens=TOKENS)
        rows = [Row(_PROMPT, None if item is None else own[item], sampling, lambda: False) for item in columns]
        with Rolling(our_tree, 0, frozenset()) as batch:  # as the chat answers
            batch.join(rows)
            batch.choose()
            while batch.open:
                batch.advance()
                batch.choose()

    def pefts(columns: list[int | None]) -> None:
        options: dict[str, Any] = {"max_new_tokens": TOKENS, "min_new_tokens": TOKENS, "do_sample": False}
        if len(columns) > 1:
            options["adapter_names"] = ["__base__" if item is None else ids[item] for item in columns]
        else:
            peft_tree.set_adapter(ids[columns[0]], inference_mode=True)
        with torch.inference_mode():
            prompts = torch.tensor([_PROMPT] * len(columns), device=device)
            peft_tree.generate(input_ids=prompts, pad_token_id=0, **options)

    ways: dict[str, tuple[Callable[[list[int | None]], None], str]] = {name: (ours, name) for name in _COLUMNS}
    ways |= {f"peft: {name}": (pefts, name) for name in ("one adapter", "base + 3")}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):  # the first warms up
        for name, (run, columns) in ways.items():
            began = clock()
            run(_COLUMNS[columns])
            if number:
                times[name].append((clock() - began) / TOKENS * 1e3)
    one = times["one adapter"]
    return {
        "ms_per_token": {name: {"min": min(row), "median": statistics.median(row)} for name, row in times.items()},
        "ratio_to_one_adapter": {
            name: statistics.median(a / b for a, b in zip(times[name], one, strict=True)) for name in _COLUMNS
        },
        "ratio_of_peft": statistics.median(
            a / b for a, b in zip(times["peft: base + 3"], times["peft: one adapter"], strict=True)
        ),
        "attach_ms": read,
    }


def _accelerator() -> Any:
    import torch

    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")


def _clock(device: Any) -> Callable[[], float]:
    """Seconds: this thread's own on a CPU, the wall's after everything is done on an accelerator."""
    import torch

    if device.type == "cpu":
        return time.thread_time

    def done() -> float:
        torch.accelerator.synchronize()
        return time.perf_counter()

    return done


def _model() -> Any:
    """Random weights in the embedded model's shape."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(
        "qwen3", hidden_size=256, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, head_dim=64,
        intermediate_size=704, vocab_size=4096, tie_word_embeddings=True, max_position_embeddings=1024,
    )  # fmt: skip
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config).eval().requires_grad_(False)


def lora_of(model: Any, folder: Path) -> Path:
    from peft import LoraConfig, get_peft_model

    from workbench.models.trees import tree

    config = LoraConfig(r=_RANK, lora_alpha=2 * _RANK, target_modules="all-linear", init_lora_weights=False)
    get_peft_model(tree(model), config).save_pretrained(folder)
    return folder


if __name__ == "__main__":
    print(json.dumps(compare(), indent=2))
