"""ultrafeedback_binarized and the canonical pair: chosen and rejected are lists of messages."""

from collections.abc import Sequence

from workbench.data.formats import turns
from workbench.data.formats.schema import RawRow, Schema, columns
from workbench.data.records import Message, Preference
from workbench.data.rows import RowError


def _convert(row: RawRow) -> Preference:
    turns.refuse_tools(row)
    chosen, rejected = turns.messages(row["chosen"]), turns.messages(row["rejected"])
    prompt = row.get("prompt")
    if isinstance(prompt, list):
        return pair(turns.messages(prompt, lead=turns.system(row)), chosen, rejected)
    if isinstance(prompt, str) and prompt and not _shared(chosen, rejected):
        return pair((*turns.system(row), Message("user", prompt)), chosen, rejected)
    return whole(row, chosen, rejected)


def whole(row: RawRow, chosen: Sequence[Message], rejected: Sequence[Message]) -> Preference:
    """A preference of two whole dialogues: what they share is the prompt."""
    shared = _shared(chosen, rejected)
    return pair(turns.after(turns.system(row), shared), chosen[len(shared) :], rejected[len(shared) :])


def _shared(chosen: Sequence[Message], rejected: Sequence[Message]) -> tuple[Message, ...]:
    count = 0
    for one, other in zip(chosen, rejected, strict=False):
        if one != other or (one.role == "assistant" and count == min(len(chosen), len(rejected)) - 1):
            break
        count += 1
    return tuple(chosen[:count])


def pair(prompt: Sequence[Message], chosen: Sequence[Message], rejected: Sequence[Message]) -> Preference:
    """A checked preference: the prompt waits for an answer, both answers are there."""
    prompt, chosen, rejected = tuple(prompt), tuple(chosen), tuple(rejected)
    if chosen[: len(prompt)] == prompt == rejected[: len(prompt)]:  # the dialogue is repeated in the answers
        chosen, rejected = chosen[len(prompt) :], rejected[len(prompt) :]
    turns.check_prompt(prompt)
    for name, part in (("chosen", chosen), ("rejected", rejected)):
        if not part or any(
            turn.role == "assistant" and not turn.content.strip() and not turn.tool_calls for turn in part
        ):
            raise RowError("empty_answer", column=name)
        turns.check_order((*prompt, *part))
    return Preference(prompt, chosen, rejected)


LISTS = Schema(
    "ultrafeedback_binarized",
    "preference",
    columns("chosen rejected"),
    _convert,
    lambda row: isinstance(row["chosen"], list) and isinstance(row["rejected"], list),
    specificity=70,
)
