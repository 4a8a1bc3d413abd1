"""Comparisons with peers, side by side in one run: each module's `compare()` returns its figures as plain JSON.

A module may have a `text(figures, t)` for people; without one they read the JSON.
"""

from __future__ import annotations

import pkgutil


def names() -> list[str]:
    """The comparisons there are: one module each."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))
