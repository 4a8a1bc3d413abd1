"""A record -> rows of another schema (alpaca, sharegpt, messages, openai, …) or text in a prompt style.

What a schema has no place for is refused with a reason (tools in alpaca) or counted as lost (a weight).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.data import plain, styles
from workbench.data.records import Conversation, Feedback, Message, Preference, Record, Text
from workbench.data.rows import RowError
from workbench.errors import UserError, nearest

RawRow = dict[str, Any]
Lost = Callable[[str], None]  # told the warning code of what a row could not keep
_SHAREGPT = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}


@dataclass(frozen=True)
class Target:
    """name: what `--to` calls it. rows: a record and whom to tell what is lost -> its rows. Raises RowError.

    waiting: records that `rows` still holds back; those that wait at the end of the file found no counterpart.
    """

    name: str
    rows: Callable[[Record, Lost], Iterable[RawRow]]
    waiting: Callable[[], Iterable[Record]] = tuple


def names() -> tuple[str, ...]:
    return (*_SCHEMAS, *styles.names(), *(f"{style}_text" for style in styles.names()))


def find(name: str, *, every_turn: bool = False) -> Target:
    """A schema, a style, or STYLE_text: the whole dialogue in that style as one text.

    `alpaca` is both schema and style: the schema wins, the style is then written as its file, `alpaca.jinja`.
    """
    style = name.removesuffix(".jinja")
    if name in _SCHEMAS:
        if every_turn:
            raise UserError("data.every_turn_needs_style", value=name)
        if name == "preference":
            pairing = _Pairing()
            return Target(name, pairing.rows, pairing.waiting)
        return Target(name, _SCHEMAS[name])
    if style in styles.names():
        return Target(name, lambda record, lost: _style_rows(record, lost, style, every_turn))
    whole = style.removesuffix("_text")
    if style.endswith("_text") and whole in styles.names():
        if every_turn:
            raise UserError("data.every_turn_needs_style", value=name)
        return Target(name, lambda record, lost: _text_rows(record, lost, whole))
    raise UserError("data.unknown_target", value=name, nearest=nearest(name, names()))


# -- one side of a record ---------------------------------------------------------------------------------------------


def _dialogue(record: Record, lost: Lost) -> Conversation:
    """The conversation in a record: of a preference the chosen side, of feedback a wanted answer."""
    if isinstance(record, Conversation):
        return record
    if isinstance(record, Preference):
        lost("rejected_side_lost")
        return Conversation((*record.prompt, *record.chosen))
    if isinstance(record, Feedback):
        if not record.label:
            raise RowError("unwanted_answer")
        lost("label_lost")
        return Conversation((*record.prompt, *record.completion))
    raise RowError("no_dialogue")


def _plain_turns(record: Record, lost: Lost, target: str) -> tuple[list[Message], list[Message]]:
    """(system, turns) for schemas that know only text. Raises RowError for tools."""
    talk = _dialogue(record, lost)
    if talk.tools or any(turn.tool_calls or turn.role == "tool" for turn in talk.messages):
        raise RowError("target_without_tools", target=target)
    _tell_lost(talk.messages, lost, weights=True)
    lead = [turn for turn in talk.messages[:1] if turn.role == "system"]
    return lead, list(talk.messages[len(lead) :])


def _tell_lost(messages: Sequence[Message], lost: Lost, *, weights: bool) -> None:
    if any(turn.reasoning for turn in messages):
        lost("reasoning_lost")
    if weights and any(turn.weight not in (None, 1.0) for turn in messages):
        lost("weight_lost")
    if any(turn.name for turn in messages):
        lost("names_lost")


def _pairs(turns: Sequence[Message], target: str) -> list[list[str]]:
    """Question and answer in turn, as history columns have them."""
    if len(turns) % 2 or any(turn.role != ("user", "assistant")[index % 2] for index, turn in enumerate(turns)):
        raise RowError("style_refuses", style=target, why="user and assistant must take turns")
    return [[asked.content, answered.content] for asked, answered in zip(turns[::2], turns[1::2], strict=True)]


# -- schemas ----------------------------------------------------------------------------------------------------------


def _canonical(record: Record, lost: Lost) -> list[RawRow]:
    return [record.to_row()]


def _alpaca(record: Record, lost: Lost) -> list[RawRow]:
    lead, turns = _plain_turns(record, lost, "alpaca")
    past = _pairs(turns, "alpaca")[:-1]
    asked, answered = turns[-2:]
    halves = (asked.instruction or "", asked.input) if asked.input else (asked.content, "")
    row: RawRow = {"instruction": halves[0], "input": halves[1], "output": answered.content}
    return [row | _system(lead) | ({"history": past} if past else {})]


def _system(lead: Sequence[Message]) -> RawRow:
    return {"system": lead[0].content} if lead else {}


def _query_response(record: Record, lost: Lost) -> list[RawRow]:
    lead, turns = _plain_turns(record, lost, "query_response")
    *past, (asked, answered) = _pairs(turns, "query_response")
    return [_system(lead) | {"query": asked, "response": answered} | ({"history": past} if past else {})]


def _sharegpt(record: Record, lost: Lost) -> list[RawRow]:
    talk = _dialogue(record, lost)
    _tell_lost(talk.messages, lost, weights=False)
    if any(turn.tool_call_id or any("id" in call for call in turn.tool_calls or ()) for turn in talk.messages):
        lost("call_ids_lost")
    items: list[RawRow] = []
    for turn in talk.messages:
        weight = {} if turn.weight is None else {"weight": turn.weight}
        if turn.tool_calls:
            if turn.content:
                raise RowError("call_with_text", target="sharegpt")
            calls = [call["function"] for call in turn.tool_calls]
            value = json.dumps(calls if len(calls) > 1 else calls[0], ensure_ascii=False)
            items.append({"from": "function_call", "value": value} | weight)
        else:
            items.append({"from": _SHAREGPT[turn.role], "value": turn.content} | weight)
    row: RawRow = {"conversations": items}
    return [row | ({"tools": json.dumps(list(talk.tools), ensure_ascii=False)} if talk.tools else {})]


def _bare_messages(messages: Iterable[Message], *, arguments_as_text: bool = False) -> list[RawRow]:
    """Messages without the halves of a joined question, which other programs do not know."""
    rows = []
    for turn in messages:
        row = turn.to_row()
        if turn.instruction is not None or turn.input is not None:
            row.pop("instruction", None)
            row.pop("input", None)
        rows.append(row)
    for row in rows if arguments_as_text else ():
        if "tool_calls" in row:
            row["tool_calls"] = [_with_text_arguments(call) for call in row["tool_calls"]]
            row["content"] = row["content"] or None
        if "weight" in row:
            row["weight"] = int(row["weight"]) if row["weight"] in (0, 1) else row["weight"]
    return rows


def _with_text_arguments(call: Any) -> RawRow:
    arguments = json.dumps(call["function"]["arguments"], ensure_ascii=False)
    return {**call, "function": {**call["function"], "arguments": arguments}}


def _messages(record: Record, lost: Lost) -> list[RawRow]:
    if isinstance(record, Feedback):
        return [{"messages": _bare_messages((*record.prompt, *record.completion)), "label": record.label}]
    talk = _dialogue(record, lost)
    return [{"messages": _bare_messages(talk.messages)} | ({"tools": list(talk.tools)} if talk.tools else {})]


def _openai(record: Record, lost: Lost) -> list[RawRow]:
    """OpenAI's fine-tuning rows: arguments as text, weights 0 or 1; a preference in their preference form."""
    if isinstance(record, Preference):
        prompt, chosen, rejected = (
            _bare_messages(part, arguments_as_text=True) for part in (record.prompt, record.chosen, record.rejected)
        )
        return [{"input": {"messages": prompt}, "preferred_output": chosen, "non_preferred_output": rejected}]
    talk = _dialogue(record, lost)
    rows = _bare_messages(talk.messages, arguments_as_text=True)
    return [{"messages": rows} | ({"tools": list(talk.tools)} if talk.tools else {})]


def _feedback(record: Record, lost: Lost) -> list[RawRow]:
    """A preference is two judgements; a conversation is one wanted answer."""
    if isinstance(record, Feedback):
        return [record.to_row()]
    if isinstance(record, Preference):
        sides = ((record.chosen, True), (record.rejected, False))
        return [Feedback(record.prompt, side, label).to_row() for side, label in sides]
    talk = _dialogue(record, lost)
    if talk.tools:
        raise RowError("target_without_tools", target="feedback")
    return [Feedback(talk.messages[:-1], talk.messages[-1:], True).to_row()]


class _Pairing:
    """Judgements of two answers to one question become a pair; a preference is one already."""

    def __init__(self) -> None:
        self._open: dict[tuple[Message, ...], list[Feedback]] = {}

    def rows(self, record: Record, lost: Lost) -> list[RawRow]:
        if isinstance(record, Preference):
            return [record.to_row()]
        if not isinstance(record, Feedback):
            raise RowError("one_answer_is_no_pair")
        others = self._open.setdefault(record.prompt, [])
        other = next((known for known in others if known.label != record.label), None)
        if other is None:
            others.append(record)
            return []
        others.remove(other)
        good, bad = (record, other) if record.label else (other, record)
        return [Preference(record.prompt, good.completion, bad.completion).to_row()]

    def waiting(self) -> list[Record]:
        return [record for records in self._open.values() for record in records]


def _text(record: Record, lost: Lost) -> list[RawRow]:
    if isinstance(record, Text):
        return [record.to_row()]
    raise RowError("text_needs_style")


_SCHEMAS: dict[str, Callable[[Record, Lost], list[RawRow]]] = {
    "canonical": _canonical,
    "alpaca": _alpaca,
    "sharegpt": _sharegpt,
    "messages": _messages,
    "openai": _openai,
    "query_response": _query_response,
    "feedback": _feedback,
    "preference": _canonical,
    "text": _text,
}


# -- styles -----------------------------------------------------------------------------------------------------------


def _style_rows(record: Record, lost: Lost, style: str, every_turn: bool) -> list[RawRow]:
    """The last answer is the completion; with every_turn each answer that takes loss is one of a row of its own."""
    label = {"label": record.label} if isinstance(record, Feedback) else {}
    talk = (
        Conversation((*record.prompt, *record.completion)) if isinstance(record, Feedback) else _dialogue(record, lost)
    )
    if talk.tools:
        raise RowError("style_without_tools", style=style)
    _tell_lost(talk.messages, lost, weights=not every_turn)
    answers = [index for index, turn in enumerate(talk.messages) if turn.role == "assistant"]
    if every_turn:
        answers = [index for index in answers if talk.messages[index].weight != 0]
        if not answers:
            raise RowError("unweighted_answers")
    rows = []
    for index in answers if every_turn else answers[-1:]:
        prompt, completion = plain.prompt_and_completion(talk.messages[: index + 1], style)
        rows.append({"prompt": prompt, "completion": completion} | label)
    return rows


def _text_rows(record: Record, lost: Lost, style: str) -> list[RawRow]:
    """The dialogue as one text; what is text already stays as it is."""
    if isinstance(record, Text):
        return [record.to_row()]
    talk = _dialogue(record, lost)
    if talk.tools:
        raise RowError("style_without_tools", style=style)
    _tell_lost(talk.messages, lost, weights=True)
    return [{"text": plain.whole_text(talk.messages, style)}]
