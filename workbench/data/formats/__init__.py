"""A row's columns and values -> the most specific schema that fits; registered by being in this folder."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any

from workbench.data.formats.schema import Schema
from workbench.errors import UserError, nearest


@cache
def schemas() -> tuple[Schema, ...]:
    """Every schema of this folder, most specific first."""
    found: dict[int, Schema] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for value in vars(module).values():
            if isinstance(value, Schema):
                found[id(value)] = value
    return tuple(sorted(found.values(), key=lambda schema: (-schema.specificity, schema.slug)))


def slugs() -> tuple[str, ...]:
    return tuple(dict.fromkeys(schema.slug for schema in schemas()))


def by_slug(slug: str) -> tuple[Schema, ...]:
    """The schemas of a slug (a second one may claim incomplete rows). Raises UserError, offering the nearest."""
    found = tuple(schema for schema in schemas() if schema.slug == slug)
    if not found:
        raise UserError("data.unknown_schema", value=slug, nearest=nearest(slug, slugs()))
    return found


@cache
def _candidates(columns: tuple[str, ...]) -> tuple[Schema, ...]:
    names = frozenset(columns)
    return tuple(
        schema for schema in schemas() if not schema.columns or any(wanted <= names for wanted in schema.columns)
    )


def detect(row: Any) -> Schema | None:
    """The schema of one raw row; None when no schema knows it."""
    if type(row) is not dict:  # isinstance(row, Mapping) costs more than the rest of the look-up
        if isinstance(row, str):
            row = {"text": row}
        if not isinstance(row, Mapping):
            return None
    # Rows with columns of their own (ids as keys) would fill the memory of the look-up.
    candidates = _candidates(tuple(row)) if len(row) <= 64 else _candidates.__wrapped__(tuple(row))
    for schema in candidates:
        if schema.matches(row):
            return schema
    return None
