"""openai_chat: messages[].role/content (text or parts, weight, reasoning); openai_tools: with tool calls."""

from workbench.data.formats import turns
from workbench.data.formats.schema import RawRow, Schema, columns
from workbench.data.records import Conversation

_COLUMNS = columns("messages")


def _is_dialogue(row: RawRow) -> bool:
    return isinstance(row["messages"], list)


def _calls_tools(row: RawRow) -> bool:
    items = row["messages"]
    return isinstance(items, list) and (
        bool(row.get("tools") or row.get("functions"))
        or any(isinstance(item, dict) and (item.get("tool_calls") or item.get("function_call")) for item in items)
    )


def _convert(row: RawRow) -> Conversation:
    offered = turns.tools(row.get("tools") or row.get("functions"))
    return turns.conversation(turns.messages(row["messages"], lead=turns.system(row)), offered)


CHAT = Schema("openai_chat", "conversation", _COLUMNS, _convert, _is_dialogue, specificity=30)
TOOLS = Schema("openai_tools", "conversation", _COLUMNS, _convert, _calls_tools, specificity=35)
