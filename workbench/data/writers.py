"""Rows -> a file: the ending chooses JSON, JSONL, CSV, TSV or Parquet, gzipped or not; whole or not at all."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import orjson

from workbench.data.json_value import parse_line
from workbench.errors import UserError

CONTAINERS = (".json", ".jsonl", ".csv", ".tsv", ".parquet")
_PARQUET_ROWS = 5000
RawRow = Mapping[str, Any]


def container(path: str | Path) -> str:
    """The ending that decides. Raises UserError for one that is no container."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes if suffix.lower() != ".gz"]
    ending = {".ndjson": ".jsonl", ".tab": ".tsv"}.get(suffixes[-1], suffixes[-1]) if suffixes else ""
    if ending not in CONTAINERS:
        raise UserError("data.unknown_container", path=path, endings=" ".join(CONTAINERS))
    return ending


def write_rows(path: str | Path, rows: Iterable[RawRow]) -> int:
    """Write rows in order, return their number. An error or a kill leaves the old file, or none."""
    path = Path(path)
    ending = container(path)
    write = {".json": _json, ".jsonl": _jsonl, ".csv": _csv, ".tsv": _tsv, ".parquet": _parquet}[ending]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
    except OSError as error:
        raise UserError("data.unwritable", path=path, why=error.strerror or error) from None
    try:
        with os.fdopen(handle, "wb") as raw:
            if path.suffix.lower() == ".gz":
                # Name and time are left out, so that the same rows give the same bytes.
                with gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
                    count = write(packed, rows)
            else:
                count = write(raw, rows)
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise UserError("data.unwritable", path=path, why=error.strerror or error) from None
        raise
    return count


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _dumps(row: RawRow) -> bytes:
    try:
        return orjson.dumps(row)
    except TypeError:  # integers over 64 bits
        return json.dumps(row, ensure_ascii=False).encode()


def _jsonl(file: IO[bytes], rows: Iterable[RawRow]) -> int:
    count = 0
    for row in rows:
        file.write(_dumps(row) + b"\n")
        count += 1
    return count


def _json(file: IO[bytes], rows: Iterable[RawRow]) -> int:
    """An array with one row a line: it can be read by people and streamed."""
    count = 0
    for row in rows:
        file.write((b",\n" if count else b"[\n") + _dumps(row))
        count += 1
    file.write(b"\n]\n" if count else b"[]\n")
    return count


def _csv(file: IO[bytes], rows: Iterable[RawRow], delimiter: str = ",") -> int:
    with _spooled(rows) as (columns, _, again):
        text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
        writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
        # Left to itself it quotes a lone line feed but no carriage return, at which readers begin a new row.
        quoting = csv.writer(text, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerow(columns)
        count = 0
        for row in again():
            cells = [_cell(row.get(column)) for column in columns]
            (quoting if any("\r" in cell for cell in cells) else writer).writerow(cells)
            count += 1
        text.detach()
    return count


def _tsv(file: IO[bytes], rows: Iterable[RawRow]) -> int:
    return _csv(file, rows, "\t")


def _cell(value: Any) -> str:
    """Text as it stands; lists, objects and true/false as JSON; nothing as an empty cell."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _parquet(file: IO[bytes], rows: Iterable[RawRow]) -> int:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    with _spooled(rows) as (columns, kinds, again):
        types = {"str": arrow.string(), "bool": arrow.bool_(), "pairs": arrow.list_(arrow.list_(arrow.string())),
                 "messages": arrow.list_(arrow.struct([("role", arrow.string()), ("content", arrow.string())])),
                 "turns": arrow.list_(arrow.struct([("from", arrow.string()), ("value", arrow.string())]))}  # fmt: skip
        # Objects of differing keys would be padded with nulls: they are kept as JSON text, which the reader unfolds.
        shapes = {column: next(iter(kinds[column])) if len(kinds[column]) == 1 else "json" for column in columns}
        schema = arrow.schema([(column, types.get(shapes[column], arrow.string())) for column in columns])
        count = 0
        with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
            batch: list[dict[str, Any]] = []

            def flush() -> None:
                writer.write_table(arrow.Table.from_pylist(batch, schema=schema))
                batch.clear()

            for row in again():
                batch.append({
                    column: _cell(row[column]) if shapes[column] == "json" and row.get(column) is not None
                    else row.get(column) for column in columns
                })  # fmt: skip
                count += 1
                if len(batch) == _PARQUET_ROWS:
                    flush()
            if batch:
                flush()
    return count


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "str"
    if isinstance(value, list) and value:
        for name, keys in (("messages", {"role", "content"}), ("turns", {"from", "value"})):
            if all(isinstance(item, dict) and set(item) == keys for item in value):
                return name
        if all(isinstance(item, list) and all(isinstance(part, str) for part in item) for item in value):
            return "pairs"
    return "json"


@contextmanager
def _spooled(rows: Iterable[RawRow]) -> Iterator[tuple[list[str], dict[str, set[str]], Any]]:
    """Containers with a header need all columns first: rows wait on disk. -> (columns, kinds by column, rows again)."""
    columns: dict[str, set[str]] = {}
    with tempfile.TemporaryFile() as file:
        for row in rows:
            for column, value in row.items():
                kinds = columns.setdefault(column, set())
                if value is not None:
                    kinds.add(_kind(value))
            file.write(_dumps(row) + b"\n")

        def again() -> Iterator[dict[str, Any]]:
            file.seek(0)
            return (parse_line(line) for line in file)

        yield list(columns), columns, again
