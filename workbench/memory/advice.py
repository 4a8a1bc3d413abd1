"""A spec -> the contract's answer of `workbench estimate` and the page's `/estimate`: parts, verdict, remedies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.memory import begun
from workbench.memory.estimate import Rows, estimate
from workbench.memory.remedies import remedies
from workbench.specs import Spec


def advise(spec: Spec, home: Path, rows: Rows | None = None, *, foreign: bool = False) -> dict[str, Any]:
    """rows: the largest micro-batch, where the data have been counted; otherwise full batches of the longest rows.

    home: the workspace, with the adapter to begin with; foreign: whether that may lie elsewhere.
    """
    start = begun.folder(spec, home, foreign=foreign)
    found = estimate(spec, rows=rows, start=start)
    offered = remedies(spec, found, rows=rows, start=start)
    return found.to_json() | {"remedies": [remedy.to_json() for remedy in offered]}
