"""Base weights that learn themselves: all of them, the last layers, or random layers in turn (LISA)."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from workbench.data.render import Rendered
from workbench.errors import UserError
from workbench.models.building import BUILDING
from workbench.models.layers import layers_of
from workbench.stages.methods.method import Method


class BaseWeights(Method):
    """On a private copy; the result is a whole model, in the base's own numbers, with its tokenizer."""

    result = "model"
    changes_base = True

    def put_on(self, model: Any, tokenizer: Any, rows: Sequence[Rendered]) -> Any:
        self._tokenizer = tokenizer
        self._dtype = model.dtype
        # Steps are far smaller than what 16 bits can tell apart: learn in 32; autocast still computes in 16.
        model = model.float().requires_grad_(False)
        for value in self.chosen(model):
            value.requires_grad_(True)
        return model

    def chosen(self, model: Any) -> Iterator[torch.nn.Parameter]:
        raise NotImplementedError

    def save(self, model: Any, folder: Path) -> None:
        narrow = {name: value.to(self._dtype) for name, value in model.state_dict().items()}
        self._save(model, folder, narrow, self._dtype)

    def save_checkpoint(self, model: Any, folder: Path) -> None:
        self._save(model, folder, None, torch.float32)

    def _save(self, model: Any, folder: Path, values: dict[str, Any] | None, dtype: torch.dtype) -> None:
        model.save_pretrained(folder, state_dict=values)
        self._tokenizer.save_pretrained(folder)
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config["dtype"] = str(dtype).removeprefix("torch.")
        (folder / "config.json").write_text(json.dumps(config, indent=2, ensure_ascii=False), encoding="utf-8")

    def restore(self, model: Any, folder: Path) -> None:
        from transformers import AutoModelForCausalLM

        with BUILDING:
            kept = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, use_safetensors=True)
        with torch.no_grad():
            values = dict(kept.named_parameters())
            for name, value in model.named_parameters():
                value.copy_(values[name])


class Full(BaseWeights):
    kind = "full"
    learns_tokens = True

    def chosen(self, model: Any) -> Iterator[torch.nn.Parameter]:
        yield from model.parameters()


class Freeze(BaseWeights):
    kind = "freeze"

    def chosen(self, model: Any) -> Iterator[torch.nn.Parameter]:
        layers, count = layers_of(model), self.section.trained_layers
        if count > len(layers):
            raise UserError("methods.too_many_layers", knob="adapter.trained_layers", value=count, layers=len(layers))
        for layer in layers[-count:]:
            yield from layer.parameters()


class Lisa(BaseWeights):
    kind = "lisa"
    learns_tokens = True

    def chosen(self, model: Any) -> Iterator[torch.nn.Parameter]:
        """All: the optimizer must know each of them; which ones learn is drawn before each interval."""
        layers, count = layers_of(model), self.section.lisa_layers
        if count > len(layers):
            raise UserError("methods.too_many_layers", knob="adapter.lisa_layers", value=count, layers=len(layers))
        yield from model.parameters()

    def callbacks(self, model: Any) -> list[TrainerCallback]:
        return [_Turns(model, self.section.lisa_layers, self.section.lisa_interval, self.spec.training.seed)]


class _Turns(TrainerCallback):
    """Before each interval: these layers learn, the others rest and their optimizer state is given back."""

    def __init__(self, model: Any, count: int, interval: int, seed: int) -> None:
        self.layers = list(layers_of(model))
        self.count, self.interval, self.seed = count, interval, seed
        self.active: list[int] | None = None

    def drawn(self, step: int) -> list[int]:
        """Depends on seed and step alone, so that a resumed run draws the same."""
        numbers = random.Random(f"{self.seed}/{step // self.interval}")
        return sorted(numbers.sample(range(len(self.layers)), self.count))

    def on_step_begin(self, args: Any, state: Any, control: Any, optimizer: Any = None, **_: Any) -> None:
        active = self.drawn(state.global_step)
        if active == self.active:
            return
        self.active = active
        inner = getattr(optimizer, "optimizer", optimizer)  # accelerate wraps it
        for number, layer in enumerate(self.layers):
            for value in layer.parameters():
                value.requires_grad_(number in active)
                if number not in active:
                    value.grad = None
                    inner.state.pop(value, None)
