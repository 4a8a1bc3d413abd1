"""A path -> raw rows, one at a time: the container is told by content first and by the file's ending second."""

from __future__ import annotations

import contextlib
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from workbench.data import encodings
from workbench.data.rows import Row, RowError, Rows, shorten
from workbench.errors import UserError

_LFS = b"version https://git-lfs.github.com/spec/"
_TABLES = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv"}
_ENDINGS = {".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".tab", ".txt", ".parquet", ".arrow", ".feather", ".xlsx"}
MAPPINGS = "mappings"  # a folder in a workspace's data folder: how tables are read
HELD_OUT = ".eval.jsonl"  # NAME.eval.jsonl: the rows that a split left beside NAME.jsonl
_PRIVATE = "notify.json"  # of a workspace: a webhook's address is often a secret, and no rows
# They describe the others.
_NO_ROWS = {_PRIVATE, "dataset_info.json", "dataset_infos.json", "state.json", "dataset_dict.json"}
_FOREIGN = (
    (b"%PDF-", "pdf"), (b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!\x1a", "rar"), (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"), *((b"BZh%d1AY&SY" % level, "bzip2") for level in range(1, 10)),
)  # fmt: skip
_BINARY = (
    (0, b"\x89PNG\r\n\x1a\n", "PNG"), (0, b"\xff\xd8\xff", "JPEG"), (0, b"GIF87a", "GIF"), (0, b"GIF89a", "GIF"),
    (8, b"WEBPVP8", "WebP"), (8, b"WAVEfmt ", "WAV"), (0, b"ID3\x03", "MP3"), (0, b"ID3\x04", "MP3"),
    (0, b"OggS\0", "Ogg"), (0, b"fLaC\0", "FLAC"), (4, b"ftyp", "MP4"), (0, b"SQLite format 3\0", "SQLite"),
    (0, b"\x7fELF", "ELF"), (0, b"GGUF", "GGUF"),
)  # fmt: skip
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")  # random bytes have a tenth of these, text none or a few
_MOST_CONTROL = 0.05
_BOOKS = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")


def read_rows(path: str | Path, *, encoding: str | None = None) -> Rows:
    """Open one file, gzipped or not, and iterate its rows; one broken row never ends the iteration.

    encoding: overrides the detected one. Raises UserError for a path that is no readable file.
    """
    path = Path(path)
    if not path.exists() or path.resolve().name == _PRIVATE:
        raise UserError("data.no_file", path=path)
    if path.is_dir():
        return _folder(path, encoding)
    try:
        file: BinaryIO = path.open("rb")
    except OSError as error:
        raise UserError("data.unreadable", path=path, why=error.strerror or error) from None
    disk, size = file, max(1, path.stat().st_size)
    magic = file.read(4)
    file.seek(0)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if magic[:2] == b"\x1f\x8b":
        file = gzip.GzipFile(fileobj=file)  # type: ignore[assignment]
        suffixes = [suffix for suffix in suffixes if suffix != ".gz"]
    ending = suffixes[-1] if suffixes else ""
    rows = _open(path, file, ending, encoding)
    rows.name = path.name
    if rows.encoding:  # a container that is no text is not read from its beginning to its end
        rows.fraction = lambda: 1.0 if disk.closed else disk.tell() / size
    return rows


def _folder(path: Path, encoding: str | None) -> Rows:
    """Every data file below a folder, in the order of their names, as one sequence of rows; none of rows held out."""
    files = sorted(file for file in path.rglob("*") if _is_data(file, path))
    if not files:
        raise UserError("data.empty_folder", path=path)
    first = read_rows(files[0], encoding=encoding)
    found = Rows(iter(()), first.encoding, "folder")

    def rows() -> Iterator[Row]:
        before, seen = 0, dict.fromkeys([first.encoding])
        for number, file in enumerate(files):
            try:
                part = first if number == 0 else read_rows(file, encoding=encoding)
            except UserError as error:  # one file that may not be opened costs itself only
                part = Rows(iter([Row(1, None, None, error)]), "", "")
            seen[part.encoding] = None
            found.encoding = ", ".join(filter(None, seen))
            count = 0
            for row in part:
                count = row.row
                row.row += before
                if row.reason is not None:
                    row.reason = RowError("in_file", file=file.relative_to(path), reason=row.reason)
                yield row
            before += count

    found.rows, found.name = rows(), path.name
    return found


def _is_data(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)
    endings = [suffix.lower() for suffix in file.suffixes if suffix.lower() != ".gz"]
    described = file.name in _NO_ROWS or file.name.endswith(".recipe.json")
    if folder.name == "data" and file.relative_to(folder).parts[0] == MAPPINGS:
        described = True
    if file.name.endswith(HELD_OUT) and file.with_name(file.name.removesuffix(HELD_OUT) + ".jsonl").exists():
        return False  # rows that a split keeps away from the training
    return file.is_file() and not hidden and not described and bool(endings) and endings[-1] in _ENDINGS


def _open(path: Path, file: BinaryIO, ending: str, encoding: str | None) -> Rows:
    head = _head(file)
    whole = len(head) < encodings.SAMPLE_BYTES
    if head.startswith(_LFS):
        return Rows(iter([Row(1, 1, None, RowError("git_lfs"))]), "utf-8", "pointer", slug="git_lfs_pointer")
    # An error page is saved under whatever name was asked for.
    page = head[:1] == b"<" and _is_html(head[:200].decode("utf-8", "replace"))
    if not page and (binary := _binary_kind(head, ending)) is not None:
        from workbench.data import table_reader

        return Rows(table_reader.binary_rows(binary, path, file, head), "", binary)
    if (foreign := _foreign_kind(head)) is not None:
        if foreign in ("tar", "zip") and (inside := _archived(foreign, path, file, head, encoding)) is not None:
            return inside
        key = "document" if foreign in ("pdf", "docx") else "archive"
        return Rows(iter([Row(1, None, None, RowError(key, kind=foreign))]), "", foreign)
    if (medium := next((kind for at, mark, kind in _BINARY if head[at:].startswith(mark)), None)) is not None:
        return Rows(iter([Row(1, None, None, RowError("medium", kind=medium))]), "", medium.lower())
    codec = encodings.wanted(encoding, head) if encoding else encodings.detect(head, whole=whole)
    if not encoding and not codec.startswith(("utf-16", "utf-32")) and _is_no_text(head):
        return Rows(iter([Row(1, None, None, RowError("binary"))]), "", "binary")
    try:
        start = head[:8192].decode(codec, errors="replace").lstrip("\ufeff \t\r\n\0")
    except UnicodeError:  # UTF-16 whose sample ends inside a pair
        start = ""
    stream = _Chained(head, file)
    rest = io.BufferedReader(stream, 1 << 20)

    def finish(container: str, rows: Iterator[Row]) -> Rows:
        packed = not isinstance(file, io.FileIO | io.BufferedReader)
        return Rows(_guarded(rows, stream) if packed else rows, name, container)

    name = encodings.shown(codec)
    if start[:1] == "<" and _is_html(start):
        return Rows(iter([Row(1, 1, None, RowError("html", start=shorten(start)))]), name, "html")
    if ending in _TABLES or (ending not in (".json", ".jsonl", ".ndjson", ".txt") and _looks_like_table(start)):
        from workbench.data import table_reader

        return finish(_TABLES.get(ending, "csv"), table_reader.text_rows(rest, codec, ending))
    if start[:1] in ("{", "[") or ending in (".json", ".jsonl", ".ndjson"):
        from workbench.data import json_reader

        if _is_markup_text(start, ending):
            from workbench.data import text_reader

            return finish("txt", text_reader.rows(rest, codec))
        if "\n" not in start:  # lines, or one object, whose first line is long
            with contextlib.suppress(UnicodeError):
                start = head.decode(codec, errors="replace").lstrip("\ufeff \t\r\n\0")
        return finish(*json_reader.rows(rest, codec, start))
    from workbench.data import text_reader

    return finish("txt", text_reader.rows(rest, codec))


def _archived(kind: str, path: Path, file: BinaryIO, head: bytes, encoding: str | None) -> Rows | None:
    """The rows inside an archive; None where it holds no data, or is packed once more in a way that cannot be read."""
    from workbench.data import archive_reader

    def opened(name: str, content: BinaryIO) -> Rows:
        ending = Path(name).suffix.lower()
        return _open(Path(name), content, ending, encoding)

    if kind == "tar":
        return archive_reader.rows_of(kind, io.BufferedReader(_Chained(head, file), 1 << 20), opened)
    if isinstance(file, gzip.GzipFile):  # its directory is at the end
        return None
    file.seek(0)
    return archive_reader.rows_of(kind, file, opened)


def _head(file: BinaryIO) -> bytes:
    """Up to SAMPLE_BYTES; of a gzip stream that breaks off, what can be unpacked (the reader meets the break again)."""
    parts, missing = [], encodings.SAMPLE_BYTES
    try:
        while missing and (part := file.read1(missing)):  # type: ignore[attr-defined]
            parts.append(part)
            missing -= len(part)
    except (EOFError, zlib.error, OSError):
        pass  # _guarded names it when the rows before it have been read
    return b"".join(parts)


def _guarded(rows: Iterator[Row], stream: _Chained) -> Iterator[Row]:
    """After the last row: a gzip stream that broke off makes the row it broke bad, what came before is good."""
    last: Row | None = None
    for row in rows:
        if last is not None:
            yield last
        last = row
    if stream.error is None:
        if last is not None:
            yield last
        return
    broken = RowError("stream_ends", why=stream.error)
    if last is not None and last.reason is None:
        yield last
        last = Row(last.row + 1, None)
    last = last or Row(1, None)
    yield Row(last.row, last.line, None, broken, last.source)


def _binary_kind(head: bytes, ending: str) -> str | None:
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):  # Arrow's file and stream formats; no text begins so
        return "arrow"
    if ending == ".arrow":
        return "arrow"
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")) and (ending in _BOOKS or _holds(head, b"xl/")):
        return "xlsx"
    if ending in (".parquet", *_BOOKS):  # the ending promises a container that the bytes are not
        return "parquet" if ending == ".parquet" else "xlsx"
    return None


def _is_no_text(head: bytes) -> bool:
    """Whether it is rubbish from its beginning; what a crash left behind good rows costs these rows only."""
    sample = head[:65536].rstrip(b"\0")
    if not sample:
        return bool(head)
    return sample.lstrip()[:1] not in (b"{", b"[") and len(_CONTROL.findall(sample)) > _MOST_CONTROL * len(sample)


def _foreign_kind(head: bytes) -> str | None:
    """Archives and documents, which hold data but are none; read as text they would be rows of rubbish."""
    if head.startswith(b"PK\x03\x04"):
        return "docx" if _holds(head, b"word/") else "zip"
    if head[257:262] == b"ustar":
        return "tar"
    return next((kind for mark, kind in _FOREIGN if head.startswith(mark)), None)


def _holds(head: bytes, folder: bytes) -> bool:
    """Whether one of a zip's first members lies there: what is packed may hold these letters anywhere."""
    return re.search(rb"PK\x03\x04.{26}" + folder, head, re.DOTALL) is not None


def _is_html(start: str) -> bool:
    return start[:200].lower().startswith(("<!doctype", "<html", "<head", "<?xml", "<error"))


def _is_markup_text(start: str, ending: str) -> bool:
    """`[Round 0]`, `[INST]` and the like begin with a bracket without being JSON."""
    return ending == ".txt" and start[:1] == "[" and start[1:].lstrip()[:1] not in ('"', "{", "[", "]")


def _looks_like_table(start: str) -> bool:
    from workbench.data import table_reader

    return start[:1] not in ("{", "[", "") and table_reader.sniff(start) is not None


class _Chained(io.RawIOBase):
    """A file whose first bytes have been read already, and which may break off."""

    def __init__(self, head: bytes, file: BinaryIO) -> None:
        self._head, self._at, self._file = head, 0, file
        self.error: Exception | None = None  # where a gzip stream broke off; to its reader the stream just ends

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        if self._at < len(self._head):
            part = self._head[self._at : self._at + len(buffer)]
            self._at += len(part)
        else:
            try:
                part = self._file.read1(len(buffer)) if self.error is None else b""  # type: ignore[attr-defined]
            except (EOFError, zlib.error, OSError) as error:
                self.error, part = error, b""
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        self._file.close()
        super().close()
