"""A spec that goes on with an adapter -> the spec that would train the same: its method, shape and new tokens.

The form's own method and shape do not count there, and what the adapter brings does.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.errors import UserError
from workbench.models import adapters
from workbench.specs import Spec
from workbench.specs.adapter import AdapterSection


def folder(spec: Spec, home: Path, *, foreign: bool = True) -> Path | None:
    """Where the adapter to begin with lies; None for none, and for one that the start will refuse."""
    name = spec.adapter.continue_from.strip()
    try:
        return adapters.locate(home, name, foreign=foreign).path if name else None
    except UserError:
        return None


def as_begun(spec: Spec, start: Path | None) -> Spec:
    """start: the adapter's folder. A new adapter on top of it has the form's own method, and its tokens rest."""
    if start is None or spec.adapter.continue_as == "stack":
        return spec
    config = adapters.read_config(start) or {}
    method = adapters.METHODS.get(str(config.get("peft_type")))
    if method is None:  # the start says which methods can go on
        return spec
    changes = {name: _as_written(config[name]) for name in AdapterSection.model_fields if config.get(name) is not None}
    changes |= {"type": method, "init_lora_weights": "true", "prefix_projection": False}
    if (start / adapters.BELOW).is_dir():  # what it lies on is merged into a private copy
        changes["continue_as"] = "stack"
    begun = {"adapter": spec.adapter.model_copy(update=changes)}
    found = adapters.vocabulary_of(start)
    if found is not None:
        tokens = {
            "tokens": ",".join(f"<{number}>" for number in range(len(found.tokens))),
            "corpus": "",
            "trained": "all" if config.get("modules_to_save") else "new",
        }
        begun["vocabulary"] = spec.vocabulary.model_copy(update=tokens)
    return spec.model_copy(update=begun)


def _as_written(value: Any) -> Any:
    """PEFT's lists and tables of names as the knobs write them."""
    if isinstance(value, (list, tuple, Mapping)):
        return ",".join(str(part) for part in value)
    return value
