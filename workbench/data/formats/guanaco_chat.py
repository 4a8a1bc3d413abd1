"""guanaco_chat: past turns in `instruction` as `User:…Assistant:…`, the new one in `input` after `System:…`."""

import re

from workbench.data.formats import turns
from workbench.data.formats.schema import RawRow, Schema, columns
from workbench.data.records import Conversation, Message

_SPEAKER = re.compile(r"\s*(User|Assistant|System)\s*[:：]\s*")
_STARTS = re.compile(r"\s*(User|System)\s*[:：]")
_ROLES = {"User": "user", "Assistant": "assistant", "System": "system"}


def _matches(row: RawRow) -> bool:
    given, past = row["input"], row["instruction"]
    if type(given) is not str or not ("User" in given or "System" in given) or _STARTS.match(given) is None:
        return False
    # Behind an ordinary instruction it is a dialogue to work on, which is alpaca's.
    return type(past) is str and (not past.strip() or _SPEAKER.match(past) is not None)


def _convert(row: RawRow) -> Conversation:
    past, now = _split(turns.text(row, "instruction")), _split(turns.text(row, "input"))
    system = [turn for turn in now if turn.role == "system"][:1] or [turn for turn in past if turn.role == "system"][:1]
    dialogue = [turn for turn in (*past, *now) if turn.role != "system"]
    return turns.conversation([*system, *dialogue, turns.answer(row, "output")])


def _split(text: str) -> list[Message]:
    lead, *parts = _SPEAKER.split(text)
    found = [Message("user", lead.strip())] if lead.strip() else []
    return (
        found
        + [
            Message(_ROLES[speaker], content.strip())  # type: ignore[arg-type]
            for speaker, content in zip(parts[::2], parts[1::2], strict=True)
            if content.strip() or speaker != "System"
        ]
    )


GUANACO = Schema(
    "guanaco_chat", "conversation", columns("instruction input output"), _convert, _matches, specificity=64
)
