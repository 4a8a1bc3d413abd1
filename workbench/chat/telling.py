"""Tokens of a batch -> news of its columns: at most ten a second and only with something new, the last one at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.chat.request import Cell, Delta, Request
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.models.generate import Sampling, Scored
    from workbench.models.hub import Base


class Telling:
    """The ears of one `generate` call."""

    def __init__(
        self, request: Request, cells: list[Cell], samplings: Sequence[Sampling], base: Base, update_seconds: float
    ) -> None:
        self._request, self._cells, self._samplings, self._base = request, cells, samplings, base
        self._update_seconds = update_seconds
        self._began = time.perf_counter()
        self._next = 0.0
        self._first = 0.0
        self._told = [0] * len(cells)
        self._ended = [False] * len(cells)
        self._scores: list[list[Scored]] = [[] for _ in cells]

    def scored(self, row: int, score: Scored) -> None:
        self._scores[row].append(score)

    def tokens(self, answers: list[list[int]], done: list[bool]) -> None:
        now = time.perf_counter() - self._began
        self._first = self._first or now
        due = now >= self._next
        if due:
            self._next = now + self._update_seconds
        for row, ids in enumerate(answers):
            if done[row] and not self._ended[row]:
                self._ended[row] = True
                self._tell(row, ids, now, self._finish(row, ids))
            elif due and not done[row] and len(ids) > self._told[row]:
                self._told[row] = len(ids)
                self._tell(row, ids, now)

    def failed(self, problem: WorkbenchError) -> None:
        for cell, ended in zip(self._cells, self._ended, strict=True):
            if not ended:
                self._request.news.put(Delta(cell.column, "", True, problem, prompt=cell.prompt))

    def _finish(self, row: int, ids: list[int]) -> str:
        if len(ids) >= self._samplings[row].max_tokens:
            return "length"
        return "cancelled" if self._request.cancelled(self._cells[row].column) else "stop"

    def _tell(self, row: int, ids: list[int], seconds: float, finish: str = "") -> None:
        cell = self._cells[row]
        text = self._base.tokenizer.decode([*cell.begun, *ids], skip_special_tokens=True).strip()
        if finish:
            cell.answer = text
        else:
            text = text.rstrip("\ufffd")  # half a character: its other bytes are still to come
        scored = tuple(self._scores[row]) if self._request.options[cell.column].logprobs >= 0 else ()
        self._request.news.put(
            Delta(
                cell.column, text, bool(finish), None, len(ids), seconds, self._first, cell.cut, finish,
                len(cell.ids), scored, cell.step, cell.prompt, str(self._base.path), time.time(),
            )
        )  # fmt: skip
