"""Rows that come and go -> their tokens, in one batch: whoever comes later does not wait for those who are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from workbench.models import mixing
from workbench.models.generate import Chooser, Decoder, Sampling, Scored, score

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(eq=False)
class Row:
    """One answer in the making."""

    prompt: Sequence[int]
    adapter: mixing.Who | None
    sampling: Sampling
    stop: Callable[[], bool]  # asked before every token: a row that it stops keeps what it has
    likeliest: int = -1  # how many alternatives to keep beside every token; -1: not even its probability
    ids: list[int] = field(default_factory=list)
    scored: list[Scored] = field(default_factory=list)
    done: bool = False
    began: int = 0  # the batch's position at its first token


class NotJoined(Exception):
    """Rows could not join, for the reason in __cause__; those that are there go on."""


class Rolling:
    """`join`, then in turn `choose` and `advance` until no row is open; others may `join` after any `advance`.

    Every row gets the tokens that models/generate.py would give it alone: its own adapter, random numbers by its own
    position, the same end tokens.
    """

    def __init__(self, tree: nn.Module, pad_id: int, ends: frozenset[int]) -> None:
        self._tree, self._pad_id, self._ends = tree, pad_id, ends
        self._rows: list[Row] = []  # in the batch's order, those among them that are done too
        self._decoder: Decoder | None = None
        self._logits: torch.Tensor | None = None  # (rows, vocab)
        self._tokens: torch.Tensor | None = None  # (rows,)
        self._position = 0
        self._mixed = ExitStack()

    def __enter__(self) -> Rolling:
        return self

    def __exit__(self, *_: object) -> None:
        self._mixed.close()

    @property
    def open(self) -> int:
        """How many rows are not done."""
        return sum(not row.done for row in self._rows)

    @property
    def takes_more(self) -> bool:
        """Whether the model's cache lets rows come and go."""
        return self._decoder is None or self._decoder.changeable

    def join(self, rows: Sequence[Row]) -> None:
        """Put rows with their prompts into the batch. Those that are done leave it.

        Raises NotJoined when their prompts cannot be read beside the rows that are there.
        """
        import torch

        fresh = [rows[place] for place in _order(rows)]
        self._mixed.close()
        try:
            with torch.inference_mode(), mixing.rows(self._tree, _adapters(fresh)):
                decoder = Decoder(self._tree, [list(row.prompt) for row in fresh], self._pad_id)
                logits = decoder.begin()
        except Exception as error:
            if self._decoder is None:
                raise
            self._arrange()
            raise NotJoined from error
        for row in fresh:
            row.began = self._position
        with torch.inference_mode():
            if self._decoder is None:
                self._rows, self._decoder, self._logits = fresh, decoder, logits
            else:
                self._decoder.absorb(decoder)
                self._rows, self._logits = [*self._rows, *fresh], torch.cat([self._logits, logits])
                places = _order(self._rows)
                self._keep([place for place in places if not self._rows[place].done])
        self._arrange()

    def choose(self) -> None:
        """Every open row's next token."""
        self._tokens = self._chooser.choose(self._logits, self._position)
        chosen = self._tokens.tolist()
        likeliest = max(row.likeliest for row in self._rows)
        scores = score(self._logits, self._tokens, likeliest) if likeliest >= 0 else []
        for place, row in enumerate(self._rows):
            if row.done:
                continue
            if row.stop() or chosen[place] in self._ends:
                row.done = True
                continue
            row.ids.append(chosen[place])
            if row.likeliest >= 0:
                own = scores[place]
                row.scored.append(replace(own, likeliest=own.likeliest[: row.likeliest]))
            row.done = len(row.ids) >= row.sampling.max_tokens
        self._position += 1

    def advance(self) -> None:
        """One pass of the model; needs an open row. Once half of the rows are done the others go on without them."""
        import torch

        with torch.inference_mode():
            if 2 * self.open <= len(self._rows) and self._decoder.changeable:
                self._mixed.close()
                places = [place for place, row in enumerate(self._rows) if not row.done]
                self._tokens = self._tokens[torch.tensor(places, device=self._tokens.device)]
                self._keep(places)
                self._arrange()
            self._logits = self._decoder.step(self._tokens)

    def _keep(self, places: list[int]) -> None:
        import torch

        self._decoder.keep(places)
        self._logits = self._logits[torch.tensor(places, device=self._logits.device)]
        self._rows = [self._rows[place] for place in places]

    def _arrange(self) -> None:
        """What depends on which rows there are: the adapters in the tree's layers, and whose random numbers are due."""
        self._mixed.enter_context(mixing.rows(self._tree, _adapters(self._rows)))
        samplings = [replace(row.sampling, start=row.sampling.start - row.began) for row in self._rows]
        self._chooser = Chooser(samplings, self._decoder.device)


def _adapters(rows: Sequence[Row]) -> list[mixing.Who]:
    return [row.adapter or mixing.BARE for row in rows]


def _order(rows: Sequence[Row]) -> list[int]:
    """Places of the rows, bare ones first, those of one adapter side by side."""
    ranks = {name: rank for rank, name in enumerate(sorted({row.adapter for row in rows if row.adapter}, key=str), 1)}
    return sorted(range(len(rows)), key=lambda place: ranks.get(rows[place].adapter, 0))
