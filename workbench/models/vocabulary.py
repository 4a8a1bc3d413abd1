"""New tokens -> a tokenizer that has them and a model with a row for each, begun as the mean of its pieces' rows.

Chinese-LLaMA-Alpaca (Cui et al. 2023). An adapter that was trained with new tokens carries `vocabulary.json` and its
tokenizer; it fits the base of the size that stands there and no other.
"""

from __future__ import annotations

import copy
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import UserError

if TYPE_CHECKING:
    from torch import nn

FILE = "vocabulary.json"


@dataclass(frozen=True)
class Vocabulary:
    """tokens: the new ones. pieces: ids of the old tokens that each was cut into. base_size: the old tokenizer's."""

    tokens: list[str]
    pieces: list[list[int]]
    base_size: int
    base_rows: int  # of the base's embedding, which may have some to spare

    @classmethod
    def of(cls, tokens: list[str], tokenizer: Any, base_rows: int) -> Vocabulary:
        pieces = [tokenizer(token, add_special_tokens=False)["input_ids"] for token in tokens]
        return cls(tokens, pieces, len(tokenizer), base_rows)

    @classmethod
    def read(cls, folder: Path) -> Vocabulary | None:
        try:
            return cls(**json.loads((folder / FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, folder: Path) -> None:
        (folder / FILE).write_text(json.dumps(asdict(self), ensure_ascii=False), encoding="utf-8")

    @property
    def size(self) -> int:
        return self.base_size + len(self.tokens)

    @property
    def ids(self) -> list[int]:
        return list(range(self.base_size, self.size))


def extended(tokenizer: Any, vocabulary: Vocabulary, alone: Any = lambda token: False) -> Any:
    """A copy of the tokenizer with the new tokens behind the old ones. alone: which are found as whole words only."""
    from tokenizers import AddedToken

    own = copy.deepcopy(tokenizer)
    own.add_tokens([AddedToken(token, normalized=False, single_word=alone(token)) for token in vocabulary.tokens])
    if len(own) != vocabulary.size:
        raise UserError("vocabulary.not_added", found=len(own), wanted=vocabulary.size)
    return own


def grow(model: nn.Module, vocabulary: Vocabulary, name: str = "", base: str = "") -> nn.Module:
    """Rows for the new tokens in a bare model over tensors of its own, in the embedding and in the head.

    Raises UserError, with both sizes and the pair that fits, when the model is not the one they were made for.
    """
    import torch

    rows = model.get_input_embeddings().weight.shape[0]
    if rows != vocabulary.base_rows:
        raise UserError(
            "vocabulary.mismatch", name=name, found=rows, wanted=vocabulary.base_rows, size=vocabulary.size,
            added=len(vocabulary.tokens), base=base or "?",
        )  # fmt: skip
    if vocabulary.size > rows:
        with torch.random.fork_rng(devices=[]):
            model.resize_token_embeddings(vocabulary.size, mean_resizing=False)
    tables = {id(part.weight): part.weight for part in (model.get_input_embeddings(), model.get_output_embeddings())}
    with torch.no_grad():
        for table in tables.values():
            for token, pieces in zip(vocabulary.ids, vocabulary.pieces, strict=True):
                table[token] = table[torch.tensor(pieces, device=table.device)].float().mean(0).to(table.dtype)
    return model.requires_grad_(False)


def tables_of(model: nn.Module) -> tuple[str, str | None]:
    """Names of the embedding and of the head, as PEFT targets them; None for a head that is the embedding."""
    inside, outside = model.get_input_embeddings(), model.get_output_embeddings()
    names = {id(module): name.rpartition(".")[2] for name, module in model.named_modules()}
    tied = outside is None or outside.weight is inside.weight
    return names[id(inside)], None if tied else names[id(outside)]
