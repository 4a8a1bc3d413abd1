"""Rendered rows -> tensors of a batch: padded side by side, or laid end to end when that is less work.

On a CPU a padded token costs as much as a real one. Rows laid end to end (positions start again at 0 in each, so
transformers masks attention between them) have no padding; attention over all pairs is the price: long rows are padded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import Sampler
from transformers.trainer_pt_utils import get_length_grouped_indices

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
    """A list of rows {"input_ids", "labels"[, "weights"][, "lengths"][, "rows"]} -> a batch.

    Padded: input_ids, labels, attention_mask of shape (B, longest). Flat: input_ids, labels, position_ids of shape
    (1, total), each document's first label ignored: nothing before it predicts it. `lengths` are those of the documents
    that were packed into a row. `weights` only where a row asks for them. `rows`: which rows of the data these are.
    """

    pad_token_id: int
    layout: Layout | None = None  # None: always padded
    packed: bool = False  # always flat

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        flat = self.packed
        if self.layout is not None:
            flat = self.layout.flat_is_cheaper([len(row["input_ids"]) for row in rows])
        batch = self._flat(rows) if flat else self._padded(rows)
        if any(row.get("weights") for row in rows):
            batch["weights"] = self._weights(rows, flat)
        if all("rows" in row for row in rows):
            batch["rows"] = torch.tensor([index for row in rows for index in row["rows"]])
        return batch

    def _padded(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        longest = max(len(row["input_ids"]) for row in rows)
        return {
            "input_ids": _rectangle([row["input_ids"] for row in rows], longest, self.pad_token_id),
            "labels": _rectangle([row["labels"] for row in rows], longest, IGNORED),
            "attention_mask": _rectangle([[1] * len(row["input_ids"]) for row in rows], longest, 0),
        }

    def _flat(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        lengths = [length for row in rows for length in row.get("lengths") or [len(row["input_ids"])]]
        positions = [place for length in lengths for place in range(length)]
        placed = zip((label for row in rows for label in row["labels"]), positions, strict=True)
        return {
            "input_ids": torch.tensor([[token for row in rows for token in row["input_ids"]]]),
            "labels": torch.tensor([[label if place else IGNORED for label, place in placed]]),
            "position_ids": torch.tensor([positions]),
        }

    def _weights(self, rows: Sequence[dict[str, Any]], flat: bool) -> torch.Tensor:
        given = [row.get("weights") or [1.0] * len(row["input_ids"]) for row in rows]
        if flat:
            return torch.tensor([[weight for weights in given for weight in weights]])
        return _rectangle(given, max(map(len, given)), 0.0)


class ByLength(Sampler):
    """Rows of similar length beside each other, drawn anew in each epoch from the seed.

    The Trainer's own draws from the global generator, so that a resumed run would see another order.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed, self.epoch = list(lengths), batch_size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        return iter(get_length_grouped_indices(self.lengths, self.batch_size, generator=generator))


def _rectangle(lists: Sequence[Sequence[Any]], width: int, filler: Any) -> torch.Tensor:
    return torch.tensor([[*values, *[filler] * (width - len(values))] for values in lists])


def count_tokens(batch: dict[str, torch.Tensor]) -> int:
    """Real tokens of a batch, padding left out."""
    mask = batch.get("attention_mask")
    return int(mask.sum()) if mask is not None else batch["input_ids"].numel()
