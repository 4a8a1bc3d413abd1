"""An adapter put on a model in memory, against loading that model anew: the embedded one, and 1.5 B parameters.

The large model is in bf16 and in the shape of Qwen2.5-1.5B; it is written to a temporary folder once (3 GB).
Times are this thread's own clock and the wall's: on a shared machine the wall tells more about its other guests.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_LARGE = {
    "hidden_size": 1536, "num_hidden_layers": 28, "num_attention_heads": 12, "num_key_value_heads": 2,
    "intermediate_size": 8960, "vocab_size": 151_936, "tie_word_embeddings": True, "max_position_embeddings": 4096,
}  # fmt: skip


def compare(rounds: int = 5, large: bool = True) -> dict[str, Any]:
    """Per model: milliseconds of a hot load (min, median), of a reload (min), and how many times faster that is."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = {"embedded": _embedded(Path(folder), rounds)}
            if large:
                found["1.5B"] = _large(Path(folder), rounds)
            return found
    finally:
        torch.set_num_threads(before)


def _embedded(folder: Path, rounds: int) -> dict[str, Any]:
    from workbench import presets

    return _measured(presets.embedded_model(), folder / "adapters", rounds, "auto")


def _large(folder: Path, rounds: int) -> dict[str, Any]:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from workbench import presets
    from workbench.models.hub import release_memory

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model("qwen2", **_LARGE))
    model = model.to(torch.bfloat16).to_empty(device="cpu")
    for parameter in model.parameters():
        parameter.data.fill_(0.01)
    model.save_pretrained(folder / "large")
    del model
    release_memory()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / "large" / name).write_bytes((presets.embedded_model() / name).read_bytes())
    return _measured(folder / "large", folder / "large-adapters", rounds, "auto")  # 32 bits on a CPU, as chat takes it


def _measured(path: Path, folder: Path, rounds: int, dtype: str) -> dict[str, Any]:
    from workbench.bench.chat import lora_of
    from workbench.chat.columns import Column, Located
    from workbench.chat.residents import Resident, Seat
    from workbench.models.adapters import AdapterRef
    from workbench.models.hub import Hub
    from workbench.specs.model import ModelSection

    section = ModelSection(path=str(path), dtype=dtype, device="cpu")
    hub = Hub()
    reloads = []
    for _ in range(2):  # the second finds the file in the system's cache, as the adapter does
        for base in hub.resident():
            hub.unload(base.key)
        reloads.append(_timed(lambda: hub.load(section)))
    base = hub.load(section)
    ref = AdapterRef("bench", lora_of(base.model, folder))
    column = Located(Column("bench"), ((ref, 1.0),))
    loads = []
    for _ in range(rounds + 1):  # the first imports
        resident = Resident(base)  # as it stands ready once a base is loaded: without adapters
        loads.append(_timed(lambda resident=resident: resident.seats([column])))
        if not isinstance(resident.seats([column])[0], Seat):
            raise RuntimeError("the adapter was refused")
    loads = loads[1:]
    cpu, wall = zip(*loads, strict=True)
    reload_cpu, reload_wall = min(reloads)
    return {
        "hot_load_cpu_ms": {"min": min(cpu), "median": statistics.median(cpu)},
        "hot_load_wall_ms": {"min": min(wall), "median": statistics.median(wall)},
        "reload_cpu_ms": reload_cpu,
        "reload_wall_ms": reload_wall,
        "times_faster": reload_wall / min(wall),
    }


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """(CPU, wall) milliseconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return (time.process_time() - cpu) * 1e3, (time.perf_counter() - wall) * 1e3


if __name__ == "__main__":
    print(json.dumps(compare(), indent=2))
