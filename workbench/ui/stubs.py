"""Gradio's import without its editor stubs: it renders and compares a .pyi file for each of 80 components every time.

That is half of its import (1.2 of 2.5 seconds), and it writes into site-packages.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

_MODULE = "gradio.component_meta"


class _WithoutStubs(MetaPathFinder):
    """Finds the one module that writes them, and takes the writing out of it once it is loaded."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _MODULE:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                load(module)
                if hasattr(module, "create_or_modify_pyi"):
                    module.create_or_modify_pyi = lambda *_: None

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def skip() -> None:
    """Call before the first import of gradio; without effect afterwards."""
    if _MODULE not in sys.modules and not any(isinstance(finder, _WithoutStubs) for finder in sys.meta_path):
        sys.meta_path.insert(0, _WithoutStubs())
