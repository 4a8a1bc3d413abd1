"""Votes -> who wins how often and how strong each column is, with intervals that say how sure that is.

Strength: Bradley-Terry (choix), on Elo's scale: 1000 on average, 400 points are odds of ten to one. A tie and "both
bad" are half a win for each side; a vote among several columns is a win over each of the others. Its interval is the
percentile bootstrap over votes (scipy). A share of wins has Wilson's interval (scipy) over the votes with a winner.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.chat.votes import BOTH_BAD, TIE
from workbench.errors import UserError

CONFIDENCE = 0.95
RESAMPLES = 200
FEW_VOTES = 30  # below, the page says that the numbers may still turn
_PRIOR = 0.1  # virtual wins of every pair: keeps a column that never lost, and columns that never met, finite
_MEAN, _SCALE = 1000.0, 400.0 / math.log(10.0)


def standings(votes: Sequence[Mapping[str, Any]], *, resamples: int = RESAMPLES) -> dict[str, Any]:
    """{"votes", "blind", "ties", "both_bad", "rows", "pairs"}, rows strongest first.

    rows: column, votes, wins, losses, ties, both_bad, win_rate and strength with their intervals [low, high].
    pairs: for each two columns that met: votes, wins of the first and of the second.
    Raises UserError when the statistics libraries are not installed.
    """
    names = sorted({name for vote in votes for name in vote["columns"]})
    counts = {name: _counts(name, votes) for name in names}
    strengths = _strengths(names, votes, resamples) if votes else {}
    rows = [
        {"column": name, **counts[name], "win_rate": _win_rate(counts[name]), "strength": strengths[name]}
        for name in names
    ]
    return {
        "votes": len(votes),
        "blind": sum(bool(vote.get("blind")) for vote in votes),
        "ties": sum(vote["winner"] == TIE for vote in votes),
        "both_bad": sum(vote["winner"] == BOTH_BAD for vote in votes),
        "few": FEW_VOTES,
        "rows": sorted(rows, key=lambda row: -row["strength"]["value"]),
        "pairs": _pairs(names, votes),
    }


def _counts(name: str, votes: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    outcomes = [vote["winner"] for vote in votes if name in vote["columns"]]
    ties, both_bad, wins = (sum(winner == which for winner in outcomes) for which in (TIE, BOTH_BAD, name))
    losses = len(outcomes) - ties - both_bad - wins
    return {"votes": len(outcomes), "wins": wins, "losses": losses, "ties": ties, "both_bad": both_bad}


def _win_rate(counts: Mapping[str, int]) -> dict[str, Any] | None:
    """None where no vote had a winner: there is no share of nothing."""
    decided = counts["wins"] + counts["losses"]
    if not decided:
        return None
    interval = _scipy_stats().binomtest(counts["wins"], decided).proportion_ci(CONFIDENCE, method="wilson")
    return {
        "value": counts["wins"] / decided,
        "low": float(interval.low),
        "high": float(interval.high),
        "decided": decided,
    }


def _pairs(names: Sequence[str], votes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    pairs = []
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            met = [vote["winner"] for vote in votes if first in vote["columns"] and second in vote["columns"]]
            if met:
                wins = [sum(winner == name for winner in met) for name in (first, second)]
                pairs.append({"columns": [first, second], "votes": len(met), "wins": wins})
    return pairs


def _strengths(names: Sequence[str], votes: Sequence[Mapping[str, Any]], resamples: int) -> dict[str, dict[str, Any]]:
    choix, numpy = _choix()
    wins = numpy.stack([_wins(names, vote, numpy) for vote in votes])  # (votes, columns, columns)

    def fitted(chosen: Any) -> Any:
        counts = numpy.bincount(chosen.astype(int), minlength=len(votes))
        matrix = numpy.tensordot(counts, wins, axes=1)
        params = choix.ilsr_pairwise_dense(matrix, alpha=_PRIOR, max_iter=10_000)
        return _MEAN + _SCALE * (params - params.mean())

    values = fitted(numpy.arange(len(votes)))
    if len(votes) < 2 or len(names) < 2:  # nothing to draw from
        return {
            name: {"value": float(value), "low": None, "high": None} for name, value in zip(names, values, strict=True)
        }
    interval = (
        _scipy_stats()
        .bootstrap(
            (numpy.arange(len(votes)),),
            fitted,
            vectorized=False,
            n_resamples=resamples,
            confidence_level=CONFIDENCE,
            method="percentile",
            rng=numpy.random.default_rng(0),  # the same votes give the same table
        )
        .confidence_interval
    )
    return {
        name: {"value": float(value), "low": float(low), "high": float(high)}
        for name, value, low, high in zip(names, values, interval.low, interval.high, strict=True)
    }


def _wins(names: Sequence[str], vote: Mapping[str, Any], numpy: Any) -> Any:
    """Row beats column: 1 for a win, a half each where nobody won."""
    matrix = numpy.zeros((len(names), len(names)))
    places = [names.index(name) for name in vote["columns"]]
    if vote["winner"] in (TIE, BOTH_BAD):
        for one in places:
            for other in places:
                matrix[one, other] = 0.5 * (one != other)
    else:
        best = names.index(vote["winner"])
        for other in places:
            matrix[best, other] = float(other != best)
    return matrix


def _choix() -> tuple[Any, Any]:
    try:
        import choix
        import numpy
    except ModuleNotFoundError as error:
        raise UserError("votes.no_statistics", package=error.name) from None
    return choix, numpy


def _scipy_stats() -> Any:
    try:
        from scipy import stats
    except ModuleNotFoundError as error:
        raise UserError("votes.no_statistics", package=error.name) from None
    return stats
