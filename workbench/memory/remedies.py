"""A spec that does not fit -> the three cheapest changes that make it fit, each a set of overrides for one click."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from workbench.errors import WorkbenchError
from workbench.memory.begun import as_begun
from workbench.memory.device import Device, chosen
from workbench.memory.estimate import Estimate, Rows, estimate
from workbench.memory.learned import BASE_WEIGHTS
from workbench.models import abilities, anatomy
from workbench.specs import Spec, conflicts, layered, parse, to_mapping

MOST = 3
_SHORTEST = 128  # tokens; below that rows lose their answers


@dataclass(frozen=True)
class Remedy:
    """overrides: knob -> value. costs: what one gives for it, keys of `ui.live.cost_…`."""

    overrides: Mapping[str, Any]
    costs: tuple[str, ...]
    total_bytes: int
    verdict: str

    def to_json(self) -> dict[str, Any]:
        return {
            "overrides": dict(self.overrides), "costs": list(self.costs), "total_bytes": self.total_bytes,
            "verdict": self.verdict,
        }  # fmt: skip


@dataclass(frozen=True)
class _Step:
    """One change. price: what a person gives for it, from nothing (0) to another result (9)."""

    price: float
    cost: str
    overrides: Mapping[str, Any]


def remedies(
    spec: Spec,
    found: Estimate,
    *,
    rows: Rows | None = None,
    device: Device | None = None,
    start: Path | None = None,
) -> list[Remedy]:
    """start: the folder of the adapter that the spec goes on with.

    Nothing for a spec that fits. Single changes first, then pairs and triples of them; of those that fit the
    cheapest, then those that come nearest."""
    if found.verdict == "fits":
        return []
    device, model = device or chosen(spec.model.device), anatomy.of_path(spec.model.path)
    # What is free now is compared with what was free when the spec was judged, not with a moment later.
    device = replace(device, available_bytes=found.available_bytes)
    steps = list(_steps(spec, found, device, rows))
    # What is wrong already is told at its field, and no reason to offer nothing.
    refused = _refused(as_begun(spec, start))
    tried: list[_Tried] = []
    best: list[_Tried] = []
    for count in (1, 2, 3):
        for group in combinations(steps, count):
            if len({path for step in group for path in step.overrides}) < sum(len(step.overrides) for step in group):
                continue  # two settings of one knob
            overrides = {path: value for step in group for path, value in step.overrides.items()}
            try:
                changed = parse(layered(to_mapping(spec), overrides))
                result = estimate(changed, rows=_rows(changed, spec, rows), model=model, device=device, start=start)
            except WorkbenchError:
                continue
            if _refused(as_begun(changed, start)) - refused:
                continue
            if result.total_bytes < found.total_bytes:
                remedy = Remedy(overrides, tuple(step.cost for step in group), result.total_bytes, result.verdict)
                price = sum(step.price for step in group)
                tried.append((result.verdict != "fits", price, result.total_bytes, remedy))
        best = _distinct(sorted((entry for entry in tried if not entry[0]), key=lambda entry: entry[1:3]))
        if len(best) >= MOST:
            break
    nearest = sorted((entry for entry in tried if entry[0]), key=lambda entry: entry[2])
    return [entry[3] for entry in _distinct([*best, *nearest])][:MOST]


def _refused(spec: Spec) -> set[str]:
    return {found.error.key for found in conflicts.find(spec) if found.refuses}


_Tried = tuple[bool, float, int, Remedy]  # does not fit, price, bytes


def _distinct(entries: list[_Tried]) -> list[_Tried]:
    """Without those that only add something to one that is already there."""
    kept: list[_Tried] = []
    for entry in entries:
        costs = set(entry[3].costs)
        if not any(set(other[3].costs) <= costs for other in kept):
            kept.append(entry)
    return kept


def _rows(changed: Spec, spec: Spec, rows: Rows | None) -> Rows | None:
    if rows is None:
        return None
    shorter = changed.data.max_length < spec.data.max_length
    length = min(rows.length, changed.data.max_length) if shorter else rows.length
    return replace(rows, count=changed.training.per_device_train_batch_size, length=length)


def _steps(spec: Spec, found: Estimate, device: Device, rows: Rows | None) -> Iterator[_Step]:
    training, batch = spec.training, spec.training.per_device_train_batch_size
    sums = training.gradient_accumulation_steps
    smaller, price = batch, 0.5
    while smaller > 1 and smaller % 2 == 0:
        smaller //= 2
        sums *= 2
        yield _Step(price, "slower", {"training.per_device_train_batch_size": smaller,
                                      "training.gradient_accumulation_steps": sums})  # fmt: skip
        price += 0.25
    if training.gradient_checkpointing is False and spec.adapter.type != "prefix":
        yield _Step(1.5, "third_slower", {"training.gradient_checkpointing": True})
    if device.kind == "cuda" and training.optim.startswith("adamw_torch") and found.parts["optimizer"] > 2**20:
        yield _Step(1.2, "rounded_optimizer", {"training.optim": "adamw_8bit"})
    plain = spec.model.quantization == "none"
    if spec.model.dtype == "float32" or (spec.model.dtype == "auto" and device.kind == "cpu"):
        slow = bool(abilities.notes("bfloat16", device.kind))
        yield _Step(3.5 if slow else 2.0, "slow_numbers" if slow else "half_numbers", {"model.dtype": "bfloat16"})
    if plain:
        yield _Step(2.5, "eight_bits", {"model.quantization": "int8"})
        yield _Step(3.0, "four_bits", {"model.quantization": "nf4"})
    longest = rows.length if rows else spec.data.max_length
    shorter, price = spec.data.max_length // 2, 5.0
    while shorter >= _SHORTEST:
        if shorter < longest:
            yield _Step(price, "rows_cut", {"data.max_length": shorter})
        shorter, price = shorter // 2, price + 1
    if spec.adapter.type in BASE_WEIGHTS:
        yield _Step(4.0, "adapter_instead", {"adapter.type": "lora"})
    elif spec.adapter.type == "lora" and spec.adapter.r > 8:
        yield _Step(4.5, "smaller_rank", {"adapter.r": 8})
