"""A spec's `adapter.type` -> the method that puts its weights on a module tree, trains, saves and restores them.

One method is one class (or one line) in a module of this package; it is known by being there.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from workbench.models import adapters
from workbench.models.vocabulary import Vocabulary
from workbench.specs import Spec
from workbench.stages.methods import start
from workbench.stages.methods.method import KINDS, Method


def kinds() -> set[str]:
    """All there are, by their names in `adapter.type`."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return set(KINDS)


def of(spec: Spec, home: Path | None = None, run_dir: Path | None = None) -> Method:
    """The method of a spec, not yet on any tree.

    home: the workspace, in which `adapter.continue_from` is looked up; run_dir: where a copy of that is kept.
    """
    kinds()
    begun = start.located(spec, home, run_dir)
    if begun is None or spec.adapter.continue_as == "stack":
        method = KINDS[spec.adapter.type](spec, begun)
    else:
        kind = start.kind(adapters.read_config(begun.path) or {}, begun.name)
        own = spec.adapter.model_copy(update={"type": kind, "init_lora_weights": "true", "prefix_projection": False})
        method = KINDS[kind](spec.model_copy(update={"adapter": own}), begun)
    method.vocabulary = Vocabulary.read(run_dir) if run_dir is not None else None
    return method
