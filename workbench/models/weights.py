"""Files of a model or adapter folder -> what they hold, read from the safetensors header alone."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_LARGEST_HEADER = 100_000_000  # bytes; the format's own limit


def header(path: Path) -> Mapping[str, Any] | None:
    """Tensor name -> {"dtype", "shape", "data_offsets"}; None for a file that is not (yet) whole.

    A safetensors file is 8 bytes of header length (little endian), the header as JSON, and the data; the last offset
    tells how long the file must be.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(size, _LARGEST_HEADER):
                return None
            tensors = json.loads(file.read(length))
    except (OSError, struct.error, ValueError):
        return None
    if not isinstance(tensors, dict):
        return None
    tensors.pop("__metadata__", None)
    end = max((entry["data_offsets"][1] for entry in tensors.values()), default=0)
    return tensors if size == 8 + length + end else None


def shapes(path: Path) -> dict[str, tuple[int, ...]] | None:
    """Tensor name -> shape; None for a file that is not whole."""
    tensors = header(path)
    return None if tensors is None else {name: tuple(entry["shape"]) for name, entry in tensors.items()}


def parameters(folder: Path) -> int:
    """How many numbers a model folder's safetensors hold, from their headers; whole files only."""
    tensors = [entry for path in folder.glob("*.safetensors") for entry in (header(path) or {}).values()]
    return sum(math.prod(entry["shape"]) for entry in tensors)


def pickles(folder: Path) -> list[str]:
    """Weight files of a kind that can run code when it is opened."""
    stems = ("pytorch_model", "adapter_model", "model", "consolidated")
    return sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES and path.name.startswith(stems))


def broken(folder: Path) -> str | None:
    """The first weight file of a model folder that is cut off or missing from its index; None when all are whole."""
    wanted = {path.name for path in folder.glob("*.safetensors")}
    for index in folder.glob("*.safetensors.index.json"):
        try:
            wanted |= set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (ValueError, KeyError, AttributeError):
            return index.name
    return next((name for name in sorted(wanted) if header(folder / name) is None), None)
