"""Rendered rows -> tensors of a batch: padded side by side, or laid end to end when that is less work.

On a CPU a padded token costs as much as a real one. Rows laid end to end (positions start again at 0 in each, so
transformers masks attention between them) have no padding; attention over all pairs is the price: long rows are padded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

IGNORED = -100


@dataclass(frozen=True)
class Layout:
    """What decides between the two layouts: multiply-adds per token and per pair of tokens in one forward pass."""

    per_token: int
    per_pair: int

    @classmethod
    def of(cls, model: Any) -> Layout:
        config = model.config.get_text_config()
        embedding = model.get_input_embeddings().weight.numel()
        head = model.get_output_embeddings()
        body = sum(parameter.numel() for parameter in model.parameters()) - embedding
        if head is not None and head.weight is not model.get_input_embeddings().weight:
            body -= head.weight.numel()  # only trained positions reach the head, in either layout
        return cls(per_token=max(body, 1), per_pair=2 * config.hidden_size * config.num_hidden_layers)

    def flat_is_cheaper(self, lengths: Sequence[int]) -> bool:
        total, padded = sum(lengths), len(lengths) * max(lengths)
        flat_cost = total * self.per_token + total**2 * self.per_pair
        padded_cost = padded * self.per_token + padded * max(lengths) * self.per_pair
        return flat_cost < padded_cost


@dataclass(frozen=True)
class Collator:
    """A list of rows {"input_ids", "labels"[, "weights"]} -> a batch.

    Padded: input_ids, labels, attention_mask of shape (B, longest). Flat: input_ids, labels, position_ids of shape
    (1, total), each row's first label ignored: nothing before it predicts it. `weights` only where a row asks for them.
    """

    pad_token_id: int
    layout: Layout | None = None  # None: always padded

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        flat = self.layout is not None and self.layout.flat_is_cheaper([len(row["input_ids"]) for row in rows])
        batch = self._flat(rows) if flat else self._padded(rows)
        if any(row.get("weights") for row in rows):
            batch["weights"] = self._weights(rows, flat)
        return batch

    def _padded(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        longest = max(len(row["input_ids"]) for row in rows)
        return {
            "input_ids": _rectangle([row["input_ids"] for row in rows], longest, self.pad_token_id),
            "labels": _rectangle([row["labels"] for row in rows], longest, IGNORED),
            "attention_mask": _rectangle([[1] * len(row["input_ids"]) for row in rows], longest, 0),
        }

    def _flat(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        return {
            "input_ids": torch.tensor([[token for row in rows for token in row["input_ids"]]]),
            "labels": torch.tensor([[label for row in rows for label in (IGNORED, *row["labels"][1:])]]),
            "position_ids": torch.tensor([[place for row in rows for place in range(len(row["input_ids"]))]]),
        }

    def _weights(self, rows: Sequence[dict[str, Any]], flat: bool) -> torch.Tensor:
        given = [row.get("weights") or [1.0] * len(row["input_ids"]) for row in rows]
        if flat:
            return torch.tensor([[weight for weights in given for weight in weights]])
        return _rectangle(given, max(map(len, given)), 0.0)


def _rectangle(lists: Sequence[Sequence[Any]], width: int, filler: Any) -> torch.Tensor:
    return torch.tensor([[*values, *[filler] * (width - len(values))] for values in lists])


def count_tokens(batch: dict[str, torch.Tensor]) -> int:
    """Real tokens of a batch, padding left out."""
    mask = batch.get("attention_mask")
    return int(mask.sum()) if mask is not None else batch["input_ids"].numel()
