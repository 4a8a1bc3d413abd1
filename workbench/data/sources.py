"""What a spec or a box names as data -> the sources it means: files, folders, registry entries, data sets on a hub."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.data import hubs, registry
from workbench.errors import UserError

_WEIGHT = re.compile(r"\s*\*\s*(\d+(?:\.\d+)?)\s*$")


@dataclass(frozen=True)
class Source:
    """path: a file, a folder, or a hub's address. weight: how often each row is taken; 0.5 takes every second one."""

    path: str
    weight: float = 1.0
    limit: int | None = None
    rename: Callable[[Any], Any] | None = None  # of a registry's entry


def parse(text: str, home: Path | str) -> list[Source]:
    """`a.json; b.csv * 0.5; dataset_info.json#name; hf://owner/name` -> sources, paths found in the workspace.

    Raises UserError for a path that is nowhere, an unknown registry entry, and a weight that takes nothing.
    """
    if not hubs.is_hub(text) and (whole := _found(text, home)) is not None and whole.name != registry.NAME:
        return [Source(str(whole))]  # a file's own name may hold a semicolon
    return [source for part in re.split(r"[;\n]", text) if part.strip() for source in _one(part.strip(), home)]


def _one(text: str, home: Path | str) -> list[Source]:
    weight = 1.0
    if match := _WEIGHT.search(text):
        weight, text = float(match[1]), text[: match.start()]
    if not 0 < weight <= 100:
        raise UserError("data.bad_weight", value=weight)
    if hubs.is_hub(text):
        return [Source(text, weight)]
    path, mark, name = text.partition("#")
    if mark and _found(text, home) is None:
        found = registry.entry(place(path, home), name)
        return [Source(found.file, weight, found.limit, found.rename)]
    place_of = place(text, home)
    if place_of.name == registry.NAME:
        every = registry.entries(place_of).values()
        return [Source(found.file, weight, found.limit, found.rename) for found in every]
    return [Source(str(place_of), weight)]


def place(path: str, home: Path | str) -> Path:
    """A path as it is named: absolute, in the workspace, in its data folder, or beside the caller."""
    found = _found(path, home)
    if found is None:
        raise UserError("data.no_file", path=path)
    return found


def _found(path: str, home: Path | str) -> Path | None:
    given = Path(path).expanduser()
    if given.is_absolute():
        return given if given.exists() else None
    for candidate in (Path(home) / given, Path(home) / "data" / given, given):
        if candidate.exists():
            return candidate
    return None
