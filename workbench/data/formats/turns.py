"""Foreign roles, contents, tool calls and pairs -> messages; what no template could render is refused with a reason."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from workbench.data.json_value import parse_line, refuse_unwritable
from workbench.data.records import Conversation, Message, Role
from workbench.data.rows import RowError, shorten

_ROLES: dict[str, Role | str] = {
    "human": "user", "user": "user", "prompter": "user", "instruction": "user",
    "gpt": "assistant", "assistant": "assistant", "moss": "assistant", "bot": "assistant", "model": "assistant",
    "chatgpt": "assistant", "bing": "assistant", "bard": "assistant", "chatbot": "assistant", "ai": "assistant",
    "system": "system", "developer": "system",
    "tool": "tool", "observation": "tool", "function": "tool", "function_response": "tool", "tool_response": "tool",
    "ipython": "tool",
    "function_call": "call", "tool_call": "call",
}  # fmt: skip
_MEDIA = frozenset(("image", "images", "audio", "audios", "video", "videos"))
_TOLD_INSIDE = ("data.row.too_deep", "data.row.lone_surrogate")
TOOL_ROLES = frozenset(role for role, meaning in _ROLES.items() if meaning in ("tool", "call"))


def text(row: Mapping[str, Any], column: str) -> str:
    """The text in a column; null and absence read as "". Raises RowError for a number, list or object."""
    value = row.get(column)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RowError("not_text", column=column, type=type(value).__name__, value=shorten(value))
    return value


def answer(row: Mapping[str, Any], column: str) -> Message:
    """The assistant's turn from a column. Raises RowError when it is empty or missing."""
    content = text(row, column)
    if not content or content.isspace():
        raise RowError("empty_answer" if column in row else "no_answer", column=column)
    return Message("assistant", content)


def user(instruction: str, input: str = "") -> Message:
    """One user turn from an instruction and its input: joined by one newline, both halves kept."""
    if not input:
        return Message("user", instruction)
    joined = f"{instruction}\n{input}" if instruction else input
    return Message("user", joined, instruction, input)


def system(row: Mapping[str, Any], column: str = "system") -> list[Message]:
    content = text(row, column)
    return [Message("system", content)] if content else []


def history(pairs: Any, column: str = "history") -> list[Message]:
    """`[[question, answer], …]` -> turns; null and "" read as none."""
    if pairs is None or pairs == "":
        return []
    if not isinstance(pairs, list):
        raise RowError("bad_history", column=column, value=shorten(pairs))
    turns: list[Message] = []
    for pair in pairs:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not all(isinstance(part, str) for part in pair):
            raise RowError("bad_history", column=column, value=shorten(pair))
        turns += [Message("user", pair[0]), Message("assistant", pair[1])]
    return turns


def role_of(name: Any) -> str:
    """user, assistant, system, tool, or call (an assistant's turn that only calls a function)."""
    role = _ROLES.get(name.strip().lower()) if isinstance(name, str) else None
    if role is None:
        raise RowError("unknown_role", role=shorten(name))
    return role


def content_of(content: Any, index: int) -> tuple[str, str | None]:
    """Text and reasoning of a message's content, which is a string, null, or a list of parts."""
    if content is None:
        return "", None
    if isinstance(content, str):
        return content, None
    if not isinstance(content, list):
        raise RowError("bad_content", index=index, type=type(content).__name__)
    texts, reasoning = [], []
    for part in content:
        kind, value = ("text", part) if isinstance(part, str) else _part(part)
        if kind in ("reasoning", "thinking") and value is not None:
            reasoning.append(value)
        elif kind in ("text", "input_text", "output_text", "refusal") and value is not None:
            texts.append(value)
        else:
            raise RowError("unsupported_part", index=index, part=shorten(kind))
    return "".join(texts), "".join(reasoning) or None


def _part(part: Any) -> tuple[str, str | None]:
    """The type and the text of a content part; LLaMA-Factory's say `value`, some name the text like the type."""
    if not isinstance(part, Mapping):
        return type(part).__name__, None
    kind = str(part.get("type", "text"))
    return kind, next((part[key] for key in ("text", "value", kind) if isinstance(part.get(key), str)), None)


def message(
    row: Any, index: int, *, role_key: str = "role", content_key: str = "content", as_role: str | None = None
) -> Message:
    """One foreign message. index counts from 1 and is named in the reason."""
    if not isinstance(row, Mapping):
        raise RowError("not_a_message", index=index, value=shorten(row))
    role = as_role or role_of(row.get(role_key))
    content, reasoning = content_of(row.get(content_key), index)
    reasoning = row.get("reasoning_content") or row.get("reasoning") or row.get("thinking") or reasoning
    if role == "call":
        return Message("assistant", "", tool_calls=tool_calls(content or row.get(content_key), index),
                       weight=_weight(row, index))  # fmt: skip
    if medium := media_of(row):
        raise RowError("unsupported_part", index=index, part=medium)
    calls = row.get("tool_calls") or ([{"function": row["function_call"]}] if row.get("function_call") else None)
    halves = _halves(row, content, index) if role == "user" and "input" in row else (None, None)
    return Message(
        role=role,  # type: ignore[arg-type]
        content=content,
        instruction=halves[0],
        input=halves[1],
        weight=_weight(row, index),
        reasoning=reasoning if isinstance(reasoning, str) and reasoning else None,
        tool_calls=tool_calls(calls, index) if calls else None,
        tool_call_id=row.get("tool_call_id") if isinstance(row.get("tool_call_id"), str) else None,
        name=row.get("name") if isinstance(row.get("name"), str) else None,
    )


def _halves(row: Mapping[str, Any], content: str, index: int) -> tuple[str | None, str | None]:
    """instruction and input of a question joined from them. Raises RowError where the question says something else:
    styles with a place for the input would train what nobody sees."""
    instruction, given = row.get("instruction"), row["input"]
    if not isinstance(instruction, str) or not isinstance(given, str):
        return None, None
    if content != user(instruction, given).content:
        raise RowError("halves_differ", index=index)
    return instruction, given


def media_of(row: Mapping[str, Any]) -> str | None:
    """The column of a row or message that holds pictures or sound, which text alone would silently do without."""
    if _MEDIA.isdisjoint(row):
        return None
    return next((name for name in row if name in _MEDIA and row[name]), None)


def _weight(row: Mapping[str, Any], index: int) -> float | None:
    value = row.get("weight", row.get("loss_weight", row.get("loss")))
    if value is None:
        return None
    if (
        isinstance(value, (int, float)) and 0 <= value <= sys.float_info.max
    ):  # a bool is an int: LMFlow's and swift's `"loss": false`
        return float(value)
    raise RowError("bad_weight", index=index, value=shorten(value))


def tool_calls(calls: Any, index: int) -> tuple[dict[str, Any], ...]:
    """OpenAI's form with `arguments` an object, from that form, a bare `{"name","arguments"}`, or JSON text."""
    if isinstance(calls, str):
        calls = _json(calls, index)
    found = []
    for call in [calls] if isinstance(calls, Mapping) else calls if isinstance(calls, list) else [None]:
        function = call.get("function", call) if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise RowError("bad_tool_call", index=index, value=shorten(call if call is not None else calls))
        arguments = function.get("arguments", function.get("parameters", {}))
        if isinstance(arguments, str):
            arguments = _json(arguments, index) if arguments.strip() else {}
        if not isinstance(arguments, Mapping):
            raise RowError("bad_tool_call", index=index, value=shorten(arguments))
        refuse_unwritable(arguments)
        identity = {"id": call["id"]} if isinstance(call.get("id"), str) else {}
        found.append(identity | {"type": "function", "function": {"name": function["name"], "arguments": arguments}})
    return tuple(found)


def tools(value: Any) -> tuple[dict[str, Any], ...] | None:
    """The offered tools, from a list or JSON text; `"[]"`, "" and null are none."""
    if isinstance(value, str):
        if not value.strip():
            return None
        value = _inside(value, RowError("bad_tools", value=shorten(value)))
    if not value:
        return None
    value = [value] if isinstance(value, Mapping) else value
    if not isinstance(value, list) or not all(isinstance(tool, Mapping) for tool in value):
        raise RowError("bad_tools", value=shorten(value))
    refuse_unwritable(value)
    return tuple(value)


def refuse_tools(row: Mapping[str, Any]) -> None:
    """For kinds of record that have no place for them."""
    if tools(row.get("tools")):
        raise RowError("tools_in_preference")


def _json(value: str, index: int) -> Any:
    return _inside(value, RowError("bad_tool_call", index=index, value=shorten(value)))


def _inside(text: str, otherwise: RowError) -> Any:
    """The value of a JSON text inside a row. Raises what is wrong with it, or `otherwise` where it is no JSON."""
    try:
        return parse_line(text)
    except RowError as error:
        raise (error if error.key in _TOLD_INSIDE else otherwise) from None


def messages(
    rows: Iterable[Any], *, role_key: str = "role", content_key: str = "content", lead: Sequence[Message] = ()
) -> tuple[Message, ...]:
    """Foreign messages in order, after `lead` (a system turn from a column of its own)."""
    if not isinstance(rows, (list, tuple)):
        raise RowError("not_a_list", value=shorten(rows))
    turns = [message(row, index, role_key=role_key, content_key=content_key) for index, row in enumerate(rows, 1)]
    return after(lead, turns)


def after(lead: Sequence[Message], turns: Sequence[Message]) -> tuple[Message, ...]:
    """A dialogue behind a system turn from a column of its own, which the dialogue may begin with itself."""
    if lead and turns and turns[0].role == "system":
        if turns[0].content != lead[0].content:
            raise RowError("two_systems")
        lead = ()
    return (*lead, *turns)


def conversation(turns: Sequence[Message], offered: tuple[dict[str, Any], ...] | None = None) -> Conversation:
    """The finished record. Raises RowError unless it is a dialogue that a template can render and learn from."""
    check_order(turns)
    return Conversation(tuple(turns), offered)


def check_prompt(turns: Sequence[Message]) -> None:
    """A prompt: a dialogue that waits for an answer."""
    if not turns:
        raise RowError("no_messages")
    last = turns[-1]
    if last.role == "assistant" and not last.tool_calls:
        raise RowError("prompt_ends_with_answer")
    check_order([*turns, Message("assistant", "-")])


def check_order(turns: Sequence[Message]) -> None:
    """[system] (user (call result+)* answer)+; the last turn is the assistant's and not empty."""
    if not turns:
        raise RowError("no_messages")
    last = turns[-1]
    if last.role == "user":
        raise RowError("ends_with_user")
    if last.role != "assistant":
        raise RowError("ends_without_answer", role=last.role)
    before: Message | None = None
    for index, turn in enumerate(turns, 1):
        role, previous = turn.role, before.role if before else None
        if role == "user":
            if previous == "user":
                raise RowError("two_in_a_row", index=index, role=role)
        elif role == "assistant":
            if not turn.tool_calls and (not turn.content or turn.content.isspace()):
                raise RowError("empty_turn", index=index)
            if previous == "assistant":
                raise RowError("two_in_a_row", index=index, role=role)
            if previous is None or previous == "system":
                raise RowError("begins_with_answer", index=index)
        elif role == "system":
            if previous is not None:
                raise RowError("system_inside", index=index)
        elif previous != "tool" and not (before and before.tool_calls):
            raise RowError("result_without_call", index=index)
        before = turn
