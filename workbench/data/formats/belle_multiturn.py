"""belle_multiturn: BELLE's multi-turn set; the dialogue stands in `instruction` as `Human:…\\nAssistant:…`."""

import re

from workbench.data.formats import turns
from workbench.data.formats.schema import RawRow, Schema, columns
from workbench.data.records import Conversation, Message

_SPEAKER = re.compile(r"(?:^|\n)\s*(Human|Assistant)\s*[:：]")


def _matches(row: RawRow) -> bool:
    text = row["instruction"]
    if type(text) is not str or "Human" not in text[:12] or "Assistant" not in text[-14:]:
        return False
    return re.match(r"\s*Human\s*[:：]", text) is not None and re.search(r"Assistant\s*[:：]\s*$", text) is not None


def _convert(row: RawRow) -> Conversation:
    _, *parts = _SPEAKER.split(row["instruction"])
    found = [
        Message("user" if speaker == "Human" else "assistant", text.strip())
        for speaker, text in zip(parts[::2], parts[1::2], strict=True)
    ]
    if found[-1].role == "assistant" and not found[-1].content:
        found.pop()  # the marker at the end, where `output` goes
    return turns.conversation([*turns.system(row), *found, turns.answer(row, "output")])


BELLE = Schema("belle_multiturn", "conversation", columns("instruction output"), _convert, _matches, specificity=65)
