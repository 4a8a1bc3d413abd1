"""What a schema is: a slug, the columns it needs, matches(row) and convert(row)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.data.records import Kind, Record

RawRow = Mapping[str, Any]


@dataclass(frozen=True)
class Schema:
    """One shape of rows found in the wild.

    columns: alternatives, each a set of columns that must all be there; they are looked up once per set of columns, so
        that a million rows of one shape ask only the schemas that can apply. Empty: asked for every row.
    matches: looks at the values, where columns alone do not decide.
    convert: one row -> its record (or several). Raises RowError with the reason when it cannot.
    specificity: higher is asked first. 0: a row that lacks something, claimed so that its reason can be told.
    gathers: rows refer to each other (a tree written flat); convert then gets the list of all of them.
    """

    slug: str
    kind: Kind
    columns: tuple[frozenset[str], ...]
    convert: Callable[[Any], Record | list[Any]]
    matches: Callable[[RawRow], bool] = lambda row: True
    specificity: int = 50
    gathers: bool = False


def columns(*alternatives: str) -> tuple[frozenset[str], ...]:
    """columns("instruction output", "instruction answer"): either pair."""
    return tuple(frozenset(names.split()) for names in alternatives)


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_text_pairs(value: Any) -> bool:
    """`[["question", "answer"], …]`"""
    return isinstance(value, list) and all(
        isinstance(pair, (list, tuple)) and len(pair) == 2 and all(isinstance(part, str) for part in pair)
        for pair in value
    )


def is_list_of(kind: type, value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, kind) for item in value)


def first_column(row: RawRow, names: Iterable[str]) -> str:
    """The first of the names that the row has."""
    return next(name for name in names if name in row)
