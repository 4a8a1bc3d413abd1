"""Micro-batches since the last log line -> which rows of the data were in the one that went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Suspect:
    """The step and the rows (counted from 0, as the trainer got them) of one micro-batch."""

    step: int
    rows: tuple[int, ...]


class Watch:
    """Keeps losses on their device: looking at each would make the device wait for the host."""

    def __init__(self) -> None:
        self._seen: list[tuple[int, torch.Tensor | None, torch.Tensor | None]] = []

    def begin(self, step: int, rows: torch.Tensor | None) -> None:
        self._seen.append((step, rows, None))

    def end(self, loss: torch.Tensor) -> None:
        step, rows, _ = self._seen[-1]
        self._seen[-1] = (step, rows, loss)

    def forget(self) -> None:
        """After a log line without a problem."""
        self._seen.clear()

    def broken(self) -> Suspect | None:
        """The first micro-batch whose loss is no number, else the last one (its gradient was the problem)."""
        for step, rows, loss in self._seen:
            if loss is not None and not bool(torch.isfinite(loss)):
                return _suspect(step, rows)
        return self.last()

    def highest(self) -> Suspect | None:
        """The micro-batch with the highest loss."""
        done: list[Any] = [entry for entry in self._seen if entry[2] is not None]
        return _suspect(*max(done, key=lambda entry: float(entry[2]))[:2]) if done else None

    def last(self) -> Suspect | None:
        return _suspect(*self._seen[-1][:2]) if self._seen else None


def _suspect(step: int, rows: torch.Tensor | None) -> Suspect:
    return Suspect(step, tuple(rows.tolist()) if rows is not None else ())
