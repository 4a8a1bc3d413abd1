"""A spec -> the records it trains on: data file or self-cognition rows, placeholders filled, replay mixed in."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.data import sources
from workbench.data.load import load
from workbench.data.records import Conversation, Message, Preference, Record, Text
from workbench.data.report import Report
from workbench.errors import UserError
from workbench.specs import Spec


@dataclass(frozen=True)
class Share:
    """What one source gives: rows that can be used, and how many of them are taken at its weight."""

    name: str
    weight: float
    rows: int
    taken: int


@dataclass(frozen=True)
class TrainingData:
    """records are shuffled by the seed; held_out is never trained on; report is None when no file was read."""

    records: list[Record]
    held_out: list[Record] = field(default_factory=list)
    report: Report | None = None
    own_rows: int = 0  # of the file or of the identity, before replay was mixed in
    replay_rows: int = 0
    shares: tuple[Share, ...] = ()  # by source, in the order given


def training_records(spec: Spec, home: Path | str) -> TrainingData:
    """The rows a run trains on, the same for the same spec.

    Raises UserError for a file that is not there or has no good row, for placeholders that no box fills (naming row and
    boxes), and when there is neither a file nor a name.
    """
    from workbench.data import identity

    who, report = spec.identity, None
    shares: list[Share] = []
    if spec.data.path:
        records, report, shares = _from_sources(spec.data.path, home, who.name, who.author, spec.training.seed_of_data)
    elif who.name:
        records = list(identity.identity_rows(who.name, who.author, who.year, who.model_name, who.lang))
    else:
        raise UserError("data.nothing_to_train")
    own = len(records)
    held_out: list[Record] = []
    if spec.data.eval_fraction:
        records, held_out = split(records, spec.data.eval_fraction, spec.training.seed_of_data)
    replay: list[Any] = []
    if who.name and who.replay:
        replay = list(identity.replay_rows(round(len(records) * who.replay), spec.training.seed_of_data))
    records = [*records, *replay]
    random.Random(spec.training.seed_of_data).shuffle(records)
    return TrainingData(records, held_out, report, own, len(replay), tuple(shares))


def _from_sources(
    text: str, home: Path | str, name: str, author: str, seed: int
) -> tuple[list[Record], Report, list[Share]]:
    """The rows of all sources, each taken as often as its weight says, their reports in one, and each one's share."""
    records: list[Record] = []
    shares: list[Share] = []
    whole: Report | None = None
    for source in sources.parse(text, home):
        loaded = load(source.path, rename=source.rename, mapping=dict(source.mapping) or None)
        if error := loaded.report.error(source.path):
            raise error
        filled = _filled(loaded.records, loaded.rows, name, author)
        whole_rows = filled[: source.limit]
        taken = weighted(whole_rows, source.weight, seed)
        records += taken
        shares.append(Share(source.name or source.path, source.weight, len(whole_rows), len(taken)))
        whole = loaded.report if whole is None else whole.merged(loaded.report)
    if whole is None:
        raise UserError("data.no_file", path=text)
    return records, whole, shares


def places(spec: Spec, home: Path | str, records: list[Record]) -> list[str]:
    """Where each record came from, as "rows.jsonl 41"; "" for one that no source of the spec holds.

    Reads the sources again: for the few rows that stop a run.
    """
    known = dict.fromkeys(map(_identity, records), "")
    for source in sources.parse(spec.data.path, home) if spec.data.path else ():
        loaded = load(source.path, rename=source.rename, mapping=dict(source.mapping) or None)
        filled = _filled(loaded.records, loaded.rows, spec.identity.name, spec.identity.author)
        for record, row in zip(filled, loaded.rows, strict=True):
            if known.get(key := _identity(record)) == "":
                known[key] = f"{Path(source.path).name} {row}"
    return [known[_identity(record)] for record in records]


def _identity(record: Record) -> str:
    return json.dumps(record.to_row(), ensure_ascii=False, sort_keys=True)


def weighted(records: list[Any], weight: float, seed: int) -> list[Any]:
    """Every row int(weight) times, and a seeded draw for the fraction."""
    times, fraction = divmod(weight, 1)
    drawn = sorted(random.Random(seed).sample(range(len(records)), round(fraction * len(records))))
    return records * int(times) + [records[index] for index in drawn]


def split(records: list[Record], fraction: float, seed: int) -> tuple[list[Record], list[Record]]:
    """(train, held out), in the order given. Rows with the same prompt stay on one side, or the score would flatter."""
    groups: dict[Any, list[int]] = {}
    for index, record in enumerate(records):
        groups.setdefault(_prompt_key(record), []).append(index)
    order = list(groups.values())
    random.Random(seed).shuffle(order)
    wanted, held = round(len(records) * fraction), set()
    for group in order:
        if len(held) >= wanted:
            break
        if len(groups) > 1 and len(held) + len(group) < len(records):
            held.update(group)
    return (
        [record for index, record in enumerate(records) if index not in held],
        [record for index, record in enumerate(records) if index in held],
    )


def _prompt_key(record: Record) -> Any:
    if isinstance(record, Text):
        return record.text.strip()
    turns: tuple[Message, ...] = record.messages if isinstance(record, Conversation) else record.prompt
    return tuple(turn.content.strip() for turn in turns if turn.role == "user")


def _filled(records: list[Record], rows: list[int], name: str, author: str) -> list[Record]:
    """Other projects' placeholders replaced by the identity. Raises UserError for one whose box is empty."""
    from workbench.data import identity

    filled: list[Record] = []
    for record, row in zip(records, rows, strict=True):
        if not any(identity.find_placeholders(text) for text in texts_of(record)):
            filled.append(record)
            continue
        done = identity.fill_placeholders(record, name, author) if name or author else record
        left = [found for text in texts_of(done) for found in identity.find_placeholders(text)]
        if left:
            boxes = "identity.name, identity.author"
            raise UserError("data.unfilled_placeholder", row=row, placeholder=left[0], boxes=boxes)
        filled.append(done)
    return filled


def texts_of(record: Record) -> list[str]:
    """Every text of a record, in reading order."""
    if isinstance(record, Text):
        return [record.text]
    if isinstance(record, Conversation):
        return [turn.content for turn in record.messages]
    parts = (
        (record.prompt, record.chosen, record.rejected)
        if isinstance(record, Preference)
        else (record.prompt, record.completion)
    )
    return [turn.content for part in parts for turn in part]
