"""A model -> its decoder layers, and their feed-forward blocks, whatever its family calls them."""

from __future__ import annotations

from typing import Any

from workbench.errors import UserError

_FEED_FORWARD = ("mlp", "feed_forward", "ffn", "block_sparse_moe", "feedforward")


def layers_of(model: Any) -> Any:
    """The ModuleList of the decoder's layers, first to last. Raises UserError for a model without one."""
    from torch import nn

    count = model.config.get_text_config().num_hidden_layers
    for module in model.modules():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return module
    raise UserError("methods.no_layers", model=type(model).__name__)


def feed_forward_of(layer: Any) -> str:
    """The name of a layer's feed-forward block. Raises UserError when it has none that is known."""
    for name, _ in layer.named_children():
        if name in _FEED_FORWARD:
            return name
    raise UserError("methods.no_layers", model=type(layer).__name__)
