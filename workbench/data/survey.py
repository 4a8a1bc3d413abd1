"""Sources, read one way -> the one report with figures that page, endpoint and command line give; one of their rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.data import formats, sources
from workbench.data.load import Item, Scan
from workbench.data.overlap import beside
from workbench.data.quality import Watch
from workbench.data.reading import Reading, Seeing
from workbench.data.repairs import Offers
from workbench.data.report import Report
from workbench.data.rows import Row, Rows
from workbench.errors import UserError

if TYPE_CHECKING:
    from workbench.data.sources import Source


class Survey:
    """Iterate it once: items pass by and are counted. `finish` then gives the report its warnings and the figures."""

    def __init__(self, found: Sequence[Source], reading: Reading) -> None:
        self.reading = reading.over(found)
        self.rows: Rows = sources.read(found, reading.encoding)
        self._scan = Scan(self.rows, **self.reading.converting)
        self.report: Report = self._scan.report
        self.watch, self._offers = Watch(beside(found[0].path) if len(found) == 1 else None), Offers()
        self.statistics: dict[str, Any] = {}

    def __iter__(self) -> Iterator[Item]:
        for item in self._scan:
            if item.record is None:
                self._offers.add_bad(item.reason, item.value)
            else:
                self._offers.add(item.record, self.watch.add(item.row, item.record, item.value))
                for code in item.notes:
                    self.watch.note(code, item.row)
            yield item

    def finish(self) -> None:
        self.report.warnings, self.report.offers = self.watch.warnings(), self._offers.counts
        self.statistics = self.watch.statistics()


def inspect(
    what: str | Path | Sequence[Source], reading: Reading | None = None, *, seeing: Seeing | None = None,
    tokenizer: Any = None,
) -> tuple[Report, dict[str, Any]]:  # fmt: skip
    """The report of sources with its warnings, and the statistics; streamed, so that files of any size fit.

    seeing, tokenizer: adds `tokens` to the statistics, as `TokenLengths.statistics` counts them.
    Raises UserError for what cannot be read.
    """
    found = [sources.Source(str(what))] if isinstance(what, (str, Path)) else what
    survey = Survey(found, reading or Reading())
    if seeing is None:
        for _ in survey:
            pass
        survey.finish()
        return survey.report, survey.statistics
    from workbench.data.lengths import measure

    lengths = measure(survey, tokenizer, seeing)
    survey.finish()
    return survey.report, survey.statistics | {"tokens": lengths.statistics()}


def item_of(found: Sequence[Source], reading: Reading, row: int, name: str) -> Item:
    """The first good item of a row, by its number from 1. Raises UserError for a row that is bad or not there."""
    reading = reading.over(found)
    last = 0
    for raw in sources.read(found, reading.encoding):
        last = raw.row
        if last == row:
            items = items_of_row(raw, reading)
            break
    else:
        if not last:
            raise UserError("data.no_rows", path=name)
        raise UserError("data.row_out_of_range", path=name, count=last, row=row)
    if items and items[0].record is None and items[0].reason is None:
        scan = Scan(sources.read(found, reading.encoding), **reading.converting)
        items = [item for item in scan if item.row == row]
    if not items:
        raise UserError("data.part_of_dialogue", path=name, row=row)
    if items[0].record is None:
        raise UserError("data.bad_row", path=name, row=row, reason=items[0].reason)
    return items[0]


def items_of_row(raw: Row, reading: Reading) -> list[Item]:
    """What one raw row becomes. One that others make something with is alone an item without record and reason."""
    if raw.reason is None and not reading.mapping:
        forced = formats.by_slug(reading.source) if reading.source else (formats.detect(raw.value),)
        for schema in forced:
            if schema is not None and schema.gathers:
                return [Item(raw.row, raw.line, None, None, schema.slug, raw.value)]
    return list(Scan(Rows(iter([raw]), "", ""), **reading.converting))
