"""Columns assigned by hand -> a schema for a table that no other schema knows; kept under a name in the workspace."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.data.formats import turns
from workbench.data.formats.kto import label_of
from workbench.data.formats.preference_lists import pair
from workbench.data.formats.schema import RawRow, Schema
from workbench.data.json_value import parse_line
from workbench.data.readers import MAPPINGS
from workbench.data.records import Feedback, Message, Record, Text
from workbench.data.rows import RowError, shorten
from workbench.errors import UserError, nearest

ROLES = ("prompt", "response", "system", "history", "messages", "chosen", "rejected", "label", "text")
_SETS = (  # what must be there together
    {"text"}, {"messages"}, {"prompt", "response"},
    {"prompt", "chosen", "rejected"}, {"messages", "chosen", "rejected"},
)  # fmt: skip


def parse(assignments: list[str] | tuple[str, ...]) -> dict[str, str]:
    """["prompt=问", "response=答"] -> {"prompt": "问", "response": "答"}. Raises UserError for anything else."""
    mapping: dict[str, str] = {}
    for text in assignments:
        role, sign, column = text.partition("=")
        if not sign or not column:
            raise UserError("data.bad_mapping", value=text, roles=", ".join(ROLES))
        mapping[role.strip()] = column
    return mapping


def schema_of(mapping: Mapping[str, str]) -> Schema:
    """The schema `mapped`. Raises UserError for an unknown role, or roles that make no record together."""
    for role in mapping:
        if role not in ROLES:
            raise UserError("data.unknown_mapping_role", value=role, nearest=nearest(role, ROLES))
    if not mapping:
        raise UserError("data.no_mapping")
    if not any(wanted <= set(mapping) for wanted in _SETS):
        raise UserError("data.incomplete_mapping", value=", ".join(mapping))
    kind = "text" if "text" in mapping else "preference" if "chosen" in mapping else \
        "feedback" if "label" in mapping else "conversation"  # fmt: skip
    return Schema("mapped", kind, (), lambda row: _convert(row, mapping))  # type: ignore[arg-type]


def _convert(row: RawRow, mapping: Mapping[str, str]) -> Record:
    missing = [column for role, column in mapping.items() if column not in row and role not in ("system", "history")]
    if missing:
        raise RowError("no_column", column=missing[0], columns=shorten(", ".join(map(str, list(row)[:12])), 200))
    named = {role: row.get(column) for role, column in mapping.items()}
    if "text" in mapping:
        content = turns.text(named, "text")
        if not content.strip():
            raise RowError("empty_text")
        return Text(content)
    asked = _prompt(named)
    if "chosen" in mapping:
        return pair(asked, _side(named, "chosen"), _side(named, "rejected"))
    if "messages" in mapping and "response" not in mapping:
        turns.check_order(asked)
        if "label" in mapping:
            return Feedback(tuple(asked[:-1]), tuple(asked[-1:]), _label(named))
        return turns.conversation(asked)
    answer = turns.answer(named, "response")
    if "label" in mapping:
        turns.check_order([*asked, answer])
        return Feedback(tuple(asked), (answer,), _label(named))
    return turns.conversation([*asked, answer])


def _prompt(named: Mapping[str, Any]) -> list[Message]:
    lead = turns.system(named)
    if "messages" in named:
        items = _list(named["messages"])
        keys = {"role_key": "from", "content_key": "value"} if items and "from" in items[0] else {}
        return list(turns.messages(items, lead=lead, **keys))
    return [*lead, *turns.history(_list(named.get("history"))), turns.user(turns.text(named, "prompt"))]


def _list(value: Any) -> Any:
    """A list, or the one that a table's cell holds as JSON text."""
    if isinstance(value, str) and value.strip():
        try:
            value = parse_line(value)
        except RowError:
            raise RowError("not_a_list", value=shorten(value)) from None
    if value and not isinstance(value, list):
        raise RowError("not_a_list", value=shorten(value))
    return value or []


def _side(named: Mapping[str, Any], role: str) -> list[Message]:
    value = named[role]
    if isinstance(value, list):
        return list(turns.messages(value))
    return [turns.answer(named, role)]


def _label(named: Mapping[str, Any]) -> bool:
    label = label_of(named["label"])
    if label is None:
        raise RowError("bad_label", value=shorten(named["label"]))
    return label


def save(mapping: Mapping[str, str], name: str, home: Path) -> Path:
    """Keep a mapping under a name in the workspace."""
    from workbench.runs import check_name, write_whole

    check_name(name)
    schema_of(mapping)
    path = Path(home) / "data" / MAPPINGS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(dict(mapping), ensure_ascii=False))
    return path


def saved(home: Path) -> dict[str, dict[str, str]]:
    """The kept mappings by name."""
    folder = Path(home) / "data" / MAPPINGS
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}
