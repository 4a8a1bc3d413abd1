"""A plain LoRA's file -> its thin matrices by layer, which models/mixing.py adds to rows of a batch.

PEFT wraps each layer of a tree in modules of its own: a quarter of a second for 28 layers. The matrices are read in a
tenth of that, and a tree that was never wrapped needs no undoing. What is more than B·A·x beside linear layers, or has
options that are not known here, is PEFT's: `read` says so with None.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.errors import UserError
from workbench.models import weights
from workbench.models.fitting import PREFIX, check_fits

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from torch import nn

_LEAVES = (".lora_A.weight", ".lora_B.weight")
# Options of an adapter's config that `read` follows, or that tell only how it was made. Any other one in use is PEFT's.
_KNOWN = frozenset({
    "peft_type", "peft_version", "task_type", "auto_mapping", "base_model_name_or_path", "revision", "inference_mode",
    "r", "lora_alpha", "lora_dropout", "target_modules", "use_rslora", "init_lora_weights", "fan_in_fan_out", "bias",
    "eva_config", "corda_config", "loftq_config", "qalora_group_size", "megatron_core", "runtime_config",
})  # fmt: skip
_count = itertools.count(1)


@dataclass(frozen=True, eq=False, slots=True)
class Matrices:
    """An adapter's update of each layer: x @ down @ up. The scaling is in `up` already."""

    name: str  # tells adapters apart, also in the order of a batch
    layers: Mapping[str, tuple[torch.Tensor, torch.Tensor]]  # path -> down (H, r), up (r, O); fp32

    def __repr__(self) -> str:
        return self.name


def read(model: nn.Module, folder: Path, config: Mapping[str, Any], name: str) -> Matrices | None:
    """model: the bare tree that the rows go through. config: the folder's, of a kind that `adapters.shareable` knows.

    None for what has to be attached by PEFT. Raises UserError for a file that does not fit the model or lacks layers.
    """
    import torch
    from safetensors import safe_open

    file = folder / "adapter_model.safetensors"
    shapes = weights.shapes(file)
    if shapes is None:
        raise UserError("adapters.half_written", path=name, file=file.name)
    targets, known = config.get("target_modules"), all(option in _KNOWN for option, value in config.items() if value)
    if not known or not isinstance(targets, list) or not all(_is_thin(key, shape) for key, shape in shapes.items()):
        return None
    ends = tuple(f".{target}" for target in targets)
    promised = {path: module for path, module in model.named_modules() if path in targets or path.endswith(ends)}
    found = {key.removeprefix(PREFIX).removesuffix(leaf) for key in shapes for leaf in _LEAVES if key.endswith(leaf)}
    if not found <= promised.keys() or not all(map(_is_linear, promised.values())):
        return None
    check_fits(model, shapes, name)
    for path in promised:
        if not {f"{PREFIX}{path}{leaf}" for leaf in _LEAVES} <= shapes.keys():
            raise UserError("adapters.missing_weights", name=name, layer=path)
    layers = {}
    with safe_open(file, framework="pt", device=str(next(model.parameters()).device)) as tensors:
        for path in promised:
            a, b = (tensors.get_tensor(f"{PREFIX}{path}{leaf}").float() for leaf in _LEAVES)  # as PEFT: half -> fp32
            rank = a.shape[0]
            scaling = config["lora_alpha"] / (rank**0.5 if config.get("use_rslora") else rank)
            # Copies, for the file may be written anew while its pages are mapped.
            layers[path] = a.T.clone(memory_format=torch.contiguous_format), (b.T * scaling).contiguous()
    return Matrices(f"m{next(_count)}", layers)


def _is_thin(key: str, shape: tuple[int, ...]) -> bool:
    return key.startswith(PREFIX) and key.endswith(_LEAVES) and len(shape) == 2


def _is_linear(module: nn.Module) -> bool:
    """Also GPT-2's transposed layers and quantised ones; no embedding, convolution or bank of experts."""
    return hasattr(module, "in_features") or type(module).__name__ == "Conv1D"
