"""This machine -> what it can do of what the knobs offer, and why not the rest: told at the choice, refused at a start.

Asking imports torch; that a spec asks for nothing that could be missing (`risked`) is seen without it.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from workbench.errors import UserError

# Beside CUDA and ROCm (which calls itself cuda); others compute attention with sdpa.
_FLASH_DEVICES = ("cuda", "xpu")
# The knobs that this file knows of. Their defaults can be done everywhere.
KNOBS = (
    "model.dtype", "model.quantization", "model.attn_implementation", "training.optim", "training.torch_compile",
    "training.report_to",
)  # fmt: skip
REPORTERS = ("tensorboard", "trackio", "wandb", "swanlab")


# As Linux names them: x86 has the first two, ARM the last.
_BF16_INSTRUCTIONS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
_PROCESSOR = Path("/proc/cpuinfo")


@functools.cache
def cpu_has_bf16() -> bool | None:
    """Whether this processor multiplies bfloat16 by instructions of its own; None where nobody tells.

    Without them torch converts: 2.4 to 3.1 times the time of float32 for a linear layer forward and back, with them
    0.35 (measured on one machine, oneDNN held to AVX-512 and to AVX2).
    """
    try:
        lines = _PROCESSOR.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        torch = sys.modules.get("torch")  # importing it only to ask would take seconds
        return None if torch is None else torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    said = [line.partition(":")[2].split() for line in lines if line.lower().startswith(("flags", "features"))]
    return bool(_BF16_INSTRUCTIONS & set(said[0])) if said else None


def notes(dtype: str, kind: str) -> list[UserError]:
    """What works on this device (its kind), but not as one may think."""
    slow = dtype == "bfloat16" and kind == "cpu" and cpu_has_bf16() is False
    return [UserError("abilities.slow_bf16", path="model.dtype")] if slow else []


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
    reason = _no_compiler(kind)
    refused["training.torch_compile"] = {"True": reason} if reason is not None else {}
    missing = {name: no_reporter(name) for name in REPORTERS}
    refused["training.report_to"] = {name: reason for name, reason in missing.items() if reason is not None}
    return refused


def risked(values: Mapping[str, object], defaults: Mapping[str, object]) -> bool:
    """Whether anything (by knob path) is asked for that some machine cannot do."""
    differs = any(path in values and values[path] != defaults[path] for path in KNOBS)
    return differs or values.get("model.device", "auto") not in ("auto", "cpu")


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


def no_reporter(name: str) -> UserError | None:
    """Why training.report_to cannot be this service. Imports nothing."""
    found = importlib.util.find_spec(name)
    # Without an origin it is a folder of that name beside us, such as the one in which wandb keeps its runs.
    if found is not None and found.origin is not None:
        return None
    return UserError("training.no_reporter", path="training.report_to", value=name)


def _no_compiler(kind: str) -> UserError | None:
    """torch.compile writes C++ for a CPU, and code for Triton, which calls a C compiler, for a GPU."""
    if kind in ("cuda", "xpu") and importlib.util.find_spec("triton") is None:
        return UserError("abilities.no_triton", path="training.torch_compile", device=kind)
    names = [os.environ.get("CXX") or {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")]
    if kind in ("cuda", "xpu"):
        names = [os.environ["CC"]] if os.environ.get("CC") else ["cc", "gcc", "clang", "cl"]
    if any(shutil.which(name) for name in names):
        return None
    return UserError("abilities.no_compiler", path="training.torch_compile", compiler=names[0])


def _no_flash(name: str, kind: str) -> UserError | None:
    if kind not in _FLASH_DEVICES:
        return UserError("abilities.no_flash_device", path="model.attn_implementation", value=name, device=kind)
    package = {"flash_attention_2": "flash_attn", "flash_attention_3": "flash_attn_interface"}[name]
    if importlib.util.find_spec("kernels") is None and importlib.util.find_spec(package) is None:
        return UserError("abilities.no_flash_library", path="model.attn_implementation", value=name)
    return None
