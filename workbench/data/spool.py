"""Rows of a container that cannot be read from the middle -> lines in a temporary file, so that they can be paged too.

Arrays, tables, packed files and data sets of a hub are written down once while they are read; the file goes with the
object.
"""

from __future__ import annotations

import json
import math
import tempfile
from array import array
from pathlib import Path
from typing import Any

import orjson

from workbench.data.line_index import STRIDE, LineIndex
from workbench.data.rows import Row
from workbench.errors import UserError

_BAD = "\0bad"  # no column can be called this: JSON readers refuse the name nowhere, but nobody writes it
_SLOW = b" "  # begins lines that the standard library wrote and reads: orjson would change their numbers
_FLUSHED_ROWS = 256
_FIRST_ROWS = 32  # a first page need not wait for more


class Spool(LineIndex):
    """A LineIndex over rows that `append` writes. Line k of the file is row k."""

    def __init__(self, folder: Path | str | None = None) -> None:
        self._file = tempfile.NamedTemporaryFile(prefix="rows-", suffix=".jsonl", dir=folder)  # noqa: SIM115  lives on
        super().__init__(Path(self._file.name))
        self._physical = array("Q")  # the line in the source, 0 where there are no lines
        self._pending: list[bytes] = []

    def append(self, row: Row) -> None:
        """Rows come in order, none left out."""
        if self.rows and self.rows % STRIDE == 0:
            self._offsets.append(self.read_bytes)
            self._lines.append(self.rows)
        line = _packed(row)
        self._pending.append(line)
        self.read_bytes += len(line)
        self._physical.append(row.line or 0)
        self.rows += 1
        if len(self._pending) >= _FLUSHED_ROWS or self.rows == _FIRST_ROWS:
            self.flush()

    def flush(self) -> None:
        """What was appended can be fetched."""
        self._file.write(b"".join(self._pending))
        self._file.flush()
        self._pending.clear()
        self.size_bytes = self.read_bytes

    def finish(self) -> None:
        self.flush()
        self.complete.set()

    def _row(self, text: bytes, row: int, line: int) -> Row:
        value = json.loads(text) if text.startswith(_SLOW) else orjson.loads(text)
        physical = self._physical[row - 1] or None
        if type(value) is dict and _BAD in value:
            kept = value[_BAD]
            return Row(row, physical, kept.get("value"), _error(kept), kept["source"])
        return Row(row, physical, value)


def _packed(row: Row) -> bytes:
    value = row.value
    if row.reason is not None:
        value = {_BAD: _described(row.reason) | {"source": row.source, "value": row.value}}
    try:
        line = orjson.dumps(value) + b"\n"
    except TypeError:  # integers over 64 bits, half characters
        return _slow(value)
    return _slow(value) if b"null" in line and not _finite(value) else line


def _slow(value: Any) -> bytes:
    return _SLOW + json.dumps(value).encode() + b"\n"


def _finite(value: Any) -> bool:
    """Whether no number in it is one that JSON does not have: orjson would write null."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    return all(map(_finite, value)) if isinstance(value, list) else True


def _described(reason: Any) -> dict[str, Any]:
    """A refusal as JSON: its key, and its parameters as the texts they will be in the sentence."""
    params = {
        name: _described(value) if isinstance(value, UserError) else value if isinstance(value, int) else str(value)
        for name, value in reason.params.items()
    }
    return {"key": reason.key, "params": params}


def _error(kept: dict[str, Any]) -> UserError:
    params = {name: _error(value) if isinstance(value, dict) else value for name, value in kept["params"].items()}
    return UserError(kept["key"], **params)
