"""This machine -> what it can do of what the knobs offer, and why not the rest."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping

from workbench.errors import UserError

# Beside CUDA and ROCm (which calls itself cuda); others compute attention with sdpa.
_FLASH_DEVICES = ("cuda", "xpu")


def devices() -> list[str]:
    """What model.device may be here: auto, cpu, and each accelerator that torch finds (CUDA, ROCm, MPS, XPU)."""
    import torch

    found = torch.accelerator.current_accelerator(check_available=True)
    count = torch.accelerator.device_count() if found is not None else 0
    return ["auto", "cpu", *(f"{found.type}:{index}" for index in range(count))]


def refusals(device: str = "auto") -> Mapping[str, Mapping[str, UserError]]:
    """Knob -> choice -> why this machine (or the chosen device) cannot do it; what is missing there works."""
    import torch

    if device == "auto":
        found = torch.accelerator.current_accelerator(check_available=True)
        kind = found.type if found is not None else "cpu"
    else:
        kind = device.partition(":")[0]
    refused: dict[str, dict[str, UserError]] = {"model.attn_implementation": {}, "model.quantization": {}}
    for name in ("flash_attention_2", "flash_attention_3"):
        reason = _no_flash(name, kind)
        if reason is not None:
            refused["model.attn_implementation"][name] = reason
    if importlib.util.find_spec("bitsandbytes") is None:
        for quantization in ("nf4", "int8"):
            refused["model.quantization"][quantization] = UserError("hub.no_bitsandbytes", kind=quantization)
    refused["model.dtype"] = {}
    if kind == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        refused["model.dtype"]["bfloat16"] = UserError("abilities.no_bf16", path="model.dtype", device=kind)
    refused["training.optim"] = {}
    if kind not in ("cuda", "xpu"):
        for name in ("paged_adamw_32bit", "paged_adamw_8bit", "paged_ademamix_32bit", "paged_ademamix_8bit",
                     "paged_lion_32bit", "paged_lion_8bit"):  # fmt: skip
            refused["training.optim"][name] = UserError("abilities.not_paged", path="training.optim", value=name)
    return refused


def check_device(device: str) -> None:
    """Raises UserError, naming the devices that there are."""
    there = devices()
    if device not in there and device not in {name.partition(":")[0] for name in there}:
        raise UserError("hub.no_device", path="model.device", device=device, devices=", ".join(there))


def check(values: Mapping[str, object], device: str = "auto") -> None:
    """Raises the first refusal that one of the values (by knob path) meets."""
    for path, choices in refusals(device).items():
        reason = choices.get(str(values.get(path)))
        if reason is not None:
            raise reason


def check_attention(name: str, kind: str) -> None:
    """Raises UserError for an implementation that this device (its kind: cuda, cpu, …) cannot compute."""
    reason = _no_flash(name, kind) if name.startswith("flash") else None
    if reason is not None:
        raise reason


def _no_flash(name: str, kind: str) -> UserError | None:
    if kind not in _FLASH_DEVICES:
        return UserError("abilities.no_flash_device", path="model.attn_implementation", value=name, device=kind)
    package = {"flash_attention_2": "flash_attn", "flash_attention_3": "flash_attn_interface"}[name]
    if importlib.util.find_spec("kernels") is None and importlib.util.find_spec(package) is None:
        return UserError("abilities.no_flash_library", path="model.attn_implementation", value=name)
    return None
