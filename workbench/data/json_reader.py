"""JSON text -> rows: lines, arrays, concatenated objects and `{"data": […]}`, streamed past broken ones."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import orjson

from workbench.data import encodings
from workbench.data.json_value import (
    LEAST_DEEP,
    MOST_LEVELS,
    holds_long,
    holds_many,
    parse_line,
    refuse_depth,
    refuse_surrogates,
    repeats_keys,
)
from workbench.data.rows import Row, RowError, shorten

_WRAPPERS = ("data", "rows", "train", "examples", "items", "records", "dataset", "samples", "test", "validation")
_WRAPPER = re.compile(rf'"(?:{"|".join(_WRAPPERS)})"\s*:\s*\[\s*\{{')
_CHUNK = 1 << 22
_LARGEST_ROW = 1 << 28  # characters; a string that never ends would swallow the whole file otherwise
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_SPACE = re.compile(r"[\s\ufeff]*")
_DECODER = json.JSONDecoder()
_BYTES = ("utf-8", "utf-8-sig")
_REPEATED = ("repeated_keys",)


def rows(file: BinaryIO, codec: str, start: str) -> tuple[str, Iterator[Row]]:
    """The container (`json` or `jsonl`) and its rows. start: the beginning of the text, without byte order mark."""
    if _is_lines(start):
        return "jsonl", _unwrap_single(_lines(file, codec))
    return "json", _values(_Text(file, codec), wrapped=_wrapper(start) is not None)


def _is_lines(start: str) -> bool:
    """Whether the text is one value per line: a complete first line followed by another value."""
    first, newline, rest = start.partition("\n")
    if start[:1] == "[":
        return False
    if not newline:
        return _wrapper(start) is None
    try:
        json.loads(first)
    except RecursionError:  # one row that is nested too deeply costs itself only
        return bool(rest.strip())
    except ValueError:
        if _wrapper(start) is not None:  # `{"data": [{…},` with a row a line
            return False
        # A broken first line of many, or a pretty-printed object? The next line of lines begins like the first.
        return rest.lstrip()[:1] == start[:1] == "{" or start[:1] not in "{"
    return bool(rest.strip()) or _wrapper(first) is None


def _wrapper(start: str) -> re.Match[str] | None:
    """The `"data": [{` of an outermost object."""
    match = _WRAPPER.search(start) if start.startswith("{") else None
    before = start[: match.start()] if match else ""
    return match if before.count("{") - before.count("}") == 1 and before.count("[") == before.count("]") else None


def _lines(file: BinaryIO, codec: str) -> Iterator[Row]:
    loads, count = orjson.loads, 0
    colon = b":" if codec in _BYTES else ":"
    for number, line in enumerate(_split(file, codec), 1):
        try:
            value = loads(line)
        except orjson.JSONDecodeError:
            if not line.strip(b"\xef\xbb\xbf \t\r\n" if isinstance(line, bytes) else "\ufeff \t\r\n"):  # type: ignore[arg-type]
                continue
            count += 1
            yield row_of_line(line, count, number)
            continue
        count += 1
        # Most rows are flat and short, with no colon but those behind their keys: nothing of what follows can be.
        plain = type(value) is dict and line.count(colon) == len(value) and len(line) <= LEAST_DEEP  # type: ignore[arg-type]
        if holds_long(line) or not plain and holds_many(line):
            yield row_of_line(line, count, number)
        elif plain or not repeats_keys(value, line):
            yield Row(count, number, value)
        else:
            yield Row(count, number, value, notes=_REPEATED)


def row_of_line(line: bytes | str, row: int, number: int) -> Row:
    """A line that is not blank as a row, with the reason when it is no JSON."""
    try:
        value = parse_line(line)
        return Row(row, number, value, notes=_REPEATED if repeats_keys(value, line) else ())
    except RowError as error:
        text = line.decode(errors="replace") if isinstance(line, bytes) else line
        return Row(row, number, None, error, text[:4000].rstrip("\r\n"))


def _split(file: BinaryIO, codec: str) -> Iterator[bytes] | Iterator[str]:
    """Lines ending in \\n only: a JSON string may hold U+2028 and its like."""
    if codec in _BYTES:  # bytes as they are: the parser takes UTF-8
        return iter(file)
    return _text_lines(_Text(file, codec))


def _text_lines(text: _Text) -> Iterator[str]:
    while not text.ended or text.buffer:
        *lines, text.buffer = text.buffer.split("\n")
        yield from lines
        if text.ended:
            yield text.buffer
            return
        text.more()


def _unwrap_single(rows: Iterator[Row]) -> Iterator[Row]:
    """A file of one line may be a table written as one object."""
    first = next(rows, None)
    if first is None:
        return
    second = next(rows, None)
    if second is None and first.reason is None:
        yield from _expand(first.value, first.line)
        return
    yield first
    if second is not None:
        yield second
        yield from rows


def _expand(value: Any, line: int | None) -> Iterator[Row]:
    """One JSON value that is the whole file: a list or table of rows, or one row."""
    table: Any = None
    taken = ""
    if isinstance(value, list):
        table = value
    elif isinstance(value, dict):
        for key in _WRAPPERS:
            if _are_rows(value.get(key)):
                table, taken = value[key], key
                break
        else:
            table = _table_of(value)
    rows = [value] if table is None else table
    for number, item in enumerate(rows, 1):
        yield Row(number, line, item)
    for name in (name for name in value if taken and name != taken and _are_rows(value[name])):
        yield Row(len(rows) + 1, line, None, RowError("another_list", name=shorten(name)))
        break


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _table_of(value: dict[str, Any]) -> list[Any] | None:
    """`{"0": {row}, "1": {row}}` or pandas' `{"column": {"0": cell}}` -> rows; None for anything else."""
    inner = list(value.values())
    if not inner or not all(isinstance(item, dict) and item for item in inner):
        return None
    if any(re.fullmatch(r"(round|turn)_\d+", key) for key in value):
        return None
    digits = [all(key.isdigit() for key in item) for item in inner]
    if all(digits) and len({tuple(item) for item in inner}) == 1:
        return [{column: cells[index] for column, cells in value.items()} for index in inner[0]]
    shared = set(inner[0]).intersection(*inner[1:])
    return inner if len(inner) > 1 and shared else None


class _Text:
    """Decoded text that grows at the end and is dropped at the front; knows the line it is at."""

    def __init__(self, file: BinaryIO, codec: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(codec)(encodings.errors(codec))
        self.buffer, self.ended, self.suspicious = "", False, False
        self._line, self._counted = 1, 0
        self.more()
        self.buffer = self.buffer.removeprefix("\ufeff")

    def more(self, size: int = _CHUNK) -> bool:
        """Append up to size bytes' worth of text; False at the end of the file."""
        if self.ended:
            return False
        data = self._file.read(size)
        self.ended = not data
        text = self._decoder.decode(data, final=self.ended)
        self.suspicious = self.suspicious or not _encodes(text)
        self.buffer += text
        return True

    def line_at(self, position: int) -> int:
        """The line of a position; asked for in rising order."""
        self._line += self.buffer.count("\n", self._counted, position)
        self._counted = position
        return self._line

    def drop(self, position: int) -> None:
        """Forget the text before position."""
        self.line_at(position)
        self.buffer, self._counted = self.buffer[position:], 0


def _encodes(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Broken(Exception):
    def __init__(self, position: int, reason: RowError) -> None:
        self.position, self.reason = position, reason


def _values(text: _Text, *, wrapped: bool) -> Iterator[Row]:
    """Rows of arrays and of objects one after the other; after a broken one, on from the next that looks like a row."""
    count, known, at = 0, frozenset[str](), 0
    single: Row | None = None  # a lone object is unfolded once it is known to be alone
    if wrapped:
        at = _enter_wrapper(text)
    inside = wrapped and at > 0
    while True:
        at = _skip(text, at)
        if at < 0:
            if inside:
                yield Row(count + 1, text.line_at(len(text.buffer)), None, RowError("list_not_closed"))
            break
        mark = text.buffer[at]
        if mark in "[,]" and not (mark == "[" and inside):
            if mark == "]" and wrapped:
                if (unread := _behind(text, at + 1)) is not None:
                    yield Row(count + 1, text.line_at(unread[0]), None, unread[1], text.buffer[unread[0] :][:4000])
                break
            inside = mark != "]" if mark != "," else inside
            at += 1
            continue
        if at > _CHUNK:
            text.drop(at)
            at = 0
        line = text.line_at(at)
        try:
            value, end = _decode(text, at)
            if text.buffer.count("{", at, end) + text.buffer.count("[", at, end) > MOST_LEVELS:
                refuse_depth(value)
            if text.suspicious or _SURROGATE.search(text.buffer, at, end):
                refuse_surrogates(value)
            row = Row(count + 1, line, value, notes=_REPEATED if repeats_keys(value, text.buffer, at, end) else ())
        except _Broken as broken:
            source = text.buffer[at : at + 4000]
            end = _resume(text, broken.position, known)
            row = Row(count + 1, line, None, broken.reason, source[: end - at] if end >= 0 else source)
        except RowError as error:
            row = Row(count + 1, line, None, error, text.buffer[at : min(end, at + 4000)])
        count += 1
        if isinstance(row.value, dict) and not known:
            known = frozenset(row.value)
        if count == 1 and not inside and isinstance(row.value, dict):
            single = row
        else:
            if single is not None:
                yield single
                single = None
            yield row
        if end < 0:
            break
        at = end
    if single is not None:
        yield from _expand(single.value, single.line)


def _skip(text: _Text, at: int) -> int:
    """The position of the next character that is no white space, or -1 at the end."""
    while True:
        at = _SPACE.match(text.buffer, at).end()  # type: ignore[union-attr]
        if at < len(text.buffer):
            return at
        if not text.more():
            return -1


def _decode(text: _Text, at: int) -> tuple[Any, int]:
    """The value at a position and its end; reads on while the value may only be cut off by the buffer's end."""
    size = _CHUNK
    while True:
        try:
            value, end = _DECODER.raw_decode(text.buffer, at)
            if end < len(text.buffer) or not text.more():
                return value, end
            if not isinstance(value, (int, float)):  # a number may go on in the next chunk
                return value, end
        except json.JSONDecodeError as error:
            cut = error.msg.startswith("Unterminated") or error.pos >= len(text.buffer) - 16
            if cut and len(text.buffer) - at < _LARGEST_ROW and text.more(size):
                size *= 2
                continue
            body = text.buffer[at:]
            near = shorten(text.buffer[max(at, error.pos - 15) : error.pos + 15])
            if error.pos >= len(text.buffer.rstrip()) or (cut and not body.rstrip().endswith("]")):
                raise _Broken(error.pos, RowError("cut_off", end=shorten(body[-40:]))) from None
            raise _Broken(error.pos, RowError("not_json", column=error.colno, near=near)) from None
        except RecursionError:
            raise _Broken(at, RowError("too_deep")) from None
        except ValueError:
            raise _Broken(at, RowError("too_many_digits")) from None


_NEXT = re.compile(r"(?:\}|\n)\s*,?\s*(?=\{)")


def _resume(text: _Text, position: int, known: frozenset[str]) -> int:
    """Where the next object begins that has a key of the rows before it; -1 when there is none."""
    while True:
        for match in _NEXT.finditer(text.buffer, position):
            try:
                value, _ = _decode(text, match.end())
            except _Broken:
                continue
            if isinstance(value, dict) and (not known or known & set(value)):
                return match.end()
        position = max(position, len(text.buffer) - 1024)
        if not text.more():
            return -1


_NAME = re.compile(r'\s*,?\s*"((?:[^"\\]|\\.)*)"\s*:\s*')
_OBJECTS = re.compile(r"\[\s*\{")


def _behind(text: _Text, at: int) -> tuple[int, RowError] | None:
    """Where rows stand behind the wrapped list that are not read, and why; None where the rest only tells of it."""
    while (at := _skip(text, at)) >= 0:
        text.drop(at)
        text.more()
        if text.buffer[0] == "}":
            after = _skip(text, 1)
            return None if after < 0 else (after, RowError("behind_the_end"))
        match = _NAME.match(text.buffer)
        if match is None:
            return 0, RowError("behind_the_end")
        if _OBJECTS.match(text.buffer, match.end()):
            return 0, RowError("another_list", name=shorten(match[1]))
        try:
            _, at = _decode(text, match.end())
        except _Broken as broken:
            return 0, broken.reason
    return None


def _enter_wrapper(text: _Text) -> int:
    """The position after the `[` of the wrapped list."""
    match = _wrapper(text.buffer.lstrip())
    return text.buffer.index("[", match.start() + len(text.buffer) - len(text.buffer.lstrip())) + 1 if match else 0
