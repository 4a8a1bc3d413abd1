"""The process's global random numbers -> kept, and put back: what comes between two steps must not shift the curve."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class RandomState:
    """Where python's, numpy's, torch's and the accelerator's global generators stand."""

    python: Any
    numpy: Any
    torch: torch.Tensor
    device: torch.Tensor | None

    @classmethod
    def capture(cls) -> RandomState:
        device = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
        return cls(random.getstate(), np.random.get_state(), torch.get_rng_state(), device)

    def restore(self) -> None:
        random.setstate(self.python)
        np.random.set_state(self.numpy)
        torch.set_rng_state(self.torch)
        if self.device is not None:
            torch.cuda.set_rng_state(self.device)


@contextmanager
def preserved() -> Iterator[None]:
    """Whatever is drawn inside leaves no trace outside."""
    before = RandomState.capture()
    try:
        yield
    finally:
        before.restore()
