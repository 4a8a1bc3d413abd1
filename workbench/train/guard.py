"""Losses as they are logged -> a stop with step, rows and advice when they are no numbers or have exploded."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from workbench.errors import Quoted, WorkbenchError

if TYPE_CHECKING:
    from workbench.stages.watch import Suspect

_LINES = 3  # log lines in a row above the limit: one bad batch is no explosion
_TIMES_A_GUESS = 2.0  # above this many times the loss of a blind guess, ln(vocabulary)
_TIMES_THE_LOWEST = 3.0  # and above this many times the lowest loss so far
_SHOWN = 3
_WIDTH = 60
_MARKS = re.compile(r"<[|/]?\w[^<>\s]{0,40}>")  # <|im_start|>, <eos>, </s>


class Guard:
    """`trainer` is set once it is built; texts: what the rows say, in the order in which the trainer got them."""

    def __init__(self, texts: Sequence[str], log: Callable[[str], None], *, stops_explosions: bool) -> None:
        self.texts, self.log, self.stops_explosions = texts, log, stops_explosions
        self.trainer: Any = None
        self._lowest, self._above = math.inf, 0

    def look(self, step: int, loss: float, norm: float | None) -> None:
        """Raises WorkbenchError, after the whole rows went to the log."""
        for what, value in (("loss", loss), ("gradient", norm)):
            if value is not None and not math.isfinite(value):
                suspect = self.trainer.watch.broken()
                raise WorkbenchError(
                    "train.not_finite", step=suspect.step if suspect else step, what=what, rows=self._told(suspect)
                )
        self._lowest = min(self._lowest, loss)
        guess = math.log(self.trainer.model.config.get_text_config().vocab_size)
        exploded = loss > _TIMES_A_GUESS * guess and loss > _TIMES_THE_LOWEST * self._lowest
        self._above = self._above + 1 if exploded else 0
        if self.stops_explosions and self._above >= _LINES:
            suspect = self.trainer.watch.highest()
            raise WorkbenchError(
                "train.exploded", step=step, loss=f"{loss:.3g}", lowest=f"{self._lowest:.3g}", rows=self._told(suspect)
            )
        self.trainer.watch.forget()

    def _told(self, suspect: Suspect | None) -> str:
        """The rows' beginnings (outside: their numbers alone); the whole of them goes to the log."""
        if suspect is None or not suspect.rows:
            return "–"
        for row in suspect.rows:
            self.log(f"row {row + 1} of step {suspect.step}'s batch: {self.texts[row]}")
        first = suspect.rows[:_SHOWN]
        more = f" +{len(suspect.rows) - len(first)}" if len(suspect.rows) > len(first) else ""
        said = " · ".join(f"{row + 1} “{_beginning(self.texts[row])}”" for row in first)
        return Quoted(said + more, " · ".join(str(row + 1) for row in first) + more)


def _beginning(text: str) -> str:
    text = " ".join(_MARKS.sub(" ", text).split())
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
