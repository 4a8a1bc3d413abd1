"""What this process (or its accelerator) really held at most since it was last asked."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Footprint:
    """On an accelerator its allocator's own peak; on a CPU the process's resident peak, where the system keeps one.

    Elsewhere than on Linux a CPU's peak is what the process holds when it is asked: too low by what was freed since.
    """

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._resets = True
        self.reset()

    def reset(self) -> None:
        """Forget the peak so far."""
        accelerator = _accelerator()
        if accelerator is not None:
            accelerator.reset_peak_memory_stats()
            return
        try:
            _RESET.write_text("5")  # man 5 proc: the peak resident size begins again at the current one
        except OSError:
            self._resets = False

    def peak_bytes(self) -> int:
        """The highest since the last reset."""
        accelerator = _accelerator()
        if accelerator is not None:
            return accelerator.max_memory_allocated()
        return (_resident_peak() if self._resets else None) or self._process.memory_info().rss

    def lap(self) -> int:
        """The highest since the last reset or lap; the next one begins now."""
        peak = self.peak_bytes()
        self.reset()
        return peak


def _accelerator():
    """torch.accelerator where there is one that keeps a peak; Apple's does not."""
    torch = sys.modules.get("torch")
    found = torch and torch.accelerator.current_accelerator(check_available=True)
    return torch.accelerator if found and found.type in ("cuda", "xpu") else None


def _resident_peak() -> int | None:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), None)
