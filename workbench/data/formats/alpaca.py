"""alpaca: instruction, input, output (also system, text, answer); with a history column: alpaca_history."""

from workbench.data.formats import turns
from workbench.data.formats.schema import RawRow, Schema, columns, is_text_pairs
from workbench.data.records import Conversation, Message
from workbench.data.rows import RowError

_ANSWERS = ("output", "response", "answer")


def _convert(row: RawRow) -> Conversation:
    # The million-row case: the plain shape is built without the detours of the others.
    instruction, given, output = row.get("instruction"), row.get("input"), row.get("output")
    if type(output) is str and type(instruction) is str and output and not output.isspace() and len(row) == 3:
        if not given:
            return Conversation((Message("user", instruction), Message("assistant", output)))
        if type(given) is str:
            return Conversation((turns.user(instruction, given), Message("assistant", output)))
    column = next((name for name in _ANSWERS if row.get(name)), "output")
    return Conversation(
        (
            *turns.system(row),
            *_history(row),
            turns.user(turns.text(row, "instruction"), turns.text(row, "input")),
            turns.answer(row, column),
        ),
        turns.tools(row.get("tools")),
    )


def _history(row: RawRow) -> list[Message]:
    past = turns.history(row.get("history"))
    for index, turn in enumerate(past, 1):
        if turn.role == "assistant" and not turn.content.strip():
            raise RowError("empty_turn", index=index)
    return past


ALPACA = Schema(
    "alpaca",
    "conversation",
    columns("instruction output", "instruction answer", "instruction input response"),
    _convert,
    specificity=20,
)
HISTORY = Schema(
    "alpaca_history",
    "conversation",
    columns("instruction output history", "instruction response history"),
    _convert,
    lambda row: isinstance(row["history"], list) and (not row["history"] or is_text_pairs(row["history"])),
    specificity=60,
)
INCOMPLETE = Schema("alpaca", "conversation", columns("instruction"), _convert, specificity=0)
