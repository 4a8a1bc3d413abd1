"""Records rendered for a model -> token lengths, what the cut costs, and the rows that would teach nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from workbench.data.records import Record
from workbench.data.render import IGNORED, Rendered, render_many
from workbench.errors import NoTrainableTokens

_BINS = 40
_ROWS_LISTED = 1000


def token_statistics(
    records: Iterable[Record], rows: Iterable[int], tokenizer: Any, max_length: int, *, template: str | None = None
) -> dict[str, Any]:
    """Figures of the token lengths, in plain JSON.

    tokens: mean, p50, p95, max. histogram: [{"from", "to", "count"}] in tokens. truncated_percent: rows longer than
    max_length. trained_lost_percent: of the tokens that take loss, those behind the cut. untrained: rows without any
    token to learn. refused: rows that the template cannot render.
    """
    import numpy as np

    lengths: list[int] = []
    trained = lost = 0
    untrained: list[int] = []
    refused: list[int] = []
    for row, result in zip(rows, render_many(records, tokenizer, max_length, template=template), strict=False):
        if isinstance(result, Rendered):
            lengths.append(len(result.input_ids) + len(result.cut_ids))
            behind = sum(label != IGNORED for label in result.cut_labels)
            trained += behind + sum(label != IGNORED for label in result.labels)
            lost += behind
        elif isinstance(result, NoTrainableTokens):
            lengths.append(result.params["length"])  # type: ignore[arg-type]
            trained += result.params["trained"]  # type: ignore[operator]
            lost += result.params["trained"]  # type: ignore[operator]
            untrained.append(row)
        else:
            refused.append(row)
    numbers = np.array(lengths or [0])
    counts, edges = np.histogram(numbers, bins=min(_BINS, max(1, int(numbers.max()))))
    middle, high = np.percentile(numbers, (50, 95))
    return {
        "rows": len(lengths),
        "max_length": max_length,
        "tokens": {
            "mean": round(float(numbers.mean()), 1), "p50": int(middle), "p95": int(high), "max": int(numbers.max()),
            "sum": int(numbers.sum()),
        },
        "histogram": [
            {"from": round(float(low), 1), "to": round(float(top), 1), "count": int(count)}
            for low, top, count in zip(edges[:-1], edges[1:], counts, strict=True)
        ],
        "truncated": int((numbers > max_length).sum()),
        "truncated_percent": round(100 * float((numbers > max_length).mean()), 2),
        "trained_lost_percent": round(100 * lost / trained, 2) if trained else 0.0,
        "untrained": untrained[:_ROWS_LISTED],
        "untrained_count": len(untrained),
        "refused": refused[:_ROWS_LISTED],
        "refused_count": len(refused),
    }  # fmt: skip
