"""sharegpt: conversations[].from/value; sharegpt_tools: with function_call, observation and a tools column."""

from workbench.data.formats import turns
from workbench.data.formats.schema import RawRow, Schema, columns
from workbench.data.records import Conversation

_COLUMNS = columns("conversations")


def _is_dialogue(row: RawRow) -> bool:
    items = row["conversations"]
    return isinstance(items, list) and all(
        isinstance(item, dict) and ("from" in item or "role" in item) for item in items
    )


def _calls_tools(row: RawRow) -> bool:
    if not _is_dialogue(row):
        return False
    return "tools" in row or any(
        str(item.get("from", item.get("role"))).lower() in turns.TOOL_ROLES for item in row["conversations"]
    )


def _convert(row: RawRow) -> Conversation:
    items = row["conversations"]
    named = bool(items) and "from" in items[0]
    found = turns.messages(
        items,
        role_key="from" if named else "role",
        content_key="value" if named else "content",
        lead=turns.system(row),
    )
    return turns.conversation(found, turns.tools(row.get("tools")))


SHAREGPT = Schema("sharegpt", "conversation", _COLUMNS, _convert, _is_dialogue, specificity=40)
TOOLS = Schema("sharegpt_tools", "conversation", _COLUMNS, _convert, _calls_tools, specificity=45)
