"""Series and parallel bottleneck adapters: small networks at each feed-forward block.

Houlsby et al. 2019 and He et al. 2021, as LLM-Adapters has them; not in PEFT. A folder holds `bottleneck_config.json`
and `bottleneck_model.safetensors`, the weights by number of the layer. What they compute is no sum of weights, so they
cannot be merged into the base.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from workbench.errors import UserError
from workbench.models import weights
from workbench.models.layers import feed_forward_of, layers_of

CONFIG, WEIGHTS = "bottleneck_config.json", "bottleneck_model.safetensors"
_ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}


@dataclass(frozen=True)
class BottleneckConfig:
    """What has to be known to put the weights on a base again."""

    placement: Literal["series", "parallel"]
    size: int
    activation: str
    scaling: float
    dropout: float
    hidden_size: int
    layers: int
    base_model_name_or_path: str = ""

    @classmethod
    def read(cls, folder: Path) -> BottleneckConfig | None:
        """None when there is none, or not a whole one."""
        try:
            return cls(**json.loads((folder / CONFIG).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


class Bottleneck(nn.Module):
    """x (…, hidden) -> scaling · up(activation(down(x))); begins as zero."""

    def __init__(self, config: BottleneckConfig) -> None:
        super().__init__()
        self.down = nn.Linear(config.hidden_size, config.size)
        self.activation = _ACTIVATIONS[config.activation]()
        self.up = nn.Linear(config.size, config.hidden_size)
        self.dropout = nn.Dropout(config.dropout)
        self.scaling = config.scaling
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        narrow = self.activation(self.down(self.dropout(x.to(self.down.weight.dtype))))
        return (self.up(narrow) * self.scaling).to(x.dtype)


class WithBottleneck(nn.Module):
    """A feed-forward block with its small network; stands where the block stood."""

    def __init__(self, block: nn.Module, config: BottleneckConfig) -> None:
        super().__init__()
        self.block = block
        self.bottleneck = Bottleneck(config)
        self.series = config.placement == "series"

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        found = self.block(x, *args, **kwargs)
        result, *rest = found if isinstance(found, tuple) else (found,)  # experts may tell their router's logits too
        result = result + self.bottleneck(result if self.series else x)
        return (result, *rest) if rest else result


def put_on(model: nn.Module, config: BottleneckConfig) -> nn.Module:
    """Small networks beside all feed-forward blocks of a tree, which is changed. Draws the global random numbers."""
    device = next(model.parameters()).device
    for layer in layers_of(model):
        name = feed_forward_of(layer)
        setattr(layer, name, WithBottleneck(getattr(layer, name), config).to(device))
    return model


def small_networks(model: nn.Module) -> Mapping[str, nn.Module]:
    """The number of a layer, as text -> its small network."""
    found = {}
    for number, layer in enumerate(layers_of(model)):
        block = getattr(layer, feed_forward_of(layer))
        if isinstance(block, WithBottleneck):
            found[str(number)] = block.bottleneck
    return found


def save(model: nn.Module, config: BottleneckConfig, folder: Path) -> None:
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{number}.{name}": value.detach().contiguous()
        for number, network in small_networks(model).items()
        for name, value in network.state_dict().items()
    }
    save_file(tensors, folder / WEIGHTS, {"format": "pt"})
    (folder / CONFIG).write_text(json.dumps(dataclasses.asdict(config), indent=2), encoding="utf-8")


def load(model: nn.Module, folder: Path, name: str = "") -> nn.Module:
    """A saved bottleneck on a tree, which is changed; draws on no random numbers. Raises UserError if it cannot fit."""
    config = BottleneckConfig.read(folder)
    if config is None or weights.header(folder / WEIGHTS) is None:
        raise UserError("adapters.half_written", path=name or folder.name, file=WEIGHTS)
    text = model.config.get_text_config()
    if (config.hidden_size, config.layers) != (text.hidden_size, text.num_hidden_layers):
        raise UserError(
            "bottleneck.other_base", name=name or folder.name, found=f"{config.layers} × {config.hidden_size}",
            wanted=f"{text.num_hidden_layers} × {text.hidden_size}",
        )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        put_on(model, config)
    restore(model, folder)
    return model.eval().requires_grad_(False)


def restore(model: nn.Module, folder: Path) -> None:
    """The saved weights into small networks that are there already."""
    from safetensors.torch import load_file

    kept = load_file(folder / WEIGHTS)
    for number, network in small_networks(model).items():
        prefix = f"{number}."
        network.load_state_dict({key.removeprefix(prefix): kept[key] for key in kept if key.startswith(prefix)})


def merge(folder: Path) -> None:
    """Raises UserError, always: there is an activation between the two layers, so no weight of the base can hold it."""
    raise UserError("bottleneck.no_merge", name=folder.name)
