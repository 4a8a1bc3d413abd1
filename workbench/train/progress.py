"""How far a run is, for whoever watches it from inside the process; everybody else reads the run's files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

# waiting for another run · imports, data and weights · steps · writing the result
Phase = Literal["waiting", "preparing", "training", "saving"]


@dataclass(frozen=True)
class Progress:
    phase: Phase
    step: int = 0
    total_steps: int = 0
    epoch: float = 0.0
    loss: float | None = None  # the last one that was logged
    tokens_per_second: float | None = None
    seconds_left: float | None = None


OnProgress = Callable[[Progress], None]
