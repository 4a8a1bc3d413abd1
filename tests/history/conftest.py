"""Runs with curves, checkpoints and states as a training leaves them, without training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench import runs
from workbench.specs import layered, parse

NAMED = {"identity.name": "Nova", "identity.author": "Lab"}


@pytest.fixture
def make(home: Path) -> Callable[..., runs.Run]:
    """make("name", rows=[…], checkpoints=(10, 20), state="finished", **{"adapter.r": 8})"""

    def build(
        name: str, rows: list[dict[str, Any]] | None = None, checkpoints: tuple[int, ...] = (), state: str = "finished",
        probes: list[dict[str, Any]] | None = None, **values: Any,
    ) -> runs.Run:  # fmt: skip
        run = runs.create(home, parse(layered(NAMED, values)), name)
        runs.append_lines(run.metrics_path, rows or [])
        runs.append_lines(run.probes_path, probes or [])
        for step in checkpoints:
            folder = run.directory / f"checkpoint-{step}"
            folder.mkdir()
            (folder / "trainer_state.json").write_text("{}")
            (folder / "adapter_model.safetensors").write_bytes(bytes(1000))
        run.write_state(state=state, step=max(checkpoints, default=0), total_steps=100, started=100.0, ended=160.0)
        return run

    return build
