"""A file -> records, each with the row it came from, and a report of what could not be used."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.data import formats, hubs
from workbench.data import repairs as mend
from workbench.data.formats import turns
from workbench.data.formats.schema import Schema
from workbench.data.json_value import parse_line
from workbench.data.readers import read_rows
from workbench.data.records import Record
from workbench.data.report import Report
from workbench.data.rows import Row, RowError, Rows, shorten
from workbench.errors import UserError


@dataclass(slots=True)  # not frozen: one is made per row, and freezing costs more than reading the row
class Item:
    """A good record (record set) or a bad row (reason set). A tree of dialogues gives several records of one row."""

    row: int
    line: int | None
    record: Record | None
    reason: UserError | None
    slug: str | None
    value: Any
    notes: tuple[str, ...] = ()  # warning codes of what was seen while the row was read


@dataclass(frozen=True)
class Loaded:
    """records[i] came from row rows[i] of the file (counted from 1)."""

    records: list[Record]
    rows: list[int]
    report: Report


class Scan:
    """Iterate a file's items once; `report` is complete when the iteration is.

    path: a file, a folder, a hub's address, or rows that are open already.
    source: a slug that overrides the detection. mapping: role -> column, for tables that no schema knows.
    rename: a raw row -> the row under the names that schemas know (a registry's columns).
    repairs: names of data/repairs.py that are applied; the rows they changed are counted in `report.repaired`.
    Raises UserError for an unreadable file or an unknown slug, at construction.
    """

    def __init__(
        self,
        path: str | Path | Rows,
        *,
        source: str | None = None,
        mapping: Mapping[str, str] | None = None,
        encoding: str | None = None,
        rename: Callable[[Any], Any] | None = None,
        repairs: Sequence[str] = (),
    ) -> None:
        self._rename, self._repairs = rename, mend.check(repairs)
        self._forced = formats.by_slug(source) if source else None
        self._mapped = bool(mapping)  # by hand: whoever leaves a picture's column out has chosen to
        if mapping:
            from workbench.data.mapping import schema_of

            self._forced = (schema_of(mapping),)
        self._rows = path if isinstance(path, Rows) else rows_of(path, encoding)
        self.report = Report(encoding=self._rows.encoding, container=self._rows.container, slug=self._rows.slug)

    def __iter__(self) -> Iterator[Item]:
        report, forced, detect, mapped = self.report, self._forced, formats.detect, self._mapped
        gathered: dict[str, tuple[Schema, list[tuple[int, int | None, Any]]]] = {}
        for raw in self._rows:
            if raw.reason is not None and not (self._repairs and self._mended(raw)):
                yield self._bad(raw, raw.reason, None)
                continue
            value = raw.value
            if self._rename is not None:
                value = self._rename(value)
            if "merge_turns" in self._repairs and isinstance(value, dict):
                merged = mend.merge_turns(value)
                report.repaired["merge_turns"] += merged != value
                value = merged
            schema = detect(value) if forced is None else _fitting(forced, value)
            if schema is None:
                report.formats["unknown"] += 1
                yield self._bad(raw, _unknown(value), None)
                continue
            report.formats[schema.slug] += 1
            if schema.gathers:
                gathered.setdefault(schema.slug, (schema, []))[1].append((raw.row, raw.line, value))
                continue
            if not mapped and type(value) is dict and (column := turns.media_of(value)):
                yield self._bad(raw, RowError("media_column", column=column), schema.slug)
                continue
            try:
                record = schema.convert({"text": value} if isinstance(value, str) else value)
            except RowError as error:
                yield self._bad(raw, error, schema.slug)
                continue
            report.rows_good += 1
            for one in record if isinstance(record, list) else (record,):
                if self._repairs:
                    one, changed = mend.repair(one, self._repairs)
                    report.repaired.update(changed)
                report.kinds[one.kind] += 1
                yield Item(raw.row, raw.line, one, None, schema.slug, value, raw.notes)
        for schema, rows in gathered.values():
            yield from self._gather(schema, rows)
        report.encoding = self._rows.encoding  # of a folder known now: each of its files has its own

    def _mended(self, raw: Row) -> bool:
        """Whether the row can be read once the comma behind it is gone."""
        wanted = "trailing_comma" in self._repairs and raw.source is not None
        if not wanted or raw.reason.key != "data.row.trailing_comma":  # type: ignore[union-attr]
            return False
        raw.value, raw.reason = parse_line(raw.source.rstrip().removesuffix(",")), None  # type: ignore[union-attr]
        self.report.repaired["trailing_comma"] += 1
        return True

    def _gather(self, schema: Schema, rows: list[tuple[int, int | None, Any]]) -> Iterator[Item]:
        """Rows that refer to each other: `convert` answers with (rows it was made from, record or reason)."""
        lines = {row: (line, value) for row, line, value in rows}
        for members, result in schema.convert([(row, value) for row, _, value in rows]):  # type: ignore[misc]
            line, value = lines[members[0]]
            if isinstance(result, RowError):
                yield self._bad(Row(members[0], line, value), result, schema.slug)
                continue
            self.report.rows_good += len(members)
            if result is not None:
                self.report.kinds[result.kind] += 1
                yield Item(members[0] if members else 0, line, result, None, schema.slug, value)

    def _bad(self, raw: Row, reason: UserError, slug: str | None) -> Item:
        source = raw.source if raw.source is not None else _written(raw.value)
        self.report.add_bad(raw.row, raw.line, reason, source)
        return Item(raw.row, raw.line, None, reason, slug, raw.value if raw.value is not None else raw.source)


def rows_of(path: str | Path, encoding: str | None = None) -> Rows:
    """The raw rows of a file, a folder or a hub's address."""
    return hubs.read_rows(str(path)) if hubs.is_hub(path) else read_rows(path, encoding=encoding)


def iter_records(
    path: str | Path | Rows,
    *,
    source: str | None = None,
    mapping: Mapping[str, str] | None = None,
    encoding: str | None = None,
    rename: Callable[[Any], Any] | None = None,
    repairs: Sequence[str] = (),
) -> Scan:
    """Stream a file's records and bad rows; the scan's `report` grows with the iteration."""
    return Scan(path, source=source, mapping=mapping, encoding=encoding, rename=rename, repairs=repairs)


def load(
    path: str | Path | Rows,
    *,
    source: str | None = None,
    mapping: Mapping[str, str] | None = None,
    encoding: str | None = None,
    rename: Callable[[Any], Any] | None = None,
    repairs: Sequence[str] = (),
) -> Loaded:
    """All good records of a file and the report. A file without one good row loads too: ask `report.error(path)`."""
    scan = Scan(path, source=source, mapping=mapping, encoding=encoding, rename=rename, repairs=repairs)
    records, rows = [], []
    for item in scan:
        if item.record is not None:
            records.append(item.record)
            rows.append(item.row)
    return Loaded(records, rows, scan.report)


def _fitting(forced: tuple[Schema, ...], value: Any) -> Schema | None:
    """The variant of the schema that the user named which fits; the most tolerant one gives the reason otherwise."""
    row = {"text": value} if isinstance(value, str) else value
    if not isinstance(row, Mapping):
        return None
    names = frozenset(row)
    for schema in forced:
        if (not schema.columns or any(wanted <= names for wanted in schema.columns)) and schema.matches(row):
            return schema
    return None


def _unknown(value: Any) -> RowError:
    if isinstance(value, Mapping):
        names = ", ".join(str(name) for name in list(value)[:12])
        return RowError("unknown_shape", columns=shorten(names or "-", 200))
    return RowError("not_an_object", type=type(value).__name__)


def _written(value: Any, limit: int = 4000) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)[:limit]
    except (ValueError, RecursionError):
        return str(value)[:limit]
