"""One raw row of a file: its ordinal, its line, and its value or the reason why it has none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from workbench.errors import Quoted, UserError


class RowError(UserError):
    """Why one row cannot be used. Its text is `errors.data.row.<key>`; it costs this row only, never the file."""

    def __init__(self, key: str, /, **params: object) -> None:
        super().__init__(f"data.row.{key}", **params)


@dataclass(slots=True)
class Row:
    """`row` counts records from 1, blank lines not counted; `line` is the physical line, where there are lines."""

    row: int
    line: int | None
    value: Any = None
    reason: UserError | None = None
    source: str | None = None  # the row's own text, kept for bad rows only
    notes: tuple[str, ...] = ()  # warning codes of what the value no longer shows


@dataclass(slots=True)
class Rows:
    """An iterable of Row over one file, read as it is iterated.

    encoding: the one the text was decoded with, "" for binary containers. container: json, jsonl, csv, parquet …
    slug: set when the file as a whole is something else than data (`git_lfs_pointer`).
    name: what a message calls it. fraction: how much of it has been read, 0 … 1; None where that cannot be told.
    """

    rows: Iterator[Row]
    encoding: str
    container: str
    slug: str | None = None
    notes: list[UserError] = field(default_factory=list)
    name: str = ""
    fraction: Callable[[], float | None] = lambda: None

    def __str__(self) -> str:
        return self.name

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)


_TOLD_ROWS = 512


def telling(rows: Rows, tell: Callable[[float | None, int], None]) -> Rows:
    """The same rows, which tell how far they are (fraction, rows so far); what `tell` raises ends them."""
    inner = rows.rows

    def passing() -> Iterator[Row]:
        for row in inner:
            if row.row % _TOLD_ROWS == 0:
                tell(rows.fraction(), row.row)
            yield row

    rows.rows = passing()
    return rows


def shorten(value: object, limit: int = 60) -> Quoted:
    """A value of a row as an error message shows it: one line, not longer than limit, and on this machine only."""
    text = value if isinstance(value, str) else repr(value)
    text = " ".join(text[: limit * 4].split())
    return Quoted(text if len(text) <= limit else text[: limit - 1] + "…", "…")
