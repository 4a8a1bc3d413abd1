"""A model's folder -> its sizes and layers, from config.json and the safetensors headers alone; torch is not needed."""

from __future__ import annotations

import functools
import json
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench import presets
from workbench.errors import UserError
from workbench.models import sources, weights

_EMBEDDING = re.compile(
    r"(^|\.)(embed_tokens|wte|wpe|embed_in|embed_positions|word_embeddings|tok_embeddings)\.weight$"
)
_HEAD = re.compile(r"(^|\.)(lm_head|embed_out|output)\.weight$")
_EXPERT = re.compile(r"\.experts\.")
_LAYER = re.compile(r"\.(?:layers|h|blocks)\.(\d+)\.")


@dataclass(frozen=True)
class Linear:
    """One nn.Linear (or GPT-2's Conv1D): `name` without `.weight`."""

    name: str
    inputs: int
    outputs: int

    @property
    def leaf(self) -> str:
        return self.name.rpartition(".")[2]


@dataclass(frozen=True)
class Anatomy:
    """What the memory of a training depends on."""

    family: str
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    parameters: int
    embedding: int  # parameters of the token embedding, which is the head as well where they are tied
    tied: bool
    linears: tuple[Linear, ...]  # those that "all-linear" means: neither head nor experts, which are fused in memory
    expert_linears: tuple[Linear, ...]  # one by one, as they are stored
    norms: int  # parameters of all normalisation layers
    layer_parameters: int  # of the last layer
    bytes_on_disk: int  # of the tensors, in the precision they are stored in
    quantised: bool  # stored in 4 or 8 bits already
    query_norm: bool  # queries and keys are normalised too (Qwen3, Gemma 3)
    experts: int  # per token and layer; 0 for a dense model
    activation: str  # of the feed-forward block, as config.json names it

    @property
    def head(self) -> int:
        """Parameters of the head, counted once."""
        return self.vocab * self.hidden

    @property
    def linear_parameters(self) -> int:
        return sum(linear.inputs * linear.outputs for linear in self.linears)


def of_path(path: str) -> Anatomy:
    """The anatomy behind `embedded`, a folder, or a hub name whose files are in the cache.

    Raises UserError for a folder that holds no model, and for a hub name that has not been downloaded yet.
    """
    folder = local_folder(path)
    files = sorted(folder.glob("*.safetensors"))
    if not (folder / "config.json").is_file() or not files:
        sources.check_weights(sources.folder(path, lambda fraction: None))
        raise UserError("memory.unreadable", path=path)
    marks = tuple((file.name, file.stat().st_mtime_ns) for file in (folder / "config.json", *files))
    return _of_folder(str(folder), marks)


def local_folder(path: str) -> Path:
    """Without asking any network."""
    if path == "embedded":
        return presets.embedded_model()
    if not sources.is_hub_name(path):
        return sources.folder(path, lambda fraction: None)
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(path, "config.json")
    if not isinstance(config, str | os.PathLike):
        raise UserError("memory.not_here", name=path)
    return Path(config).parent


@functools.lru_cache(maxsize=16)
def _of_folder(folder: str, marks: tuple[tuple[str, int], ...]) -> Anatomy:
    config = _config(Path(folder) / "config.json")
    tensors: dict[str, tuple[int, ...]] = {}
    stored = 0
    for name, _ in marks[1:]:
        found = weights.header(Path(folder) / name)
        if found is None:
            raise UserError("hub.broken_weights", path=folder, file=name)
        for tensor, entry in found.items():
            tensors[tensor] = tuple(entry["shape"])
            stored += entry["data_offsets"][1] - entry["data_offsets"][0]
    return _described(config, tensors, stored)


def _config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise UserError("memory.unreadable", path=path) from None
    return config | config.get("text_config", {})


def _described(config: dict[str, Any], tensors: dict[str, tuple[int, ...]], stored: int) -> Anatomy:
    def of(*names: str, default: int = 0) -> int:
        return next((int(config[name]) for name in names if config.get(name)), default)

    hidden, layers = of("hidden_size", "n_embd", "d_model"), of("num_hidden_layers", "n_layer", "num_layers")
    heads = of("num_attention_heads", "n_head", default=1)
    embedding = next((math.prod(shape) for name, shape in tensors.items() if _EMBEDDING.search(name)), 0)
    vocab = of("vocab_size") or (embedding // hidden if hidden else 0)
    tied = not any(_HEAD.search(name) for name in tensors)
    transposed = config.get("model_type") == "gpt2"
    total = sum(math.prod(shape) for shape in tensors.values())
    last = [name for name in tensors if (match := _LAYER.search(name)) and int(match[1]) == layers - 1]
    norms = [shape for name, shape in tensors.items() if "norm" in name.lower() or re.search(r"\.ln_\w+\.", name)]
    return Anatomy(
        family=str(config.get("model_type", "")),
        hidden=hidden,
        layers=layers,
        heads=heads,
        kv_heads=of("num_key_value_heads", default=heads),
        head_dim=of("head_dim", default=hidden // heads if heads else 0),
        intermediate=of("intermediate_size", "n_inner", "ffn_dim", default=4 * hidden),
        vocab=vocab,
        parameters=total,
        embedding=embedding,
        tied=tied,
        linears=tuple(_linears(tensors, transposed, experts=False)),
        expert_linears=tuple(_linears(tensors, transposed, experts=True)),
        norms=sum(math.prod(shape) for shape in norms),
        layer_parameters=sum(math.prod(tensors[name]) for name in last),
        bytes_on_disk=stored,
        quantised="quantization_config" in config,
        query_norm=any(".q_norm." in name for name in tensors),
        experts=of("num_experts_per_tok", "num_experts_per_token"),
        activation=str(config.get("hidden_act") or config.get("activation_function") or ""),
    )


def _linears(tensors: dict[str, tuple[int, ...]], transposed: bool, *, experts: bool) -> Iterator[Linear]:
    for name, shape in tensors.items():
        outside = _EMBEDDING.search(name) or _HEAD.search(name) or bool(_EXPERT.search(name)) != experts
        if len(shape) != 2 or not name.endswith(".weight") or outside:
            continue
        outputs, inputs = reversed(shape) if transposed else shape
        yield Linear(name.removesuffix(".weight"), inputs, outputs)
