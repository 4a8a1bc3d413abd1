"""The four things a row can become: Conversation, Preference, Feedback, Text, each with its canonical row and back.

Canonical rows (DESIGN.md section 3) hold plain JSON; records are frozen, so that they can be shared between threads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal, get_args

Role = Literal["system", "user", "assistant", "tool"]
Kind = Literal["conversation", "preference", "feedback", "text"]
ROLES: tuple[str, ...] = get_args(Role)


@dataclass(frozen=True, slots=True, init=False)
class Message:
    """One turn. `instruction`/`input` keep the two halves of a user turn that was joined from them."""

    role: Role
    content: str
    instruction: str | None = None
    input: str | None = None
    weight: float | None = None  # of the loss on this answer; None means 1
    reasoning: str | None = None  # `reasoning_content` of OpenAI-style rows
    tool_calls: tuple[Mapping[str, Any], ...] | None = None  # OpenAI's form, `arguments` an object
    tool_call_id: str | None = None
    name: str | None = None

    # By hand: what a frozen dataclass generates takes twice as long, and a million-row file makes two million of these.
    def __init__(
        self, role: Role, content: str, instruction: str | None = None, input: str | None = None,
        weight: float | None = None, reasoning: str | None = None,
        tool_calls: tuple[Mapping[str, Any], ...] | None = None, tool_call_id: str | None = None,
        name: str | None = None,
    ) -> None:  # fmt: skip
        _set_role(self, role)
        _set_content(self, content)
        _set_instruction(self, instruction)
        _set_input(self, input)
        _set_weight(self, weight)
        _set_reasoning(self, reasoning)
        _set_tool_calls(self, tool_calls)
        _set_tool_call_id(self, tool_call_id)
        _set_name(self, name)

    def to_row(self) -> dict[str, Any]:
        row: dict[str, Any] = {"role": self.role, "content": self.content}
        if _optional_values(self) == _NO_VALUES:  # nearly every message of a million-row file
            return row
        for field, key in _OPTIONAL.items():
            value = getattr(self, field)
            if value is not None:
                row[key] = list(value) if isinstance(value, tuple) else value
        return row

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Message:
        """Raises KeyError or TypeError for a row that is not canonical; formats/ gives foreign rows their reasons."""
        extras = {field: row[key] for field, key in _OPTIONAL.items() if row.get(key) is not None}
        if "tool_calls" in extras:
            extras["tool_calls"] = tuple(extras["tool_calls"])
        return cls(role=row["role"], content=row["content"], **extras)


(
    _set_role, _set_content, _set_instruction, _set_input, _set_weight, _set_reasoning, _set_tool_calls,
    _set_tool_call_id, _set_name,
) = (getattr(Message, name).__set__ for name in Message.__slots__)  # fmt: skip
_OPTIONAL = {
    "instruction": "instruction",
    "input": "input",
    "weight": "weight",
    "reasoning": "reasoning_content",
    "tool_calls": "tool_calls",
    "tool_call_id": "tool_call_id",
    "name": "name",
}
_optional_values = attrgetter(*_OPTIONAL)
_NO_VALUES = (None,) * len(_OPTIONAL)


def messages_from_rows(rows: Iterable[Mapping[str, Any]]) -> tuple[Message, ...]:
    return tuple(Message.from_row(row) for row in rows)


def messages_to_rows(messages: Iterable[Message]) -> list[dict[str, Any]]:
    return [message.to_row() for message in messages]


@dataclass(frozen=True, slots=True)
class Conversation:
    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...] | None = None

    kind = "conversation"

    def to_row(self) -> dict[str, Any]:
        row: dict[str, Any] = {"messages": messages_to_rows(self.messages)}
        return row | {"tools": list(self.tools)} if self.tools else row

    @classmethod
    def of(cls, *turns: tuple[str, str]) -> Conversation:
        """Conversation.of(("user", "hi"), ("assistant", "hello"))"""
        return cls(tuple(Message(role, content) for role, content in turns))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Preference:
    prompt: tuple[Message, ...]
    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]

    kind = "preference"

    def to_row(self) -> dict[str, Any]:
        return {part: messages_to_rows(getattr(self, part)) for part in ("prompt", "chosen", "rejected")}


@dataclass(frozen=True, slots=True)
class Feedback:
    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]
    label: bool

    kind = "feedback"

    def to_row(self) -> dict[str, Any]:
        return {
            "prompt": messages_to_rows(self.prompt),
            "completion": messages_to_rows(self.completion),
            "label": self.label,
        }


@dataclass(frozen=True, slots=True)
class Text:
    text: str

    kind = "text"

    def to_row(self) -> dict[str, Any]:
        return {"text": self.text}


Record = Conversation | Preference | Feedback | Text


def record_from_row(row: Mapping[str, Any]) -> Record:
    """A canonical row back to its record. Raises KeyError for a row of another shape."""
    if "messages" in row:
        tools = row.get("tools")
        return Conversation(messages_from_rows(row["messages"]), tuple(tools) if tools else None)
    if "chosen" in row:
        return Preference(*(messages_from_rows(row[part]) for part in ("prompt", "chosen", "rejected")))
    if "completion" in row:
        return Feedback(messages_from_rows(row["prompt"]), messages_from_rows(row["completion"]), row["label"])
    return Text(row["text"])
