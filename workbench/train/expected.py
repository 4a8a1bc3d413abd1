"""Rows as they are about to train -> the memory that the estimate expects, to stand beside what is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workbench.data.render import Rendered
from workbench.errors import WorkbenchError
from workbench.memory.estimate import estimate
from workbench.specs import Spec
from workbench.train.plan import Counted, rows_of

if TYPE_CHECKING:
    from workbench.models.hub import Base


def expected_bytes(spec: Spec, rendered: Sequence[Any], base: Base) -> int | None:
    """None where the model's files do not tell. On a CPU whatever this process holds besides the base counts too."""
    import psutil

    rows = [row for row in rendered if isinstance(row, Rendered)]
    if not rows:
        return None
    try:
        found = estimate(spec, rows=rows_of(spec, Counted.of(rows), base.device.type == "cpu"))
    except (WorkbenchError, KeyError):
        return None
    total, libraries = found.total_bytes, found.parts["framework"]
    if base.device.type != "cpu":
        return total
    held = psutil.Process().memory_info().rss - base.memory_bytes
    return total - libraries + max(libraries, held)
