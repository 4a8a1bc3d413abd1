"""`adapter.continue_from` -> the adapter that a run begins with, kept in the run so that a resume finds the very same.

same: its own method and shape go on. stack: it is merged into a private copy of the base and a new one learns on top.
What was trained on top of two LoRAs is saved as one LoRA for the untouched base; any other pair as the new adapter with
the old one in its folder `below/`, which `models.adapters.attach` merges first.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.errors import UserError
from workbench.models import adapters
from workbench.models.adapters import AdapterRef
from workbench.specs import Spec

KEPT = "start"


def located(spec: Spec, home: Path | None, run_dir: Path | None) -> AdapterRef | None:
    """Where the adapter to begin with lies; in the run's own copy once there is one. Raises UserError."""
    name = spec.adapter.continue_from.strip()
    if not name:
        return None
    kept = run_dir / KEPT if run_dir else None
    if kept is None or not kept.is_dir():
        place = Path(name).expanduser()
        found = adapters.BASE if adapters.is_model(place) else adapters.locate(home or Path("."), name)
        if found.path is None or adapters.is_model(found.path):
            raise UserError("methods.start_is_model", value=name[:120])
        if kept is None:
            return found
        run_dir.mkdir(parents=True, exist_ok=True)
        copy(found.path, kept)
    return AdapterRef(name, kept)


def copy(source: Path, target: Path) -> None:
    """An adapter's own files, whole or not at all; not what a checkpoint keeps beside them."""
    beside = target.with_name(f".{target.name}")
    shutil.rmtree(beside, ignore_errors=True)
    wanted = ("adapter_", "bottleneck_", "vocabulary", "tokenizer", "chat_template", "special_tokens", adapters.BELOW)

    def others(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if not name.startswith(wanted)]

    shutil.copytree(source, beside, ignore=others)
    beside.rename(target)


def kind(config: Mapping[str, Any], name: str) -> str:
    """The method that goes on with an adapter. Raises UserError where none can."""
    found = adapters.METHODS.get(str(config.get("peft_type")))
    if found is None or adapters.changes_base({**config, adapters.BELOW: False, "vocabulary": False}):
        raise UserError("methods.cannot_continue", name=name, kind=config.get("peft_type"))
    return found
