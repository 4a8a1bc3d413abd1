"""Records rendered for a model -> token lengths, what the cut costs, and the rows that would teach nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from workbench.data.numbers import SPILLED_ROWS, Numbers
from workbench.data.render import IGNORED, Rendered, render_many, sides
from workbench.data.row_set import RowSet
from workbench.errors import NoTrainableTokens, UserError

if TYPE_CHECKING:
    from workbench.data.load import Item
    from workbench.data.reading import Seeing

_ROWS_LISTED = 1000


class TokenLengths:
    """Sees every rendered row once. truncated, untrained, refused: such rows."""

    def __init__(self, max_length: int) -> None:
        self.max_length = max_length
        self.truncated, self.untrained, self.refused = RowSet(), RowSet(), RowSet()
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
        if length > self.max_length:
            self.truncated.add(row)
        if len(self._lengths.tail) >= SPILLED_ROWS:
            self._lengths.spill()

    def _note(self, rows: RowSet, row: int, why: UserError) -> None:
        rows.add(row)
        if len(self.why) < _ROWS_LISTED:
            self.why.setdefault(row, why)

    def statistics(self) -> dict[str, Any]:
        """Figures in plain JSON.

        tokens: mean, p50, p95, max. histogram: [{"from", "to", "count"}] in tokens. truncated_percent: rows longer than
        max_length. trained_lost_percent: of the tokens that take loss, those behind the cut. untrained: rows without
        any token to learn. refused: rows that the template cannot render.
        """
        lengths = self._lengths.counts()
        rows, cut = len(lengths), lengths.above(self.max_length)
        return {
            "rows": rows,
            "max_length": self.max_length,
            "tokens": {
                "mean": round(lengths.total / max(1, rows), 1),
                "p50": int(lengths.percentile(50)) if rows else 0, "p95": int(lengths.percentile(95)) if rows else 0,
                "max": lengths.most, "sum": lengths.total,
            },
            "histogram": lengths.histogram(),
            "truncated": cut,
            "truncated_percent": round(100 * cut / max(1, rows), 2),
            "trained_lost_percent": round(100 * self._lost / self._trained, 2) if self._trained else 0.0,
            "untrained": self.untrained.part(0, _ROWS_LISTED),
            "untrained_count": len(self.untrained),
            "refused": self.refused.part(0, _ROWS_LISTED),
            "refused_count": len(self.refused),
        }  # fmt: skip


def measure(items: Iterable[Item], tokenizer: Any, seeing: Seeing) -> TokenLengths:
    """The lengths of all good items as they go by; a preference counts with each of its two dialogues."""
    lengths = TokenLengths(seeing.max_length)
    shown = ((item.row, side) for item in items if item.record is not None for side in sides(item.record))
    numbered, ahead = itertools.tee(shown)
    records = (record for _, record in ahead)
    rendered = render_many(records, tokenizer, seeing.max_length, template=seeing.template)
    for (row, _), result in zip(numbered, rendered, strict=True):
        lengths.add(row, result)
    return lengths
