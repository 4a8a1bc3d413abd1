"""One JSON text -> its value, or the reason why it is none."""

from __future__ import annotations

import json
import math
import re
import sys
from typing import Any

import orjson

from workbench.data.rows import RowError, shorten

# Real rows have a dozen. orjson reads 1,024 and writes 254, the standard library about 990 less what called it: what is
# read must be writable, also where one JSON text stood inside another.
MOST_LEVELS = 200
LEAST_DEEP = 2 * MOST_LEVELS  # bytes
# orjson makes a float of an integer of more than 64 bits. Twenty digits in a row have one at every twentieth place, so
# that most lines are told from a twentieth of them.
_DIGIT, _LONG = re.compile(r"[0-9]"), re.compile(r"[0-9]{20}")
_BYTE_DIGIT, _BYTE_LONG = re.compile(rb"[0-9]"), re.compile(rb"[0-9]{20}")


def parse_line(text: str | bytes) -> Any:
    """One JSON value. Raises RowError that names the column, a cut-off end, a lone surrogate, or too many levels."""
    try:
        value = orjson.loads(text)
        if holds_many(text):
            refuse_depth(value)
        return _parse_slowly(text if isinstance(text, str) else text.decode()) if holds_long(text) else value
    except orjson.JSONDecodeError:
        if isinstance(text, bytes):
            try:
                text = text.decode()
            except UnicodeDecodeError as error:
                if error.reason == "unexpected end of data":  # in the middle of a character: the line has no end
                    raise RowError("cut_off", end=shorten(text[-40:].decode(errors="ignore"))) from None
                raise RowError("not_utf8", column=error.start + 1) from None
        return _parse_slowly(text)


def holds_long(text: str | bytes) -> bool:
    """Whether there may be an integer of more than 64 bits in it."""
    if isinstance(text, bytes):
        return _BYTE_DIGIT.search(text[19::20]) is not None and _BYTE_LONG.search(text) is not None
    return _DIGIT.search(text[19::20]) is not None and _LONG.search(text) is not None


def holds_many(text: str | bytes) -> bool:
    """Whether there are brackets enough for more levels than are taken."""
    if len(text) <= LEAST_DEEP:
        return False
    if isinstance(text, bytes):
        return text.count(b"{") + text.count(b"[") > MOST_LEVELS
    return text.count("{") + text.count("[") > MOST_LEVELS


def _parse_slowly(text: str) -> Any:
    """The standard parser also takes NaN and integers of any size, and tells the column of an error."""
    text = text.strip("\ufeff \t\r\n")
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise _explain(text, error) from None
    except RecursionError:
        raise RowError("too_deep") from None
    except ValueError:  # Python refuses to read more than 4,300 digits
        raise RowError("too_many_digits") from None
    refuse_depth(value)
    refuse_surrogates(value)
    return value


def _explain(text: str, error: json.JSONDecodeError) -> RowError:
    if error.msg.startswith("Extra data") and text[error.pos :].strip() == ",":
        return RowError("trailing_comma")
    if error.pos >= len(text) or (error.msg.startswith("Unterminated") and not text.rstrip().endswith(("}", "]"))):
        return RowError("cut_off", end=shorten(text[-40:]))
    return RowError("not_json", column=error.colno, near=shorten(text[max(0, error.pos - 15) : error.pos + 15]))


def refuse_depth(value: Any) -> None:
    level = [value]
    for _ in range(MOST_LEVELS + 1):
        level = [inner for outer in level if type(outer) in (dict, list) for inner in _parts(outer)]
        if not level:
            return
    raise RowError("too_deep")


def _parts(value: Any) -> Any:
    return value.values() if type(value) is dict else value


def repeats_keys(value: Any, text: str | bytes, begin: int = 0, end: int = sys.maxsize) -> bool:
    """Whether an object in the text text[begin:end] of a value names a key twice, of which parsers keep the last.

    A quotation mark before a colon ends a key, unless it is escaped: as many as the value has keys, and none repeats.
    """
    ends, escaped = ('":', '\\":') if isinstance(text, str) else (b'":', b'\\":')
    written = text.count(ends, begin, end)  # type: ignore[arg-type]
    if type(value) is dict and written == len(value):  # flat
        return False
    if written - text.count(escaped, begin, end) == _keys(value):  # type: ignore[arg-type]
        return False
    found = False

    def watch(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal found
        made = dict(pairs)
        found = found or len(made) < len(pairs)
        return made

    try:
        json.loads(text[begin:end], object_pairs_hook=watch)
    except (ValueError, RecursionError):  # what orjson took all the same
        return False
    return found


def _keys(value: Any) -> int:
    """How many keys all objects in it have."""
    if type(value) is dict:
        return len(value) + sum([_keys(inner) for inner in value.values() if type(inner) in (dict, list)])
    return sum([_keys(inner) for inner in value if type(inner) in (dict, list)]) if type(value) is list else 0


def refuse_unwritable(value: Any, levels: int = MOST_LEVELS) -> None:
    """For values that a record keeps as they are: what no JSON text can hold would become null in the file."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise RowError("not_finite", value={"inf": "Infinity", "-inf": "-Infinity"}.get(str(value), "NaN"))
    elif isinstance(value, (dict, list)):
        if not levels:
            raise RowError("too_deep")
        for inner in _parts(value):
            if not isinstance(inner, str):
                refuse_unwritable(inner, levels - 1)


def refuse_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        code = ord(error.object[error.start])
        if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: a byte that the encoding does not have
            raise RowError("not_in_encoding", byte=f"0x{code - 0xDC00:02x}") from None
        raise RowError("lone_surrogate", code=f"\\u{code:04x}") from None
