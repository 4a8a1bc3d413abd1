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

from workbench.models.matrices import Matrices

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from torch import nn

BARE = "__base__"  # PEFT's word for a row without an adapter
# A row's adapter: matrices, the id of one that PEFT put into the tree, or several with weights (their updates are
# multiplied and added, as `cat` of PEFT's add_weighted_adapter does, but without a third adapter in the tree).
Blend = tuple[tuple[str | Matrices, float], ...]
Who = str | Matrices | Blend
_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "num_local_expert")


def can_mix(model: nn.Module) -> bool:
    """Experts get tokens picked out of all rows, so that a layer there cannot tell whose they are."""
    config = model.config.get_text_config()
    return not any(getattr(config, name, None) for name in _EXPERTS)


@contextmanager
def rows(tree: nn.Module, adapters: Sequence[Who]) -> Iterator[None]:
    """While it lasts, row k of every forward of the tree has adapters[k] (or none: BARE).

    Equal adapters must stand side by side, bare rows first. Adapters that PEFT put into the tree must be LoRA of
    `adapters.shareable` kinds only (of `adapters.scalable` ones in blends), and every forward must have len(adapters)
    rows.
    """
    names = list(adapters)
    groups = [(name, len(list(members))) for name, members in groupby(names)]
    if len({name for name, _ in groups}) != len(groups) or BARE in [name for name, _ in groups[1:]]:
        raise ValueError(f"rows of one adapter must stand together, bare rows first: {names}")
    by_peft = hasattr(tree, "peft_config")
    inside = {part for name in names for part, _ in parts(name) if isinstance(part, str)} - {BARE}
    if inside and not by_peft:
        raise ValueError(f"a tree without adapters was asked for {sorted(inside)}")
    # A tree that PEFT did not touch has nothing to keep apart but the matrices (and PEFT need not be imported).
    found = _layers_of_peft(tree) if by_peft else _layers(tree, names)
    forward_of = _forward if by_peft else _linear
    changed = [(module, forward) for path, module in found if (forward := forward_of(path, module, groups)) is not None]
    before = [module.__dict__.get("forward") for module, _ in changed]
    try:
        for module, forward in changed:
            module.forward = forward
        yield
    finally:
        for (module, _), forward in zip(changed, before, strict=True):
            module.__dict__.pop("forward", None)
            if forward is not None:
                module.forward = forward


def _layers(tree: nn.Module, names: list[Who]) -> Iterator[tuple[str, nn.Module]]:
    """The layers of a bare tree that matrices speak of."""
    paths = {path for name in names for part, _ in parts(name) if isinstance(part, Matrices) for path in part.layers}
    return ((path, tree.get_submodule(path)) for path in paths)


def _layers_of_peft(tree: PeftModel) -> Iterator[tuple[str, nn.Module]]:
    """Every module with the path that the bare tree has for it, PEFT's wrapper before what it wraps."""
    for name, module in tree.named_modules():
        yield name.removeprefix("base_model.model.").replace(".original_module", ""), module


def parts(who: Who) -> Blend:
    """What a row's adapter is made of, with weights."""
    return who if isinstance(who, tuple) else ((who, 1.0),)


def _forward(path: str, module: nn.Module, groups: list[tuple[Who, int]]) -> Callable[..., Any] | None:
    """What replaces the forward of a PEFT tree's module; None for a module that no adapter touches."""
    from peft.tuners.lora import LoraLayer
    from peft.utils.other import AuxiliaryTrainingWrapper

    if isinstance(module, AuxiliaryTrainingWrapper):
        return _replaced(module, groups)
    if isinstance(module, LoraLayer) and (not module.lora_A or module.lora_embedding_A):
        # Blends and matrices are of linear layers only: here they are bare.
        plain = [name if isinstance(name, str) else BARE for name, count in groups for _ in range(count)]
        return partial(type(module).forward, module, adapter_names=plain)
    return _linear(path, module, groups)


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


def _linear(path: str, layer: Any, groups: list[tuple[Who, int]]) -> Callable[[torch.Tensor], torch.Tensor] | None:
    """base(x) + x·A·B with each group's own A (H, r) and B (r, O); ranks are filled up with zeros, which is exact.

    None for a layer without adapters that PEFT has not wrapped.
    """
    import torch

    thin = [_present(layer, path, name) for name, _ in groups]
    wrapped = hasattr(layer, "lora_A")
    if not any(thin) and not wrapped:
        return None
    base = _bare_call(layer.get_base_layer() if wrapped else layer)
    if not any(thin):
        return base
    # Groups before the first adapter get nothing, so a bare row is computed as if there were no adapters at all.
    first = next(index for index, some in enumerate(thin) if some)
    total, start = sum(count for _, count in groups), sum(count for _, count in groups[:first])
    counts = [count for _, count in groups[first:]]
    down, up = _stacked(thin[first:])
    equal, stacks, kind = len(set(counts)) == 1, len(counts), down.dtype

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


_Thin = tuple["torch.Tensor", "torch.Tensor", float]  # (H, r), (r, O), weight


def _present(layer: Any, path: str, who: Who) -> list[_Thin]:
    """The matrices that the parts of a row's adapter have in this layer."""
    found: list[_Thin] = []
    for part, weight in parts(who):
        if isinstance(part, Matrices):
            if path in part.layers:
                found.append((*part.layers[path], weight))
        elif part in getattr(layer, "lora_A", ()):
            a, b = layer.lora_A[part].weight, layer.lora_B[part].weight
            found.append((a.T, b.T, layer.scaling[part] * weight))
    return found


def _stacked(groups: list[list[_Thin]]) -> tuple[torch.Tensor, torch.Tensor]:
    """(G, H, r), (G, r, O): each group's matrices side by side along the rank."""
    if len(groups) == len(groups[0]) == 1:
        [(down, up, weight)] = groups[0]
        return down[None], (up if weight == 1 else up * weight)[None]
    rank = max(sum(down.shape[1] for down, _, _ in some) for some in groups)
    sample, out = groups[0][0][0], groups[0][0][1].shape[1]
    downs = sample.new_zeros(len(groups), sample.shape[0], rank)
    ups = sample.new_zeros(len(groups), rank, out)
    for index, some in enumerate(groups):
        end = 0
        for down, up, weight in some:
            place = slice(end, end := end + down.shape[1])
            downs[index, :, place] = down
            ups[index, place] = up if weight == 1 else up * weight
    return downs, ups


def _bare_call(layer: nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
    from torch import nn
    from torch.nn.functional import linear

    if type(layer) is not nn.Linear:  # quantised, Conv1D …
        return layer.forward  # as it is now: calling the layer would come back here
    weight, bias = layer.weight, layer.bias
    return lambda x: linear(x, weight, bias)  # a third of a small model's time is calls around calls


def _check_rows(x: torch.Tensor, total: int) -> None:
    if x.dim() != 3 or x.shape[0] != total:
        raise RuntimeError(f"a layer with adapters got {tuple(x.shape)} where ({total}, T, H) was due")
