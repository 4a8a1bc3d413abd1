"""LoftQ: a 4-bit base and its unrounded weights on disk -> LoRA that begins as what the rounding took away.

One step of Li et al. 2023: A and B are the leading singular directions of W − Q(W). The base itself stays as it is, so
the adapter is for the same 4-bit base. (PEFT's own version runs on CUDA only and leaves the scaling out.)
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from workbench.errors import UserError

_SPARE = 8  # directions more than asked for, which makes the wanted ones exact enough


def begin(tuned: Any, folder: Path, name: str) -> None:
    """Set A and B of every 4-bit layer. Draws on the global random numbers. Raises UserError for a missing weight."""
    import bitsandbytes.functional as four_bit
    from peft.tuners.lora import Linear4bit

    files = _files(folder)
    for path, module in tuned.get_base_model().named_modules():
        if not isinstance(module, Linear4bit):
            continue
        weight = module.get_base_layer().weight
        rounded = four_bit.dequantize_4bit(weight.data, weight.quant_state).float()
        lost = _read(files, f"{path}.weight").to(rounded.device).float() - rounded  # (out, in)
        rank, scaling = module.r[name], module.scaling[name]
        left, sizes, right = torch.svd_lowrank(lost, q=min(rank + _SPARE, *lost.shape), niter=8)
        roots = (sizes[:rank] / scaling).sqrt()
        with torch.no_grad():
            up, down = module.lora_B[name].weight, module.lora_A[name].weight
            up.zero_()[:, : len(roots)] = left[:, :rank] * roots
            down.zero_()[: len(roots)] = roots[:, None] * right[:, :rank].T


def _files(folder: Path) -> dict[str, Path]:
    """Tensor name -> the safetensors file that holds it."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        named = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        return {tensor: folder / file for tensor, file in named.items()}
    from workbench.models.weights import header

    path = folder / "model.safetensors"
    return dict.fromkeys(header(path) or (), path)


def _read(files: dict[str, Path], tensor: str) -> torch.Tensor:
    from safetensors import safe_open

    if tensor not in files:
        raise UserError("methods.loftq_no_weight", tensor=tensor)
    with safe_open(files[tensor], "pt") as file:
        return file.get_tensor(tensor)
