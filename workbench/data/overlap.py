"""Training rows and evaluation rows -> the training rows that give answers away: same prompt, or 13 words in a row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from workbench.data.load import load
from workbench.data.records import Conversation, Record, Text

_GRAM = 13  # words or Han characters, the length that GPT-3's and most later contamination checks use
_UNIT = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")


class HeldOut:
    """What evaluation rows ask and say, as numbers to compare training rows with."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._prompts: set[tuple[str, ...]] = set()
        self._grams: set[int] = set()
        for record in records:
            self._prompts.add(tuple(_units(_prompt(record))))
            for text in _texts(record):
                self._grams.update(_grams(text))

    def overlap(self, record: Record) -> str | None:
        """ "same_prompt" or "shared_passage" when the row gives an evaluation answer away."""
        asked = tuple(_units(_prompt(record)))
        if asked and asked in self._prompts:
            return "same_prompt"
        if any(gram in self._grams for text in _texts(record) for gram in _grams(text)):
            return "shared_passage"
        return None


def beside(path: str | Path | Any) -> HeldOut | None:
    """The evaluation rows that a split left beside a data file: NAME.jsonl and NAME.eval.jsonl."""
    if not isinstance(path, (str, Path)):
        return None
    place = Path(path)
    evaluation = place.with_name(place.name.partition(".")[0] + ".eval.jsonl")
    if evaluation == place or not evaluation.is_file():
        return None
    return HeldOut(load(evaluation).records)


def overlapping(trained: Iterable[tuple[int, Record]], held_out: Iterable[Record]) -> list[tuple[int, str]]:
    """(row, "same_prompt" or "shared_passage") for each training row that overlaps with the evaluation rows."""
    known = HeldOut(held_out)
    return [(row, found) for row, record in trained if (found := known.overlap(record))]


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
