"""One set of weights -> many module trees, so that training, chat and probes never meet in one module."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


def tree(model: nn.Module) -> nn.Module:
    """A module tree of its own (hooks, config, patches) over the very same parameters and buffers.

    172 ms and 9 MB for 28 layers. The tree belongs to one thread; trees over one model need no lock between them as
    long as nobody changes the tensors in place: what does takes `private_copy`.
    """
    memo: dict[int, Any] = {}
    for module in model.modules():
        for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False)):
            memo[id(tensor)] = tensor
        _share_quantised_state(module, memo)
    own = copy.deepcopy(model, memo)
    own.__dict__.pop("forward", None)  # a trainer's patch of `forward` would nest
    return own


def private_copy(model: nn.Module) -> nn.Module:
    """A full copy with tensors of its own, for what changes base tensors (full fine-tuning, merging, PiSSA …)."""
    return copy.deepcopy(model)


def _share_quantised_state(module: nn.Module, memo: dict[int, Any]) -> None:
    """bitsandbytes keeps tensors outside parameters and buffers; copied, int8 would cost 1.6 times the memory."""
    import torch

    for holder in (module, *module.parameters(recurse=False)):
        quant_state = getattr(holder, "quant_state", None)  # NF4: constant once it is made
        if quant_state is not None:
            memo[id(quant_state)] = quant_state
    state = getattr(module, "state", None)  # int8: each tree needs its own MatmulLtState, but not its own CB
    if type(state).__name__ == "MatmulLtState":
        for value in vars(state).values():
            if isinstance(value, torch.Tensor):
                memo[id(value)] = value
