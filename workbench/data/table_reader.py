"""CSV, TSV, XLSX, Parquet and Arrow -> rows: the header names the columns, every cell is text as it stands."""

from __future__ import annotations

import base64
import csv
import io
import math
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from workbench.data import encodings
from workbench.data.json_value import parse_line
from workbench.data.rows import Row, RowError

_ALIASES = {
    "指令": "instruction", "指示": "instruction", "任务": "instruction",
    "输入": "input", "上下文": "context", "背景": "context",
    "输出": "output", "目标": "target",
    "问题": "question", "提问": "question", "问": "question",
    "回答": "answer", "答案": "answer", "答": "answer", "标准答案": "std_answer",
    "提示": "prompt", "提示词": "prompt", "查询": "query", "回复": "response", "响应": "response", "补全": "completion",
    "系统": "system", "系统提示": "system", "系统提示词": "system", "历史": "history", "历史对话": "history",
    "文本": "text", "内容": "text", "正文": "text", "标签": "label",
    "对话": "conversations", "消息": "messages", "选择": "chosen", "接受": "chosen", "拒绝": "rejected",
    # the same in traditional characters, where they differ
    "任務": "instruction", "輸入": "input", "輸出": "output", "目標": "target", "問題": "question", "提問": "question",
    "問": "question", "標準答案": "std_answer", "提示詞": "prompt", "查詢": "query", "回覆": "response",
    "回應": "response", "系統": "system", "系統提示": "system", "系統提示詞": "system", "歷史": "history",
    "歷史對話": "history", "內容": "text", "標籤": "label", "對話": "conversations", "訊息": "messages",
    "選擇": "chosen", "拒絕": "rejected",
}  # fmt: skip
# Columns whose cell may hold JSON, because what they name is a list; elsewhere a bracket is text.
_NESTED = {
    "messages", "conversations", "conversation", "history", "tools", "chosen", "rejected", "prompt", "completion",
    "preferred_output", "non_preferred_output", "instances", "replies", "answer_choices", "chat",
}  # fmt: skip
# Of these, columns that as often hold text; an answer that is itself JSON is text.
_EITHER = {"prompt", "completion", "chosen", "rejected"}
_TURNS = ({"role", "content"}, {"from", "value"}, {"role", "text"})
_DELIMITERS = ",;\t|"
_TOLD = re.compile(r'"?sep=(.)"?\s*')
_LONGEST_RECORD = 1 << 24  # characters; a quote that never closes would swallow the rest of the file
csv.field_size_limit(min(sys.maxsize, _LONGEST_RECORD * 2))


@cache
def known_columns() -> frozenset[str]:
    """Every column that some schema asks for."""
    from workbench.data.formats import schemas

    return frozenset().union(*(names for schema in schemas() for names in schema.columns)) | set(_ALIASES.values())


def column_name(header: Any) -> str:
    """A header cell as the schemas know it: aliases and capitals resolved, anything else as it stands."""
    name = str(header).strip().strip("\ufeff")
    if name in _ALIASES:
        return _ALIASES[name]
    return name.lower() if name.lower() in known_columns() else name


def sniff(start: str) -> str | None:
    """The delimiter of a text whose first line is a header with at least two known columns; None for other text."""
    first = start.split("\n", 1)[0]
    for delimiter in _DELIMITERS:
        names = [column_name(cell.strip().strip('"')) for cell in first.split(delimiter)]
        if len(names) > 1 and len(known_columns().intersection(names)) > 1:
            return delimiter
    return None


def _delimiter(first: str, ending: str) -> str:
    if found := sniff(first):
        return found
    if ending in (".tsv", ".tab") and "\t" in first:
        return "\t"
    return max(_DELIMITERS, key=first.count)  # the comma, when there is none of them


def text_rows(file: BinaryIO, codec: str, ending: str) -> Iterator[Row]:
    """Delimited text. A record with a broken quote is bad from its first line; reading goes on at the next line."""
    text = io.TextIOWrapper(file, codec, encodings.errors(codec), newline="")
    lines = _Lines(text)
    header: list[str] | None = None
    count = 0
    if told := _TOLD.fullmatch(lines.peek()):  # Excel's first line that names the delimiter
        next(lines)
    delimiter = told[1] if told else _delimiter(lines.peek(), ending)
    for cells, line, source in _records(lines, delimiter):
        if header is None and not isinstance(cells, RowError):
            header = _header(cells)
            continue
        count += 1
        if isinstance(cells, RowError):
            yield Row(count, line, None, cells, source[:4000])
        elif len(cells) != len(header or ()):
            reason = RowError("cell_count", cells=len(cells), columns=len(header or ()))
            yield Row(count, line, None, reason, source[:4000])
        elif not _encodes(source):
            byte = next(ord(letter) for letter in source if 0xD800 <= ord(letter) <= 0xDFFF) - 0xDC00
            yield Row(count, line, None, RowError("not_in_encoding", byte=f"0x{byte:02x}"), _readable(source))
        else:
            yield Row(count, line, _row(header or [], cells))


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _readable(text: str) -> str:
    return text[:4000].encode(errors="replace").decode()


class _Lines:
    """Physical lines with a way back: what a broken record swallowed is read again."""

    def __init__(self, text: Iterable[str]) -> None:
        self._text = iter(text)
        self._returned: list[str] = []
        self.taken: list[str] = []
        self.number = 0
        self._size = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self._size > _LONGEST_RECORD:
            raise csv.Error("the record is too long")
        line = self._returned.pop() if self._returned else next(self._text)
        self.taken.append(line)
        self._size += len(line)
        self.number += 1
        return line

    def peek(self) -> str:
        first = next(self, "")
        self.give_back(0)
        return first.lstrip("\ufeff")

    def start(self) -> None:
        self.taken, self._size = [], 0

    def give_back(self, kept: int) -> None:
        """Return all taken lines but the first `kept`."""
        back = self.taken[kept:]
        self.number -= len(back)
        self._returned += reversed(back)
        self.start()


def _records(lines: _Lines, delimiter: str) -> Iterator[tuple[list[str] | RowError, int, str]]:
    """(cells or what is wrong, first line, its text); blank lines are left out."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.start()
        first = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if not lines.taken:
                return
            source = lines.taken[0]
            yield RowError("broken_quote", why=str(error)), first, source.rstrip("\r\n")
            lines.give_back(1)
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            continue
        if cells and any(cells):
            yield cells, first, "".join(lines.taken).rstrip("\r\n")


def _header(cells: Iterable[Any]) -> list[str]:
    """Column names; a name that comes twice gets a number, so that no cell is lost."""
    names: list[str] = []
    for cell in cells:
        name = column_name(cell)
        names.append(name if name not in names else f"{name}.{sum(other.split('.')[0] == name for other in names) + 1}")
    return names


def _row(header: list[str], cells: Iterable[Any]) -> dict[str, Any]:
    return {name: _cell(name, value, header) for name, value in zip(header, cells, strict=True)}


def _cell(name: str, value: Any, header: Sequence[str]) -> Any:
    if not isinstance(value, str) or value[:1] not in ("[", "{"):
        return value
    if name in _NESTED or (name == "input" and "preferred_output" in header):  # OpenAI's preference rows
        try:
            inner = parse_line(value)
        except RowError:
            return value
        if name in ("history", "tools", "chat") or _holds_objects(inner, _TURNS if name in _EITHER else ()):
            return inner
    return value


def _holds_objects(value: Any, shapes: Sequence[set[str]]) -> bool:
    """Whether it is an object or a list of objects, each with the keys of one of the shapes."""
    items = value if isinstance(value, list) else [value]
    return bool(items) and all(
        isinstance(item, dict) and (not shapes or any(keys <= item.keys() for keys in shapes)) for item in items
    )


def binary_rows(kind: str, path: Path, file: BinaryIO, head: bytes) -> Iterator[Row]:
    """Rows of a container that is no text. A container that cannot be opened is one bad row that says why."""
    source = io.BytesIO(head + file.read()) if not hasattr(file, "fileno") or file.name != str(path) else file
    source.seek(0)
    read = {"parquet": _parquet, "arrow": _arrow, "xlsx": _sheets}[kind]
    count = 0
    try:
        for value in read(source):
            count += 1
            yield Row(count, None, value)
    except Exception as error:  # the libraries raise classes of their own, ValueError and OSError for the same break
        yield Row(
            count + 1, None, None, RowError("broken_container", kind=kind, why=" ".join(str(error).split())[:200])
        )


def _parquet(file: BinaryIO) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as parquet

    for batch in parquet.ParquetFile(file).iter_batches(batch_size=1024):
        yield from _batch(batch)


def _arrow(file: BinaryIO) -> Iterator[dict[str, Any]]:
    import pyarrow as arrow

    try:
        reader = arrow.ipc.open_file(file)
        batches: Iterable[Any] = (reader.get_batch(index) for index in range(reader.num_record_batches))
    except arrow.ArrowInvalid:  # `datasets` writes the stream format
        file.seek(0)
        batches = arrow.ipc.open_stream(file)
    for batch in batches:
        yield from _batch(batch)


def _batch(batch: Any) -> Iterator[dict[str, Any]]:
    names = _header(batch.schema.names)
    kept = [index for index, name in enumerate(names) if not name.startswith("__index_level_")]
    for at in range(0, batch.num_rows, 1024):
        part = batch.slice(at, 1024)
        lists = [part.column(index).to_pylist() for index in kept]
        for cells in zip(*lists, strict=True):
            yield {
                names[index]: _cell(names[index], _text_of(cell), names)
                for index, cell in zip(kept, cells, strict=True)
            }


def _sheets(file: BinaryIO) -> Iterator[dict[str, Any]]:
    from python_calamine import CalamineWorkbook

    book = CalamineWorkbook.from_filelike(file)
    for name in book.sheet_names:
        header: list[str] | None = None
        for cells in book.get_sheet_by_name(name).iter_rows():
            texts = [str(cell).upper() if isinstance(cell, bool) else _text_of(cell) for cell in cells]
            if not any(texts):
                continue
            if header is None:
                header = _header(texts)
            else:
                yield {name: value for name, value in _row(header, texts).items() if name}


def _text_of(value: Any) -> Any:
    """Numbers and dates as the text a person sees; true/false stays, and a missing number is an empty cell. What is
    nested becomes plain JSON: dates and decimals are texts there, numbers stay."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else f"{value:.15g}"
    if isinstance(value, int):
        return str(value)
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None if math.isnan(value) else str(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:  # pictures and the like
            return base64.b64encode(value).decode()
    return value if value is None or isinstance(value, (str, int)) else str(value)
