"""Records rendered for a model -> token lengths, what the cut costs, and the rows that would teach nothing."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from workbench.data.numbers import SPILLED_ROWS, Numbers
from workbench.data.quality import histogram
from workbench.data.render import IGNORED, Rendered, render_many
from workbench.errors import NoTrainableTokens, UserError

if TYPE_CHECKING:
    from workbench.data.load import Item
    from workbench.data.reading import Seeing

_ROWS_LISTED = 1000


class TokenLengths:
    """Sees every rendered row once. truncated, untrained, refused: the numbers of such rows, in order."""

    def __init__(self, max_length: int) -> None:
        self.max_length = max_length
        self.truncated, self.untrained, self.refused = array("I"), array("I"), array("I")
        self.why: dict[int, UserError] = {}  # of the first untrained and refused rows
        self._lengths = Numbers("I")
        self._trained = self._lost = 0

    def add(self, row: int, result: Rendered | UserError) -> None:
        if isinstance(result, Rendered):
            length = len(result.input_ids) + len(result.cut_ids)
            behind = sum(label != IGNORED for label in result.cut_labels)
            self._trained += behind + sum(label != IGNORED for label in result.labels)
            self._lost += behind
        elif isinstance(result, NoTrainableTokens):
            length = result.params["length"]  # type: ignore[assignment]
            self._trained += result.params["trained"]  # type: ignore[operator]
            self._lost += result.params["trained"]  # type: ignore[operator]
            self._note(self.untrained, row, result)
        else:
            self._note(self.refused, row, result)
            return
        self._lengths.append(length)
        if length > self.max_length and (not self.truncated or self.truncated[-1] != row):
            self.truncated.append(row)
        if len(self._lengths.tail) >= SPILLED_ROWS:
            self._lengths.spill()

    def _note(self, rows: array, row: int, why: UserError) -> None:
        if not rows or rows[-1] != row:
            rows.append(row)
        if len(self.why) < _ROWS_LISTED:
            self.why.setdefault(row, why)

    def statistics(self) -> dict[str, Any]:
        """Figures in plain JSON.

        tokens: mean, p50, p95, max. histogram: [{"from", "to", "count"}] in tokens. truncated_percent: rows longer than
        max_length. trained_lost_percent: of the tokens that take loss, those behind the cut. untrained: rows without
        any token to learn. refused: rows that the template cannot render.
        """
        import numpy as np

        numbers = self._lengths.whole() if len(self._lengths) else np.zeros(1, np.uint32)
        middle, high = np.percentile(numbers, (50, 95))
        cut = numbers > self.max_length
        return {
            "rows": len(self._lengths),
            "max_length": self.max_length,
            "tokens": {
                "mean": round(float(numbers.mean()), 1), "p50": int(middle), "p95": int(high),
                "max": int(numbers.max()), "sum": int(numbers.sum(dtype=np.int64)),
            },
            "histogram": histogram(numbers),
            "truncated": int(cut.sum()),
            "truncated_percent": round(100 * float(cut.mean()), 2),
            "trained_lost_percent": round(100 * self._lost / self._trained, 2) if self._trained else 0.0,
            "untrained": self.untrained[:_ROWS_LISTED].tolist(),
            "untrained_count": len(self.untrained),
            "refused": self.refused[:_ROWS_LISTED].tolist(),
            "refused_count": len(self.refused),
        }  # fmt: skip


def measure(items: Iterable[Item], tokenizer: Any, seeing: Seeing) -> TokenLengths:
    """The lengths of all good items as they go by."""
    lengths = TokenLengths(seeing.max_length)
    good, ahead = itertools.tee(item for item in items if item.record is not None)
    records = (item.record for item in ahead)
    rendered = render_many(records, tokenizer, seeing.max_length, template=seeing.template)  # type: ignore[arg-type]
    for item, result in zip(good, rendered, strict=True):
        lengths.add(item.row, result)
    return lengths
