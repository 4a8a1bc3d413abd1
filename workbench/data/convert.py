"""A data file -> a file of another schema, style and container, with the report of what was read and what was lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.data import sources, targets, writers
from workbench.data.load import iter_records
from workbench.data.overlap import beside
from workbench.data.quality import Watch
from workbench.data.report import Report
from workbench.data.rows import RowError, Rows, telling
from workbench.errors import UserError

if TYPE_CHECKING:
    from workbench.data.reading import Reading
    from workbench.data.sources import Source


def convert_sources(
    found: Sequence[Source], reading: Reading, out: str | Path, to: str, *, every_turn: bool = False,
    tell: Callable[[float | None, int], None] | None = None, name: str = "",
) -> Report:  # fmt: skip
    """`convert` of what a box, a client or a command line names; name: what a refusal calls it."""
    reading = reading.over(found)
    rows = sources.read(found, reading.encoding)
    rows.name = name or rows.name
    if tell is not None:
        rows = telling(rows, tell)
    watch = Watch(beside(found[0].path) if len(found) == 1 else None)
    return convert(rows, out, to, every_turn=every_turn, watch=watch, **reading.converting)


def convert(
    path: str | Path | Rows,
    out: str | Path,
    to: str,
    *,
    source: str | None = None,
    mapping: Mapping[str, str] | None = None,
    encoding: str | None = None,
    every_turn: bool = False,
    repairs: Sequence[str] = (),
    watch: Watch | None = None,
) -> Report:
    """Write the good rows of `path` to `out`, whose ending is the container; bad rows are in the report.

    to: canonical, alpaca, sharegpt, messages, openai, query_response, feedback, preference, text, the name of a prompt
        style, or STYLE_text.
    repairs: names of data/repairs.py to apply; how many rows each changed is in the report's `repaired`.
    every_turn: of a style, one row per answer instead of the last answer only.
    watch: sees every row that is written; its statistics are there afterwards.
    Raises UserError (and writes nothing) for an unknown target or container, and when no row can be written.
    """
    target = targets.find(to, every_turn=every_turn)
    writers.container(out)
    scan = iter_records(path, source=source, mapping=mapping, encoding=encoding, repairs=repairs)
    report, watch = scan.report, watch or Watch(beside(path))

    held: dict[int, tuple[int, int | None]] = {}  # of records that wait for a counterpart: where they stand

    def rows() -> Iterator[dict[str, Any]]:
        previous = 0
        for item in scan:
            if item.record is None:
                continue
            lost: list[str] = []
            try:
                # All rows of a record before the first is written: a record is converted whole or not at all.
                made = list(target.rows(item.record, lost.append))
            except RowError as error:
                if item.row != previous:  # of several records of one row the first decides whether the row is good
                    report.rows_good -= 1
                    report.add_bad(item.row, item.line, error, "")
                continue
            previous = item.row
            if not made:
                held[id(item.record)] = (item.row, item.line)
            watch.add(item.row, item.record, item.value)
            for code in (*item.notes, *lost):
                watch.note(code, item.row)
            yield from made
        for record in target.waiting():
            row, line = held[id(record)]
            report.rows_good -= 1
            report.add_bad(row, line, RowError("no_counterpart"), "")
        report.bad.sort(key=lambda bad: bad.row)
        report.warnings = watch.warnings()
        if error := report.error(path):
            raise error

    try:
        report.rows_written = writers.write_rows(out, rows())
    except UserError as error:
        error.report = report  # type: ignore[attr-defined]
        raise
    return report
