"""Bottleneck adapters in series or parallel, as LLM-Adapters has them; our own module and our own folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.data.render import Rendered
from workbench.models import bottleneck
from workbench.stages.methods.method import Method


class Bottleneck(Method):
    kind = "bottleneck"
    result = "bottleneck"

    def put_on(self, model: Any, tokenizer: Any, rows: Sequence[Rendered]) -> Any:
        if self.continues:
            model = bottleneck.load(model, self.start.path, self.start.name)
            self._config = bottleneck.BottleneckConfig.read(self.start.path)
        else:
            self._config = self._new(model)
            model = bottleneck.put_on(model, self._config)
        for network in bottleneck.small_networks(model).values():
            network.requires_grad_(True)
        return model

    def _new(self, model: Any) -> bottleneck.BottleneckConfig:
        text = model.config.get_text_config()
        return bottleneck.BottleneckConfig(
            placement=self.section.bottleneck_placement,
            size=self.section.bottleneck_size,
            activation=self.section.bottleneck_activation,
            scaling=self.section.bottleneck_scaling,
            dropout=self.section.bottleneck_dropout,
            hidden_size=text.hidden_size,
            layers=text.num_hidden_layers,
            base_model_name_or_path=self.spec.model.path,
        )

    def save(self, model: Any, folder: Path) -> None:
        bottleneck.save(model, self._config, folder)
        self.save_below(folder)

    def restore(self, model: Any, folder: Path) -> None:
        bottleneck.restore(model, folder)
