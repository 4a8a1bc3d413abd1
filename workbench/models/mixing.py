"""Rows of one batch, each with its own adapter -> one forward pass that gives every row exactly its own.

PEFT's mixed batch walks the adapters in Python in every layer, which for a small model takes longer than the model.
Here the thin matrices of all adapters are stacked once per batch, and a layer adds them with one product of stacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from torch import nn

BARE = "__base__"  # PEFT's word for a row without an adapter
# A row's adapter: an id, or several with weights (their updates are multiplied and added, as `cat` of PEFT's
# add_weighted_adapter does, but without a third adapter in the tree).
Blend = tuple[tuple[str, float], ...]
Who = str | Blend
_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "num_local_expert")


def can_mix(model: nn.Module) -> bool:
    """Experts get tokens picked out of all rows, so that a layer there cannot tell whose they are."""
    config = model.config.get_text_config()
    return not any(getattr(config, name, None) for name in _EXPERTS)


@contextmanager
def rows(tree: PeftModel, adapters: Sequence[Who]) -> Iterator[None]:
    """While it lasts, row k of every forward of the tree has adapters[k] (or none: BARE).

    Equal adapters must stand side by side, bare rows first. The tree must have LoRA adapters of `adapters.shareable`
    kinds only (of `adapters.scalable` ones in blends), and every forward must have len(adapters) rows.
    """
    if not hasattr(tree, "peft_config"):  # a bare tree has nothing to keep apart (and peft need not be imported)
        if set(adapters) - {BARE}:
            raise ValueError(f"a tree without adapters was asked for {sorted(set(adapters), key=str)}")
        yield
        return
    names = list(adapters)
    groups = [(name, len(list(members))) for name, members in groupby(names)]
    if len({name for name, _ in groups}) != len(groups) or BARE in [name for name, _ in groups[1:]]:
        raise ValueError(f"rows of one adapter must stand together, bare rows first: {names}")
    changed = [
        (module, forward) for module in tree.modules() if (forward := _forward(module, groups, names)) is not None
    ]
    try:
        for module, forward in changed:
            module.forward = forward
        yield
    finally:
        for module, _ in changed:
            module.__dict__.pop("forward", None)


def _forward(module: nn.Module, groups: list[tuple[Who, int]], names: list[Who]) -> Callable[..., Any] | None:
    """What replaces this module's forward; None for a module that no adapter touches."""
    from peft.tuners.lora import LoraLayer
    from peft.utils.other import AuxiliaryTrainingWrapper

    if isinstance(module, AuxiliaryTrainingWrapper):
        return _replaced(module, groups)
    if not isinstance(module, LoraLayer):
        return None
    if not module.lora_A or module.lora_embedding_A:
        # Blends hold linear layers only: here they are bare.
        plain = [name if isinstance(name, str) else BARE for name in names]
        return partial(type(module).forward, module, adapter_names=plain)
    return _linear(module, groups, len(names))


def _replaced(wrapper: Any, groups: list[tuple[Who, int]]) -> Callable[..., Any]:
    """modules_to_save and trainable tokens: rows whose adapter has a module of its own here take that one's output.

    PEFT's own mixed forward passes every row through the original as soon as the *active* adapter is not among those
    that wrap this module, and fails for a row whose adapter is not.
    """
    ends = list(accumulate(count for _, count in groups))
    own = [
        (name, slice(end - count, end))
        for (name, count), end in zip(groups, ends, strict=True)
        if isinstance(name, str) and name in wrapper._adapters
    ]

    def forward(x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        result = wrapper.original_module(x, *args, **kwargs)
        for name, place in own:
            result[place] = wrapper._forward_wrapped_mixed_batch(x[place], name, *args, **kwargs)
        return result

    return forward


def _linear(layer: Any, groups: list[tuple[Who, int]], total: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """base(x) + x·A·B with each group's own A (H, r) and B (r, O); ranks are filled up with zeros, which is exact."""
    import torch

    base = _bare_call(layer.get_base_layer())
    parts = [_present(layer, name) for name, _ in groups]
    if not any(parts):
        return base
    # Groups before the first adapter get nothing, so a bare row is computed as if there were no adapters at all.
    first = next(index for index, some in enumerate(parts) if some)
    start, tail = sum(count for _, count in groups[:first]), groups[first:]
    rank = max(sum(layer.lora_A[name].weight.shape[0] for name, _ in some) for some in parts)
    sample = layer.lora_A[parts[first][0][0]].weight
    down = sample.new_zeros(len(tail), sample.shape[1], rank)  # (G, H, r)
    up = sample.new_zeros(len(tail), rank, layer.lora_B[parts[first][0][0]].weight.shape[0])  # (G, r, O)
    for index, some in enumerate(parts[first:]):
        end = 0
        for name, weight in some:
            a, b = layer.lora_A[name].weight, layer.lora_B[name].weight
            place = slice(end, end := end + a.shape[0])
            down[index, :, place] = a.T
            up[index, place] = b.T * (layer.scaling[name] * weight)
    counts = [count for _, count in tail]
    equal, stacks, kind = len(set(counts)) == 1, len(tail), sample.dtype

    def stacked(x: torch.Tensor) -> torch.Tensor:  # (rows, T, H) -> (rows, T, O)
        result = base(x)
        _check_rows(x, total)
        delta = torch.bmm(x[start:].to(kind).reshape(stacks, -1, x.shape[-1]), down)
        part = result[start:]
        if result.dtype == kind:
            part.view(stacks, -1, result.shape[-1]).baddbmm_(delta, up)
        else:  # bf16 base, fp32 adapter: add in fp32 and round once, as PEFT does
            part.copy_(part + torch.bmm(delta, up).view_as(part))
        return result

    def in_turn(x: torch.Tensor) -> torch.Tensor:
        result = base(x)
        _check_rows(x, total)
        place = start
        for index, count in enumerate(counts):
            part = result[place : place + count]
            part.copy_(part + (x[place : place + count].to(kind) @ down[index]) @ up[index])
            place += count
        return result

    return stacked if equal else in_turn


def _present(layer: Any, who: Who) -> list[tuple[str, float]]:
    """(adapter, weight) of those parts of a row's adapter that have matrices in this layer."""
    blend = ((who, 1.0),) if isinstance(who, str) else who
    return [(name, weight) for name, weight in blend if name in layer.lora_A]


def _bare_call(layer: nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
    from torch import nn
    from torch.nn.functional import linear

    if type(layer) is not nn.Linear:  # quantised, Conv1D …
        return layer
    weight, bias = layer.weight, layer.bias
    return lambda x: linear(x, weight, bias)  # a third of a small model's time is calls around calls


def _check_rows(x: torch.Tensor, total: int) -> None:
    if x.dim() != 3 or x.shape[0] != total:
        raise RuntimeError(f"a layer with adapters got {tuple(x.shape)} where ({total}, T, H) was due")
