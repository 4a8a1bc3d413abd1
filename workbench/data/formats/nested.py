"""Dialogues in shapes of their own: seed tasks, human/assistant items, MOSS, COIG's rounds, UltraChat's lists."""

import re
from collections.abc import Mapping
from typing import Any

from workbench.data.formats import turns
from workbench.data.formats.schema import RawRow, Schema, columns
from workbench.data.json_value import parse_line
from workbench.data.records import Conversation, Message
from workbench.data.rows import RowError, shorten

# -- seed tasks: one instruction, several instances -------------------------------------------------------------------


def _seed_tasks(row: RawRow) -> list[Conversation]:
    if not row["instances"]:
        raise RowError("no_answer", column="instances")
    found = []
    for instance in row["instances"]:
        if not isinstance(instance, Mapping):
            raise RowError("not_a_list", value=shorten(row["instances"]))
        asked = turns.user(turns.text(row, "instruction"), turns.text(instance, "input"))
        found.append(turns.conversation([asked, turns.answer(instance, "output")]))
    return found


# -- [{"human", "assistant"}] and lmsys' [{"role", "content"}] --------------------------------------------------------


def _is_pairs(row: RawRow) -> bool:
    items = row["conversation"]
    return isinstance(items, list) and all(
        isinstance(item, Mapping) and ("human" in item or "role" in item or "user" in item) for item in items
    )


def _pairs(row: RawRow) -> Conversation:
    items, found = row["conversation"], turns.system(row)
    if items and "role" in items[0]:
        return turns.conversation(turns.messages(items, lead=found))
    for index, item in enumerate(items, 1):
        asked = turns.text(item, "human" if "human" in item else "user")
        answered = turns.text(item, "assistant")
        if not answered.strip():
            raise RowError("empty_turn", index=2 * index)
        found += [Message("user", asked), Message("assistant", answered)]
    return turns.conversation(found)


# -- MOSS: turn_N with thoughts, commands and results in marks of their own -------------------------------------------

_MARKS = re.compile(r"^\s*<\|[^|]+\|>:\s?|<eo[hctrm]>\s*$")
_COMMAND = re.compile(r"(\w+)\((.*?)\)(?=\s*(?:,\s*\w+\(|$))", re.DOTALL)


def _is_moss(row: RawRow) -> bool:
    return isinstance(row["chat"], Mapping) and any(key.startswith("turn_") for key in row["chat"])


def _moss(row: RawRow) -> Conversation:
    meta = turns.text(row, "meta_instruction")
    found = [Message("system", meta.strip())] if meta.strip() else []
    for index, name in enumerate(sorted(row["chat"], key=_ordinal), 1):
        turn = row["chat"][name]
        if not isinstance(turn, Mapping):
            raise RowError("not_a_message", index=index, value=shorten(turn))
        thoughts = _moss_part(turn, "Inner Thoughts")
        found.append(Message("user", _moss_part(turn, "Human")))
        commands, results = _moss_part(turn, "Commands"), _moss_part(turn, "Tool Responses")
        if commands:
            found.append(Message("assistant", "", reasoning=thoughts or None, tool_calls=_moss_calls(commands, index)))
            found.append(Message("tool", results))
            thoughts = ""
        found.append(Message("assistant", _moss_part(turn, "MOSS"), reasoning=thoughts or None))
    return turns.conversation(found)


def _moss_part(turn: Mapping[str, Any], name: str) -> str:
    content = _MARKS.sub("", _MARKS.sub("", turns.text(turn, name))).strip()
    return "" if content in ("None", "none") and name not in ("Human", "MOSS") else content


def _moss_calls(commands: str, index: int) -> tuple[dict[str, Any], ...]:
    """`Search("rain"), Calculator("1+1")`: MOSS gives every tool one string."""
    calls = _COMMAND.findall(commands)
    if not calls:
        raise RowError("bad_tool_call", index=index, value=shorten(commands))
    return tuple(
        {"type": "function", "function": {"name": name, "arguments": {"input": given.strip().strip("\"'")}}}
        for name, given in calls
    )


def _ordinal(name: str) -> int:
    digits = re.search(r"\d+", name)
    return int(digits[0]) if digits else 0


# -- COIG counterfactual: round_N with JSON inside a string -----------------------------------------------------------


def _is_rounds(row: RawRow) -> bool:
    return isinstance(row["round_0"], Mapping) and "response" in row["round_0"]


def _rounds(row: RawRow) -> Conversation:
    found: list[Message] = []
    for index, name in enumerate(sorted((key for key in row if re.fullmatch(r"round_\d+", key)), key=_ordinal), 1):
        inner = row[name].get("response") if isinstance(row[name], Mapping) else None
        try:
            pair = parse_line(inner) if isinstance(inner, str) else inner
        except RowError:
            pair = None
        if not isinstance(pair, Mapping) or not isinstance(pair.get("Q"), str) or not isinstance(pair.get("A"), str):
            raise RowError("bad_round", index=index, value=shorten(inner))
        found += [Message("user", pair["Q"]), Message("assistant", pair["A"])]
    return turns.conversation(found)


# -- UltraChat: a list of strings, user and assistant in turn ---------------------------------------------------------


def _ultrachat(row: RawRow) -> Conversation:
    roles = ("user", "assistant")
    return turns.conversation([Message(roles[index % 2], text) for index, text in enumerate(row["data"])])  # type: ignore[arg-type]


SEED_TASKS = Schema(
    "seed_tasks", "conversation", columns("instruction instances"), _seed_tasks,
    lambda row: isinstance(row["instances"], list), specificity=60,
)  # fmt: skip
PAIRS = Schema("human_assistant_pairs", "conversation", columns("conversation"), _pairs, _is_pairs, specificity=40)
MOSS = Schema("moss", "conversation", columns("chat"), _moss, _is_moss, specificity=70)
ROUNDS = Schema("coig_counterfactual", "conversation", columns("round_0"), _rounds, _is_rounds, specificity=70)
ULTRACHAT = Schema(
    "ultrachat", "conversation", columns("data"), _ultrachat,
    lambda row: isinstance(row["data"], list) and all(isinstance(text, str) for text in row["data"]), specificity=40,
)  # fmt: skip
