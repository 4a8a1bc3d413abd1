"""A spec -> bytes by part at the peak of its training: weights, adapter, gradients, optimizer, activations …

Parameters are counted exactly (models/anatomy.py, memory/learned.py). Activations are what autograd keeps of each layer
with sdpa attention and the loss of stages/sft.py, which computes logits of trained positions only, plus the largest
temporary. `workbench bench memory` holds the sum against measured peaks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from workbench.data import new_tokens
from workbench.memory.begun import as_begun
from workbench.memory.device import Device, chosen
from workbench.memory.learned import BASE_WEIGHTS, Learned, built_matrices, learned, targets
from workbench.models import anatomy
from workbench.models.anatomy import Anatomy
from workbench.specs import Spec

Verdict = Literal["fits", "tight", "too_big"]
PARTS = ("weights", "adapter", "gradients", "optimizer", "activations", "logits", "framework")
TIGHT = 0.85  # of what is available: other programs and the allocator want their share
# Interpreter and libraries on a CPU; context and workspaces on an accelerator.
_FRAMEWORK = {"cpu": 580e6, "cuda": 650e6, "xpu": 650e6, "mps": 400e6}
_STEPWISE = ("gelu_new", "gelu_fast", "quick_gelu")  # written out in Python, a tensor for each operation
NO_CHECKPOINTING = ("prefix",)  # a learned prefix lives in the cache, which checkpointing switches off
_MAPPED = 32 * 2**20
# What they compute is added to a layer's output; OFT and BOFT turn its input instead.
_ADDED = ("lora", "adalora", "vera", "loha", "lokr")
_WIDTH = {"float32": 4, "bfloat16": 2, "float16": 2}
# Bytes of optimizer state per trained weight; what is not listed keeps two 32-bit moments, as Adam does.
_OPTIMIZER = {"adafactor": 0.1, "sgd": 0.0, "adagrad": 4.0, "rmsprop": 4.0, "lion_32bit": 4.0, "lion_8bit": 1.0,
              "ademamix": 12.0, "ademamix_8bit": 3.0}  # fmt: skip


@dataclass(frozen=True)
class Rows:
    """The largest micro-batch. Without a look at the data: full batches of the longest rows that are allowed."""

    count: int
    length: int
    trained_fraction: float = 1.0  # of the tokens, those that take loss
    padded: bool = False  # rows of unequal length side by side: attention needs a mask

    @property
    def tokens(self) -> int:
        return self.count * self.length


@dataclass(frozen=True)
class Estimate:
    parts: Mapping[str, int]
    available_bytes: int
    device: str = "cpu"
    learned: Learned = field(default_factory=lambda: Learned(0))
    checkpointing: bool = False  # whether activations are computed twice
    without_checkpointing_bytes: int | None = None  # where the estimate chose: the total if they are kept

    @property
    def total_bytes(self) -> int:
        return sum(self.parts.values())

    @property
    def verdict(self) -> Verdict:
        if self.total_bytes <= TIGHT * self.available_bytes:
            return "fits"
        return "tight" if self.total_bytes <= self.available_bytes else "too_big"

    def to_json(self) -> dict[str, Any]:
        return {
            "parts": dict(self.parts), "total_bytes": self.total_bytes, "available_bytes": self.available_bytes,
            "verdict": self.verdict, "gradient_checkpointing": self.checkpointing,
            "without_checkpointing_bytes": self.without_checkpointing_bytes,
        }  # fmt: skip


def estimate(
    spec: Spec,
    *,
    rows: Rows | None = None,
    model: Anatomy | None = None,
    device: Device | None = None,
    start: Path | None = None,
) -> Estimate:
    """start: the folder of the adapter that the spec goes on with. Raises UserError for a model that is not here.

    Where gradient checkpointing is left to the estimate it is on if the training does not fit without and less is
    needed with it.
    """
    spec = as_begun(spec, start)
    model = model or anatomy.of_path(spec.model.path)
    device = device or chosen(spec.model.device)
    rows = rows or Rows(spec.training.per_device_train_batch_size, _longest(spec))
    if spec.training.gradient_checkpointing == "auto":
        kept = estimate(with_checkpointing(spec, False), rows=rows, model=model, device=device)
        found = kept
        if kept.verdict != "fits" and spec.adapter.type not in NO_CHECKPOINTING:
            twice = estimate(with_checkpointing(spec, True), rows=rows, model=model, device=device)
            found = min(kept, twice, key=lambda one: one.total_bytes)
        return replace(found, without_checkpointing_bytes=kept.total_bytes)
    width = _WIDTH.get(spec.model.dtype, 4 if device.kind == "cpu" else 2)
    found, tables = learned(spec.adapter, model), _tables(spec, model)
    found = replace(found, trained=found.trained + tables.learned)
    kept, temporary = activation_bytes(spec, model, rows, width, found)
    kept += tables.rewritten * width
    logits, head = logit_bytes(spec, model, rows, width, device)
    parts = {
        "weights": weight_bytes(spec, model, width),
        "adapter": 0 if spec.adapter.type in BASE_WEIGHTS else 4 * (found.trained + found.frozen),
        "gradients": 4 * found.trained,
        "optimizer": optimizer_bytes(spec, found.trained, device),
        # The largest temporary stands either at the head or in the last layer, not in both.
        "activations": kept + max(temporary - head, 0) + hole_bytes(spec, model, rows, width, device),
        "logits": logits + head,
        "framework": int(_FRAMEWORK[device.kind]),
    }
    whole = {name: math.ceil(parts[name]) for name in PARTS}
    return Estimate(whole, device.available_bytes, device.name, found, spec.training.gradient_checkpointing is True)


def with_checkpointing(spec: Spec, on: bool) -> Spec:
    training = spec.training.model_copy(update={"gradient_checkpointing": on})
    return spec.model_copy(update={"training": training})


def _longest(spec: Spec) -> int:
    return spec.data.max_length


@dataclass(frozen=True)
class _Tables:
    """Elements of the embedding and of a head of its own. rewritten: computed anew in each step, with the rows that
    learn in them."""

    learned: int = 0
    rewritten: int = 0


def _tables(spec: Spec, model: Anatomy) -> _Tables:
    if spec.adapter.type == "trainable_tokens":
        return _Tables(rewritten=model.embedding)
    if not new_tokens.asked(spec.vocabulary) or spec.adapter.type != "lora":
        return _Tables()  # whoever trains the base's own weights trains the tables with them
    count = 1 if model.tied else 2
    if spec.vocabulary.trained == "all":
        return _Tables(learned=count * model.embedding)
    listed = len(spec.vocabulary.tokens.split(","))
    added = spec.vocabulary.size if new_tokens.files(spec.vocabulary) else listed
    return _Tables(learned=count * added * model.hidden, rewritten=count * model.embedding)


def _has_private_copy(spec: Spec) -> bool:
    """Whether the adapter is trained on a copy of the base, because the base's own tensors would be written to."""
    section = spec.adapter
    stacked = bool(section.continue_from.strip()) and section.continue_as == "stack"
    rewritten = section.type == "lora" and section.init_lora_weights in ("pissa", "olora")
    return stacked or rewritten or new_tokens.asked(spec.vocabulary)


def weight_bytes(spec: Spec, model: Anatomy, width: int) -> float:
    """The base, and the private copy of methods that write into it."""
    rest = model.parameters - model.linear_parameters
    if spec.model.quantization == "nf4":  # 4 bits and doubly quantised scales of 64 weights each
        return model.linear_parameters * 0.516 + rest * width
    if spec.model.quantization == "int8":
        return model.linear_parameters * 1.0 + rest * width
    if model.quantised:
        return model.bytes_on_disk
    base = model.parameters * width
    if spec.adapter.type in BASE_WEIGHTS:
        return base + 4 * model.parameters
    return 2 * base if _has_private_copy(spec) else base


def optimizer_bytes(spec: Spec, trained: int, device: Device) -> float:
    name = spec.training.optim.removeprefix("paged_")
    family = next((known for known in sorted(_OPTIMIZER, key=len, reverse=True) if name.startswith(known)), "")
    state = _OPTIMIZER[family] if family else (2.0 if name.endswith("8bit") else 8.0)
    at_once = 0 if device.kind == "cpu" or name.endswith("8bit") else 4  # foreach updates all tensors in one go
    return (state + at_once) * trained


def activation_bytes(spec: Spec, model: Anatomy, rows: Rows, width: int, found: Learned) -> tuple[float, float]:
    """(what is kept for the backward pass, the largest temporary of one layer)"""
    tokens = rows.tokens + (rows.count * spec.adapter.num_virtual_tokens if spec.adapter.type == "prompt" else 0)
    layer, deep = layer_bytes(spec, model, rows, width, found), _layers_with_gradients(spec, model)
    temporary = tokens * width * (3 * _feed_forward_width(model) + model.hidden)
    temporary = max([temporary, *(4 * built.freed for built in built_matrices(spec.adapter, model))])
    if spec.training.gradient_checkpointing:
        # Each layer's input is kept; one layer at a time is computed again.
        return deep * tokens * model.hidden * width + layer, temporary
    return deep * layer, temporary


def layer_bytes(spec: Spec, model: Anatomy, rows: Rows, width: int, found: Learned) -> float:
    """What autograd keeps of one layer, bytes."""
    section, heads, pairs = spec.adapter, model.heads * model.head_dim, model.kv_heads * model.head_dim
    whole = section.type in BASE_WEIGHTS
    chosen = {target.leaf for target in targets(section, model)} if not whole else None
    inputs_kept = whole or bool(chosen) and section.type not in ("prefix", "prompt", "p_tuning", "ln_tuning",
                                                                 "trainable_tokens", "bottleneck")  # fmt: skip
    # Both norms compute in 32 bits: their input is kept as it is, or as a 32-bit copy.
    per_token = 2 * model.hidden * (4 if width == 2 else width)
    if inputs_kept:  # the norms' outputs, which the adapters read
        per_token += 2 * model.hidden * width
    if whole or section.type == "ln_tuning":
        per_token += 2 * model.hidden * width
    # After rotation, queries, keys, values and what attention gives; keys and values are repeated where a mask is used.
    per_token += (2 * heads + (2 * heads if rows.padded else 2 * pairs)) * width
    if model.query_norm:
        per_token += (heads + pairs) * (4 if width == 2 else width)
    wide = _feed_forward_width(model)
    per_token += wide * _feed_forward_kept(model, inputs_kept) * width
    per_token += found.fed / max(model.layers, 1) * width
    if section.type in _ADDED:
        inputs = sum(target.inputs for target in targets(section, model)) / max(model.layers, 1)
        if section.type == "lora" and section.lora_dropout:  # each layer's adapter drops its own part of the input
            per_token += inputs * (width + 1)
        if section.type == "lora" and section.use_dora:  # the magnitude's gradient needs both parts of the output
            per_token += 2 * sum(target.outputs for target in targets(section, model)) / max(model.layers, 1) * width
        if width == 2:  # the adapter's numbers have 32 bits: each adapted layer converts its input for itself
            per_token += inputs * width
    mask = rows.count * rows.length**2 * width / max(model.layers, 1) if rows.padded else 0
    matrices = 4 * sum(built.kept for built in built_matrices(section, model)) / max(model.layers, 1)
    return rows.tokens * per_token + mask + matrices


def hole_bytes(spec: Spec, model: Anatomy, rows: Rows, width: int, device: Device) -> float:
    """What the C library keeps of freed temporaries on a CPU.

    glibc's aligned allocation does not find a hole of the very size it needs, so each layer's outputs leave holes that
    the next layer's do not fill: measured 1.7 to 2.1 times the outputs of adapted layers (the base's part and the
    adapter's part before they are added), with and without checkpointing; about 0.75 where nothing is added. Tensors
    of 32 MB and more are mapped by themselves and given back.
    """
    if device.kind != "cpu":
        return 0.0
    adapted = {item.name for item in targets(spec.adapter, model)} if spec.adapter.type in _ADDED else set()
    deep = _layers_with_gradients(spec, model) / max(model.layers, 1)
    small = [item for item in model.linears if rows.tokens * item.outputs * width < _MAPPED]
    holes = sum(item.outputs * (1.9 if item.name in adapted else 0.75) for item in small)
    if model.activation in _STEPWISE:
        holes += 4 * model.layers * _feed_forward_width(model)
    # Of matrices as large as a layer's weights half is not found again: 0.1 to 0.8 of them in six trainings with DoRA.
    matrices = 0.5 * 4 * sum(built.freed for built in built_matrices(spec.adapter, model))
    return deep * (rows.tokens * width * holes + matrices)


def logit_bytes(spec: Spec, model: Anatomy, rows: Rows, width: int, device: Device) -> tuple[float, float]:
    """(the log-probabilities that are kept, what stands beside them at the worst moment)"""
    if device.kind != "cpu":  # the fused head computes a slice of the vocabulary's logits at a time
        slice_tokens = min(rows.tokens, 256)
        return 4 * slice_tokens * model.vocab, 4 * slice_tokens * model.vocab
    trained = rows.tokens * rows.trained_fraction
    # Beside them: the gradient of the picked ones, spread over the vocabulary, and that of the logits.
    return 4 * trained * model.vocab, 8 * trained * model.vocab


def _layers_with_gradients(spec: Spec, model: Anatomy) -> int:
    if spec.adapter.type == "freeze":
        return min(spec.adapter.trained_layers, model.layers)
    return model.layers


def _feed_forward_width(model: Anatomy) -> int:
    if model.experts:
        narrow = [target.outputs for target in model.expert_linears if target.leaf != "down_proj"]
        return model.experts * (narrow[0] if narrow else model.intermediate)
    return model.intermediate


def _gated(model: Anatomy) -> bool:
    return any(target.leaf in ("gate_proj", "gate_up_proj", "w1") for target in model.linears) or bool(model.experts)


def _feed_forward_kept(model: Anatomy, inputs_kept: bool) -> int:
    """Tensors of the feed-forward width: gate, its activation, up and their product; without a gate, in and out."""
    if _gated(model):
        return 4 if inputs_kept else 3
    return (5 if model.activation in _STEPWISE else 2) - (0 if inputs_kept else 1)
