"""A spec and a model's anatomy -> how many weights learn, method by method, as PEFT and our own methods make them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from workbench.models.anatomy import Anatomy, Linear
from workbench.specs.adapter import AdapterSection


@dataclass(frozen=True)
class Learned:
    """Parameters that take gradients and optimizer state, and those that the method adds without learning them."""

    trained: int
    frozen: int = 0
    fed: int = 0  # elements kept per token for what is learned inside the method (the width of its thin matrices)


def learned(section: AdapterSection, model: Anatomy) -> Learned:
    """Raises KeyError for a method nobody wrote a line for (a test goes through all of them)."""
    return METHODS[section.type](section, model)


def targets(section: AdapterSection, model: Anatomy) -> list[Linear]:
    """The layers that `adapter.target_modules` names; all of them but the head for `all-linear`."""
    names = [name.strip() for name in section.target_modules.split(",") if name.strip()]
    if names in ([], ["all-linear"]):
        return list(model.linears)
    return [
        item for item in model.linears if any(item.name == name or item.name.endswith(f".{name}") for name in names)
    ]


def _lora(section: AdapterSection, model: Anatomy) -> Learned:
    chosen, r = targets(section, model), section.r
    down, up = sum(r * target.inputs for target in chosen), sum(r * target.outputs for target in chosen)
    if len(chosen) == len(model.linears):  # PEFT takes fused experts too: gate and up as one, with twice the rank
        for expert in model.expert_linears:
            fused = 1 if expert.leaf in ("down_proj", "w2") else 2
            down, up = down + r * expert.inputs, up + r * fused * expert.outputs
    magnitude = sum(target.outputs for target in chosen) if section.use_dora else 0
    if section.lora_fa:
        return Learned(up + magnitude, frozen=down, fed=r * len(chosen))
    return Learned(down + up + magnitude, fed=r * len(chosen))


def _adalora(section: AdapterSection, model: Anatomy) -> Learned:
    chosen, r = targets(section, model), section.init_r
    return Learned(sum(r * (t.inputs + t.outputs) + r for t in chosen), frozen=len(chosen), fed=2 * r * len(chosen))


_FEED_FORWARD_ENDS = ("down_proj", "fc2", "fc_out", "w2", "wo", "dense_4h_to_h", "c_proj")
_KEYS_AND_VALUES = ("k_proj", "v_proj", "key", "value", "query_key_value", "qkv_proj", "c_attn")


def _ia3(section: AdapterSection, model: Anatomy) -> Learned:
    chosen = targets(section, model)
    if len(chosen) == len(model.linears):
        ends = [t for t in chosen if t.leaf in _FEED_FORWARD_ENDS and "attn" not in t.name]
        chosen = [t for t in chosen if t.leaf in _KEYS_AND_VALUES] + ends
    scaled = [t.inputs if t.leaf in _FEED_FORWARD_ENDS else t.outputs for t in chosen]
    return Learned(sum(scaled), fed=sum(scaled))


def _prefix(section: AdapterSection, model: Anatomy) -> Learned:
    width = 2 * model.layers * model.kv_heads * model.head_dim
    if not section.prefix_projection:
        return Learned(section.num_virtual_tokens * width)
    hidden, inner = model.kv_heads * model.head_dim, section.encoder_hidden_size
    table = section.num_virtual_tokens * hidden
    return Learned(table + hidden * inner + inner + inner * width + width)


def _prompt(section: AdapterSection, model: Anatomy) -> Learned:
    return Learned(section.num_virtual_tokens * model.hidden)


def _p_tuning(section: AdapterSection, model: Anatomy) -> Learned:
    hidden, inner = model.hidden, section.encoder_hidden_size
    table = section.num_virtual_tokens * hidden
    if section.encoder_reparameterization_type == "LSTM":  # two layers, both directions, then two linear layers
        lstm = 8 * inner * (hidden + inner + 2) + 8 * inner * (3 * inner + 2)
        return Learned(table + lstm + (2 * inner) * (2 * inner) + 2 * inner + 2 * inner * hidden + hidden)
    return Learned(table + hidden * inner + inner + inner * inner + inner + inner * hidden + hidden)


def _oft(section: AdapterSection, model: Anatomy) -> Learned:
    size = section.oft_block_size
    chosen = targets(section, model)
    return Learned(sum(t.inputs // size * (size * (size - 1) // 2) for t in chosen), fed=sum(t.inputs for t in chosen))


def _boft(section: AdapterSection, model: Anatomy) -> Learned:
    size, factors, chosen = section.boft_block_size, section.boft_n_butterfly_factor, targets(section, model)
    blocks = sum(factors * (t.inputs // size) * size * size + t.outputs for t in chosen)
    permutations = sum(factors * t.inputs**2 for t in chosen)  # a matrix for each, kept beside the weights
    return Learned(blocks, frozen=permutations, fed=sum(t.outputs for t in chosen))


def _vera(section: AdapterSection, model: Anatomy) -> Learned:
    chosen, r = targets(section, model), section.r
    if not chosen:
        return Learned(0)
    shared = r * max(t.inputs for t in chosen) + r * max(t.outputs for t in chosen)
    return Learned(sum(r + t.outputs for t in chosen), frozen=shared, fed=sum(r + t.outputs for t in chosen))


def _loha(section: AdapterSection, model: Anatomy) -> Learned:
    return Learned(sum(2 * section.r * (t.inputs + t.outputs) for t in targets(section, model)))


def _lokr(section: AdapterSection, model: Anatomy) -> Learned:
    return Learned(sum(_kronecker(section, t.outputs, t.inputs) for t in targets(section, model)))


def _kronecker(section: AdapterSection, outputs: int, inputs: int) -> int:
    """W1 (a, c) ⊗ W2 (b, d), each whole or of a rank, as PEFT's LoKr decides."""
    (a, b), (c, d) = _factors(outputs, section.decompose_factor), _factors(inputs, section.decompose_factor)
    r = section.r
    first = r * (a + c) if section.decompose_both and r < max(a, c) / 2 else a * c
    second = r * (b + d) if r < max(b, d) / 2 else b * d
    return first + second


def _factors(size: int, wanted: int) -> tuple[int, int]:
    """(smaller, larger) factors of a size, as near to its root (or to `wanted`) as whole numbers allow."""
    if wanted > 0 and size % wanted == 0:
        return min(wanted, size // wanted), max(wanted, size // wanted)
    limit = size if wanted < 0 else wanted
    small, large = 1, size
    length = small + large
    while small < large:
        next_small = small + 1
        while size % next_small:
            next_small += 1
        next_large = size // next_small
        if next_small + next_large > length or next_small > limit:
            break
        small, large = next_small, next_large
        length = small + large
    return min(small, large), max(small, large)


def _ln_tuning(section: AdapterSection, model: Anatomy) -> Learned:
    return Learned(model.norms, fed=model.norms)


def _trainable_tokens(section: AdapterSection, model: Anatomy) -> Learned:
    count = len({part.strip() for part in section.token_indices.split(",") if part.strip()})
    return Learned(count * model.hidden)


def _bottleneck(section: AdapterSection, model: Anatomy) -> Learned:
    size, hidden = section.bottleneck_size, model.hidden
    each = hidden * size + size + size * hidden + hidden
    return Learned(model.layers * each, fed=model.layers * (2 * size + hidden))


def _freeze(section: AdapterSection, model: Anatomy) -> Learned:
    return Learned(min(section.trained_layers, model.layers) * model.layer_parameters)


def _full(section: AdapterSection, model: Anatomy) -> Learned:
    return Learned(model.parameters)


def _lisa(section: AdapterSection, model: Anatomy) -> Learned:
    """What learns at one time: some layers, and what stands outside the layers."""
    outside = model.parameters - model.layers * model.layer_parameters
    return Learned(outside + min(section.lisa_layers, model.layers) * model.layer_parameters)


@dataclass(frozen=True)
class Built:
    """32-bit elements of whole matrices that a method computes for one layer in every step, whatever the batch.

    kept: for the backward pass. freed: in the same breath.
    """

    kept: int
    freed: int


def built_matrices(section: AdapterSection, model: Anatomy) -> list[Built]:
    """Of each adapted layer, as PEFT's forward passes go; empty where a method only meets the rows."""
    build = _BUILT.get("dora" if section.type == "lora" and section.use_dora else section.type)
    return [build(section, item) for item in targets(section, model)] if build else []


_BUILT: Mapping[str, Callable[[AdapterSection, Linear], Built]] = {
    # An identity matrix, the whole update, the scaled update, and the sum of it and the weights whose norm is taken.
    "dora": lambda section, item: Built(0, item.inputs**2 + 3 * item.inputs * item.outputs),
    # The whole update, by which the rows are multiplied; before it the unscaled one.
    "lokr": lambda section, item: Built(item.inputs * item.outputs, item.inputs * item.outputs),
    # The same, of two products.
    "loha": lambda section, item: Built(item.inputs * item.outputs, 3 * item.inputs * item.outputs),
    # The identity and the rotation, two more for each further factor; the blocks and two products of each factor.
    "boft": lambda section, item: Built(
        2 * section.boft_n_butterfly_factor * item.inputs**2, 3 * section.boft_n_butterfly_factor * item.inputs**2
    ),
}


METHODS: Mapping[str, Callable[[AdapterSection, Anatomy], Learned]] = {
    "lora": _lora, "adalora": _adalora, "ia3": _ia3, "prefix": _prefix, "prompt": _prompt, "p_tuning": _p_tuning,
    "oft": _oft, "boft": _boft, "vera": _vera, "loha": _loha, "lokr": _lokr, "ln_tuning": _ln_tuning,
    "trainable_tokens": _trainable_tokens, "bottleneck": _bottleneck, "freeze": _freeze, "full": _full, "lisa": _lisa,
}  # fmt: skip
BASE_WEIGHTS = ("freeze", "full", "lisa")  # a copy of the base learns, in 32-bit numbers


def size_of(count: int, width: float) -> int:
    return math.ceil(count * width)
