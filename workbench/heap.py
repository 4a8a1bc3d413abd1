"""What the C library does with freed memory: glibc keeps it for itself, apart for each thread, unless it is told."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

_ARENA_MAX = -8  # M_ARENA_MAX of malloc.h
_ARENAS = 2


def _glibc(name: str) -> Any:
    """A function of glibc; None elsewhere: other C libraries have no such call."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None


def share() -> None:
    """Few heaps for all threads that come: a page's answers are made by dozens of them, and each would keep its own."""
    if mallopt := _glibc("mallopt"):
        mallopt(_ARENA_MAX, _ARENAS)


def trim() -> None:
    """Give freed pages back to the system."""
    if malloc_trim := _glibc("malloc_trim"):
        malloc_trim(0)
