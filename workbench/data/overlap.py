"""Training rows and evaluation rows -> the training rows that give answers away: same prompt, or 13 words in a row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from workbench.data.records import Conversation, Record, Text

_GRAM = 13  # words or Han characters, the length that GPT-3's and most later contamination checks use
_UNIT = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")


def overlapping(trained: Iterable[tuple[int, Record]], held_out: Iterable[Record]) -> list[tuple[int, str]]:
    """(row, "same_prompt" or "shared_passage") for each training row that overlaps with the evaluation rows."""
    prompts: set[tuple[str, ...]] = set()
    grams: set[int] = set()
    for record in held_out:
        prompts.add(tuple(_units(_prompt(record))))
        for text in _texts(record):
            grams.update(_grams(text))
    found = []
    for row, record in trained:
        asked = tuple(_units(_prompt(record)))
        if asked and asked in prompts:
            found.append((row, "same_prompt"))
        elif any(gram in grams for text in _texts(record) for gram in _grams(text)):
            found.append((row, "shared_passage"))
    return found


def _units(text: str) -> list[str]:
    return [unit.lower() for unit in _UNIT.findall(text)]


def _grams(text: str) -> Iterator[int]:
    units = _units(text)
    return (hash(tuple(units[at : at + _GRAM])) for at in range(len(units) - _GRAM + 1))


def _prompt(record: Record) -> str:
    if isinstance(record, Text):
        return record.text
    turns = record.messages[:-1] if isinstance(record, Conversation) else record.prompt
    return "\n".join(turn.content for turn in turns if turn.role == "user")


def _texts(record: Record) -> list[str]:
    if isinstance(record, Text):
        return [record.text]
    turns = record.messages if isinstance(record, Conversation) else record.prompt
    return [turn.content for turn in turns if turn.role in ("user", "assistant")]
