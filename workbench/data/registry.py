"""LLaMA-Factory's dataset_info.json -> its data sets, each with the renaming that makes its rows ordinary ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import UserError, nearest

NAME = "dataset_info.json"
_PLACES = {"file_name", "hf_hub_url", "ms_hub_url"}
_ALPACA = {"prompt": "instruction", "query": "input", "response": "output", "history": "history", "system": "system",
           "chosen": "chosen", "rejected": "rejected", "kto_tag": "kto_tag", "tools": "tools", "images": "images",
           "videos": "videos", "audios": "audios"}  # fmt: skip
# What LLaMA-Factory assumes where an entry names no columns.
_ALPACA_COLUMNS = {"prompt": "instruction", "query": "input", "response": "output", "history": "history"}
_TAGS = {"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt",
         "observation_tag": "observation", "function_tag": "function_call", "system_tag": "system"}  # fmt: skip
_ROLES = {"user_tag": "human", "assistant_tag": "gpt", "observation_tag": "observation",
          "function_tag": "function_call", "system_tag": "system"}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One data set of the registry. rename: a raw row with its columns and tags -> the row under their usual names."""

    name: str
    file: str  # a path, `hf://owner/name` or `ms://owner/name`
    rename: Callable[[Any], Any]
    limit: int | None = None


def entries(path: str | Path) -> dict[str, Entry]:
    """All data sets of a registry by name. Raises UserError for a file that is none, and for an entry made by code."""
    return {name: _entry(name, info, Path(path).parent) for name, info in _listed(Path(path)).items()}


def names(path: str | Path) -> list[str]:
    """The data sets that can be read here; others (made by a script) say why when they are asked for."""
    return [name for name, info in _listed(Path(path)).items() if _PLACES & set(info)]


def _listed(path: Path) -> dict[str, Mapping[str, Any]]:
    try:
        listed = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UserError("data.bad_registry", path=path, why=error) from None
    if not isinstance(listed, dict) or not all(isinstance(info, dict) for info in listed.values()):
        raise UserError("data.bad_registry", path=path, why="no object of objects")
    return listed


def entry(path: str | Path, name: str) -> Entry:
    """One data set, whatever the others are. Raises UserError, offering the nearest names."""
    known = _listed(Path(path))
    if name not in known:
        raise UserError("data.unknown_entry", value=name, path=path, nearest=nearest(name, known) if known else "-")
    return _entry(name, known[name], Path(path).parent)


def _entry(name: str, info: Mapping[str, Any], folder: Path) -> Entry:
    if "file_name" in info:
        file = str(folder / str(info["file_name"]))
    elif "hf_hub_url" in info or "ms_hub_url" in info:
        scheme, key = ("hf", "hf_hub_url") if "hf_hub_url" in info else ("ms", "ms_hub_url")
        query = "&".join(f"{part}={info[part]}" for part in ("subset", "split") if info.get(part))
        file = f"{scheme}://{info[key]}" + (f"?{query}" if query else "")
    else:
        raise UserError("data.script_entry" if "script_url" in info else "data.unreadable_entry", value=name)
    columns = info.get("columns") or {}
    limit = int(info["num_samples"]) if info.get("num_samples") else None
    if info.get("formatting", "alpaca") == "alpaca":
        if set(columns) == {"prompt"}:  # plain text, for pretraining
            return Entry(name, file, _renamer({columns["prompt"]: "text"}), limit)
        names = {
            column: _ALPACA[role] for role, column in (columns or _ALPACA_COLUMNS).items() if role in _ALPACA and column
        }
        rename = _renamer(names)
    else:
        rename = _sharegpt(columns, _TAGS | (info.get("tags") or {}))
    return Entry(name, file, rename, limit)


def _renamer(names: Mapping[str, str]) -> Callable[[Any], Any]:
    """Columns that are not named stay, except where their name is now another's."""

    def rename(row: Any) -> Any:
        if not isinstance(row, dict):
            return row
        renamed = {names[column]: value for column, value in row.items() if column in names}
        return {
            column: value for column, value in row.items() if column not in names and column not in renamed
        } | renamed

    return rename


def _sharegpt(columns: Mapping[str, str], tags: Mapping[str, str]) -> Callable[[Any], Any]:
    roles = {tags[tag]: role for tag, role in _ROLES.items()}
    messages = columns.get("messages", "conversations")
    names = {column: role for role, column in columns.items() if role in _ALPACA and column} | {
        messages: "conversations"
    }
    plain = _renamer(names)

    def turn(item: Any) -> Any:
        if not isinstance(item, dict) or tags["role_tag"] not in item:
            return item
        kept = {key: value for key, value in item.items() if key not in (tags["role_tag"], tags["content_tag"])}
        role = item[tags["role_tag"]]
        return kept | {"from": roles.get(role, role), "value": item.get(tags["content_tag"])}

    def rename(row: Any) -> Any:
        row = plain(row)
        if isinstance(row, dict):
            for column in ("conversations", "chosen", "rejected"):
                value = row.get(column)
                if isinstance(value, list):
                    row[column] = [turn(item) for item in value]
                elif isinstance(value, dict):
                    row[column] = turn(value)
        return row

    return rename
