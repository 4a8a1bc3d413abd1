"""A tar or zip of data files -> their rows one after the other, streamed: nothing is unpacked to the disk."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from workbench.data.rows import Row, RowError, Rows

_TEXT = {".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".tab", ".txt"}
_TABLES = {".parquet", ".arrow", ".feather", ".xlsx", ".gz", ".zip", ".tar", ".tgz"}  # they are not read from inside
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, OSError, RuntimeError, NotImplementedError)
_PIECE = 1 << 16  # of the piece in which a member breaks off nothing is read
Open = Callable[[str, BinaryIO], Rows]


def rows_of(kind: str, file: BinaryIO, open_member: Open) -> Rows | None:
    """The rows of all members that hold data, numbered through; None when no member does.

    open_member: (name, its bytes) -> its rows. A member that cannot be read from inside is a bad row.
    """
    found = _Found(kind, file, open_member)
    first = next(found.parts, None)
    if first is None:
        return None
    rows = Rows(iter(()), first[1].encoding, kind)
    rows.rows = _numbered(first, found.parts)
    return rows


class _Found:
    def __init__(self, kind: str, file: BinaryIO, open_member: Open) -> None:
        self.kind, self._open = kind, open_member
        self.parts = self._guarded(_tar(file) if kind == "tar" else _zip(file))

    def _guarded(self, members: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Rows]]:
        """(name, rows) of each member; where the archive breaks off, a bad row says so."""
        try:
            for name, content in members:
                ending = PurePosixPath(name).suffix.lower()
                if ending in _TABLES or (ending in _TEXT and content is None):
                    yield name, _bad(RowError("archive", kind=self.kind))
                elif ending in _TEXT:
                    yield name, self._open(name, _Member(content))
        except _BROKEN as error:
            yield "…", _bad(RowError("stream_ends", why=_told(error)))


class _Member:
    """A member's bytes. Where they break off it is an OSError, as in every other file."""

    def __init__(self, content: Any) -> None:
        self._content, self._broken = content, ""

    def read1(self, size: int) -> bytes:
        try:
            if not self._broken:
                return self._content.read1(min(size, _PIECE))
        except _BROKEN as error:
            self._broken = _told(error)
        raise OSError(self._broken)

    def close(self) -> None:
        self._content.close()


def _told(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _bad(reason: RowError) -> Rows:
    return Rows(iter([Row(1, None, None, reason)]), "", "")


def _tar(file: BinaryIO) -> Iterator[tuple[str, Any]]:
    """(name, its bytes; None where they cannot be had)"""
    with tarfile.open(fileobj=file, mode="r|") as archive:
        for member in archive:
            if member.isfile() and _is_data(member.name):
                yield member.name, archive.extractfile(member)


def _zip(file: BinaryIO) -> Iterator[tuple[str, Any]]:
    """The same."""
    with zipfile.ZipFile(file) as archive:
        for member in sorted(archive.infolist(), key=lambda member: member.filename):
            if member.is_dir() or not _is_data(member.filename):
                continue
            try:
                content = archive.open(member)
            except (RuntimeError, NotImplementedError):  # locked by a password, or packed in a way that Python lacks
                yield member.filename, None
                continue
            with content:
                yield member.filename, content


def _is_data(name: str) -> bool:
    """Neither hidden nor what macOS adds (__MACOSX, ._name)."""
    return not any(part.startswith((".", "_")) for part in PurePosixPath(name).parts if part != ".")


def _numbered(first: tuple[str, Rows], rest: Iterator[tuple[str, Rows]]) -> Iterator[Row]:
    before = 0
    part: tuple[str, Rows] | None = first
    while part is not None:
        name, rows = part
        count = 0
        for row in rows:
            count = row.row
            row.row += before
            if row.reason is not None:
                row.reason = RowError("in_file", file=name, reason=row.reason)
            yield row
        before += count
        part = next(rest, None)
