"""A spec -> the contract's answer of `workbench estimate` and the page's `/estimate`: parts, verdict, remedies."""

from __future__ import annotations

from typing import Any

from workbench.memory.estimate import Rows, estimate
from workbench.memory.remedies import remedies
from workbench.specs import Spec


def advise(spec: Spec, rows: Rows | None = None) -> dict[str, Any]:
    """rows: the largest micro-batch, where the data have been counted; otherwise full batches of the longest rows."""
    found = estimate(spec, rows=rows)
    return found.to_json() | {"remedies": [remedy.to_json() for remedy in remedies(spec, found, rows=rows)]}
