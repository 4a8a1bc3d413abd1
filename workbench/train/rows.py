"""A spec -> the rows it trains on, kept in the run as data.jsonl so that a resume sees the very same ones."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.data.records import Record, record_from_row
from workbench.errors import NoTrainableTokens, Quoted, UserError
from workbench.runs import Run
from workbench.specs import Spec

if TYPE_CHECKING:
    from workbench.data.render import Rendered

_SHOWN = 5
_NAMED = 1000  # rows that the log names


@dataclass(frozen=True)
class Rows:
    """records and held_out in the order in which they are handed to the trainer."""

    records: list[Record]
    held_out: list[Record]


def collect(run: Run, spec: Spec, log: Callable[[str], None]) -> Rows:
    """The run's kept rows, or those of the spec, kept from now on."""
    trained, held = run.directory / "data.jsonl", run.directory / "held_out.jsonl"
    if trained.is_file():  # written last, so held_out.jsonl is whole too
        return Rows(_read(trained), _read(held) if held.is_file() else [])
    from workbench.data.mix import training_records

    data = training_records(spec, run.home)
    if data.report is not None:
        report = data.report.to_json()
        log(f"data: {report['rows_good']} rows read, {report['rows_bad']} left out")
        for bad in report["bad"][:_SHOWN]:
            log(f"  row {bad['row']}: {bad['reason']}")
    count = len(data.records)
    log(f"data: {count} rows to train on ({data.replay_rows} of them general), {len(data.held_out)} held out")
    if data.held_out:
        _write(held, data.held_out)
    _write(trained, data.records)
    return Rows(data.records, data.held_out)


def render_all(
    records: Iterable[Record], tokenizer: Any, spec: Spec, log: Callable[[str], None], home: Path | None = None
) -> list[Rendered]:
    """What the model sees of every row. A row that the template refuses is left out and logged.

    Raises UserError with the list of rows when a row has nothing to learn, and when no row is left. home: where the
    rows' files are looked up, so that the list can name them.
    """
    if spec.stage == "pretrain":
        from workbench.data.documents import render_documents

        return render_documents(records, tokenizer, spec.data.max_length, spec.pretrain.blocks)
    from workbench.data.render import render_many

    rendered: list[Rendered] = []
    refused: list[str] = []
    empty: list[Record] = []
    why: UserError | None = None
    template = spec.data.template or None
    for record, result in zip(
        records,
        render_many(records, tokenizer, spec.data.max_length, template=template, train_on=spec.data.train_on),
        strict=True,
    ):
        if isinstance(result, NoTrainableTokens):
            why = why or result
            empty.append(record)
        elif isinstance(result, UserError):
            why = why or result
            refused.append(f"{_beginning(record)}: {result.text()}")
        else:
            rendered.append(result)
    if empty:
        named = _named(empty, spec, home)
        lines = [f"{place} {beginning}".strip() for place, beginning in named]
        for line in lines:
            log(f"nothing to learn: {line}")
        more = " …" if len(empty) > _SHOWN else ""
        where = " · ".join(place or "–" for place, _ in named[:_SHOWN])
        shown = Quoted(" · ".join(lines[:_SHOWN]) + more, where + more)
        raise UserError("train.nothing_to_learn", count=len(empty), rows=shown, why=why)
    for line in refused[:_SHOWN]:
        log(f"row left out: {line}")
    if refused:
        log(f"{len(refused)} rows were left out because the prompt style cannot show them")
    if not rendered and refused:
        raise UserError("train.no_rows", why=why)
    cut = sum(row.truncated for row in rendered)
    if cut:
        log(f"{cut} of {len(rendered)} rows are cut off at {spec.data.max_length} tokens")
    return rendered


def _named(records: list[Record], spec: Spec, home: Path | None) -> list[tuple[str, str]]:
    """Of each row its file with its number there ("" where that is unknown), and how it begins."""
    from workbench.data.mix import places

    records = records[:_NAMED]
    found = places(spec, home, records) if home is not None else [""] * len(records)
    return [(place, _beginning(record)) for place, record in zip(found, records, strict=True)]


def _beginning(record: Record, length: int = 40) -> str:
    """Rows are shuffled by now, so a row is told by how it begins."""
    row = record.to_row()
    turns = row.get("messages") or row.get("prompt") or []
    text = next((turn["content"] for turn in turns if turn["role"] == "user"), row.get("text", ""))
    text = " ".join(str(text).split())
    return f"“{text[:length]}{'…' if len(text) > length else ''}”"


def _write(path: Path, records: Iterable[Record]) -> None:
    """Line by line into a file beside, then renamed: a kill leaves no half data.jsonl that a resume would believe."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps(record.to_row(), ensure_ascii=False) + "\n")
    os.replace(beside, path)


def _read(path: Path) -> list[Record]:
    with path.open(encoding="utf-8") as file:  # iterated by line: str.splitlines would also split at U+2028
        return [record_from_row(json.loads(line)) for line in file]
