"""An adapter's file against a model: whether every tensor has the shape that its layer needs, before any is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from workbench.errors import UserError

if TYPE_CHECKING:
    from torch import nn

PREFIX = "base_model.model."  # before a layer's name in PEFT's files


def check_fits(model: nn.Module, shapes: Mapping[str, tuple[int, ...]], name: str) -> None:
    """Raises UserError, with both shapes, for an adapter that was trained on another base.

    model: the bare tree, or a PEFT tree around it. shapes: of the file's tensors, as its header has them.
    """
    bare = model.get_base_model() if hasattr(model, "get_base_model") else model
    modules = dict(bare.named_modules())
    for key, shape in shapes.items():
        tensor = key.removeprefix(PREFIX)
        path, _, leaf = tensor.rpartition(".")
        if ".lora_" in tensor:
            path, _, leaf = tensor.partition(".lora_")
        while path not in modules and path.endswith(".base_layer"):  # PEFT wraps fused experts once per parameter
            path = path.removesuffix(".base_layer")
        if not key.startswith(PREFIX) or path not in modules:
            if ".lora_" in tensor:
                raise UserError("adapters.no_such_layer", name=name, layer=path or tensor)
            continue
        wanted = expected_shape(modules[path], leaf, shape)
        if wanted is not None and wanted != shape:
            raise UserError("adapters.other_base", name=name, layer=path, found=_text(shape), wanted=_text(wanted))


def expected_shape(module: nn.Module, leaf: str, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape that a saved tensor must have to fit this module; None where only PEFT can tell."""
    if hasattr(module, "get_base_layer"):
        module = module.get_base_layer()
    if leaf == "weight":  # a module saved whole, e.g. lm_head of another vocabulary
        original = getattr(module, "original_module", module)
        own = getattr(original, "weight", None)
        return None if own is None or own.dim() != len(shape) else tuple(own.shape)
    if type(module).__name__ == "Conv1D" and len(shape) == 2:  # GPT-2 keeps its weights transposed
        inputs, outputs = module.weight.shape
    elif hasattr(module, "in_features") and len(shape) == 2:
        inputs, outputs = module.in_features, module.out_features
    elif hasattr(module, "num_embeddings") and len(shape) == 2:
        inputs, outputs = module.num_embeddings, module.embedding_dim
    else:
        return None
    thin = {"A": (shape[0], inputs), "B": (outputs, shape[1])}
    return thin.get(leaf.removesuffix(".weight").removeprefix("embedding_"))


def _text(shape: tuple[int, ...]) -> str:
    return " × ".join(str(size) for size in shape)
