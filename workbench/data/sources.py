"""What a spec or a box names as data -> the sources it means: files, folders, registry entries, data sets on a hub."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.data import hubs, registry
from workbench.data.readers import read_rows
from workbench.data.rows import Row, RowError, Rows
from workbench.errors import UserError, nearest

_WEIGHT = re.compile(r"\s*\*\s*(\d+(?:\.\d+)?)\s*$")


@dataclass(frozen=True)
class Source:
    """path: a file, a folder, or a hub's address. weight: how often each row is taken; 0.5 takes every second one.

    name: what was written for it. mapping: (role, column) pairs of a mapping kept under a name.
    """

    path: str
    weight: float = 1.0
    limit: int | None = None
    rename: Callable[[Any], Any] | None = None  # of a registry's entry
    mapping: tuple[tuple[str, str], ...] = ()
    name: str = ""


def parse(text: str, home: Path | str) -> list[Source]:
    """`a.json; b.csv@mapping * 0.5; dataset_info.json#name; hf://owner/name` -> sources, found in the workspace.

    Raises UserError for a path that is nowhere, an unknown registry entry or mapping, and a weight that takes nothing.
    """
    if not hubs.is_hub(text) and (whole := _found(text, home)) is not None and whole.name != registry.NAME:
        return [Source(str(whole), name=text)]  # a file's own name may hold a semicolon
    return [source for part in parts(text) for source in _one(part, home)]


def parts(text: str) -> list[str]:
    """What a box names, one by one, each with its weight."""
    return [part.strip() for part in re.split(r"[;\n]", text) if part.strip()]


def unweighted(part: str) -> str:
    """A part without its weight."""
    return _WEIGHT.sub("", part)


def check_inside(found: Sequence[Source], home: Path | str) -> None:
    """What comes from the web may not lead out of the workspace, through links and registries neither.

    Raises UserError, naming the path.
    """
    inside = Path(home).resolve()
    for source in found:
        if not hubs.is_hub(source.path) and not Path(source.path).resolve().is_relative_to(inside):
            raise UserError("dataset.outside", path=source.path[:200], home=home)


def size_bytes(found: Sequence[Source]) -> int | None:
    """All files together; None when some of it is on a hub. Raises UserError for a file that is not there."""
    total = 0
    for source in found:
        if hubs.is_hub(source.path):
            return None
        path = Path(source.path)
        if not path.exists():  # a registry may name files that nobody fetched
            raise UserError("data.no_file", path=path)
        files = path.rglob("*") if path.is_dir() else (path,)
        total += sum(file.stat().st_size for file in files if file.is_file())
    return total


def weighted(text: str, weight: float) -> str:
    """What a box names, each source taken `weight` times as often."""
    if weight == 1:
        return text
    found = []
    for part in parts(text):
        match = _WEIGHT.search(part)
        found.append(f"{unweighted(part)} * {(float(match[1]) if match else 1.0) * weight:.12g}")
    return "; ".join(found)


def plain_file(found: Sequence[Source]) -> Path | None:
    """The one local file that the sources are, with nothing renamed or left out; else None."""
    if len(found) != 1 or found[0].rename or found[0].limit or hubs.is_hub(found[0].path):
        return None
    path = Path(found[0].path)
    return path if path.is_file() else None


def mapping_of(found: Sequence[Source]) -> tuple[tuple[str, str], ...]:
    """The mapping that all of them are read with at once. Raises UserError when they differ."""
    if len({source.mapping for source in found}) > 1:
        raise UserError("data.mappings_differ")
    return found[0].mapping if found else ()


def read(found: Sequence[Source], encoding: str | None = None) -> Rows:
    """The rows of all sources one after the other, numbered through; each row once, whatever its weight."""
    parts = [_rows_of(source.path, encoding) for source in found]
    if len(found) == 1 and not found[0].rename and not found[0].limit:
        return parts[0]
    encodings = dict.fromkeys(part.encoding for part in parts if part.encoding)
    whole = Rows(iter(()), ", ".join(encodings), parts[0].container if len(parts) == 1 else "")
    whole.name = ", ".join(part.name or source.path for part, source in zip(parts, found, strict=True))[:200]
    at = 0

    def rows() -> Iterator[Row]:
        nonlocal at
        before = 0
        for at, (source, part) in enumerate(zip(found, parts, strict=True)):  # noqa: B007  read by `fraction`
            count = 0
            for row in part:
                if source.limit is not None and row.row > source.limit:
                    break
                count = row.row
                row.row += before
                if row.reason is not None and len(found) > 1:
                    row.reason = RowError("in_file", file=part.name or source.path, reason=row.reason)
                elif source.rename is not None:
                    row.value = source.rename(row.value)
                yield row
            before += count

    whole.rows = rows()
    whole.fraction = lambda: (at + (parts[at].fraction() or 0)) / len(parts)
    return whole


def _rows_of(path: str, encoding: str | None) -> Rows:
    return hubs.read_rows(path) if hubs.is_hub(path) else read_rows(path, encoding=encoding)


def _one(text: str, home: Path | str) -> list[Source]:
    weight = 1.0
    if match := _WEIGHT.search(text):
        weight, text = float(match[1]), text[: match.start()]
    if not 0 < weight <= 100:
        raise UserError("data.bad_weight", value=weight)
    named, pairs = text, ()
    if "@" in text and _found(text, home) is None:
        text, _, mapping = text.rpartition("@")
        pairs = kept_mapping(mapping.strip(), home)
    if hubs.is_hub(text):
        return [Source(text, weight, mapping=pairs, name=named)]
    path, mark, entry = text.partition("#")
    if mark and _found(text, home) is None:
        found = registry.entry(place(path, home), entry)
        return [Source(found.file, weight, found.limit, found.rename, pairs, named)]
    place_of = place(text, home)
    if place_of.name == registry.NAME:
        every = registry.entries(place_of).items()
        return [
            Source(found.file, weight, found.limit, found.rename, pairs, f"{text}#{entry}") for entry, found in every
        ]
    return [Source(str(place_of), weight, mapping=pairs, name=named)]


def kept_mapping(name: str, home: Path | str) -> tuple[tuple[str, str], ...]:
    """(role, column) pairs of a mapping in the workspace. Raises UserError, offering the nearest names."""
    from workbench.data import mapping

    known = mapping.saved(Path(home))
    if name not in known:
        raise UserError("data.unknown_mapping", value=name[:60], nearest=nearest(name, known) if known else "-")
    return tuple(known[name].items())


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
