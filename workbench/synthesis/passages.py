"""A document (txt, md, docx, pdf) or pasted text -> passages: paragraphs long enough to ask a question about."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import UserError

LEAST, MOST = 40, 1200  # characters of a passage: shorter paragraphs join their neighbours, longer ones are cut
ENDINGS = (".txt", ".md", ".markdown", ".docx", ".pdf")
_LARGEST_BYTES = 1 << 28  # of a file, and of what a docx unpacks to
_SENTENCE_END = re.compile(r"(?<=[。！？；!?])(?=[^”’」』）)\"'])|(?<=[。！？；!?][”’」』）)\"'])|(?<=[.;])\s+|\n+")
_HEADING = re.compile(r"#{1,6}\s+\S")
_HAN = re.compile(r"[\u2e80-\u9fff\uff00-\uffef]")


@dataclass(frozen=True, slots=True)
class Passage:
    """number counts from 1 within its file; page is set where the file has pages."""

    text: str
    file: str
    number: int
    page: int | None = None


@dataclass(frozen=True, slots=True)
class _Block:
    """A paragraph, heading, list or table of a document."""

    text: str
    page: int | None = None
    heading: bool = False


def check_lengths(least: float | None, most: float | None) -> tuple[int, int]:
    """Whole numbers of characters. Raises UserError for lengths that no passage can have."""
    if least is None or most is None or not 1 <= least <= most or most < 20:
        raise UserError("synthesis.bad_lengths", least=least, most=most)
    return int(least), int(most)


def read(path: str | Path, *, name: str = "", least: int = LEAST, most: int = MOST) -> list[Passage]:
    """The passages of a document, which is told by its bytes first and by its ending second.

    name: what the passages call the file; its own name otherwise.
    Raises UserError for a file that is not there, is no document, is locked, or holds no text.
    """
    path = Path(path)
    name = name or path.name
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= _LARGEST_BYTES else b""
    except FileNotFoundError:
        raise UserError("data.no_file", path=path) from None
    except OSError as error:
        raise UserError("data.unreadable", path=path, why=error.strerror or error) from None
    if size > _LARGEST_BYTES:
        raise UserError("synthesis.too_large", path=name, megabytes=_LARGEST_BYTES >> 20)
    blocks = list(_blocks(data, name))
    if not any(block.text.strip() for block in blocks):
        raise UserError("synthesis.scanned" if data.startswith(b"%PDF") else "synthesis.no_text", path=name)
    return _passages(blocks, name, least, most)


def split(text: str, *, name: str = "", least: int = LEAST, most: int = MOST) -> list[Passage]:
    """The passages of a text that was pasted. Raises UserError when there is none."""
    if not text.strip():
        raise UserError("synthesis.nothing_to_read")
    return _passages(list(_text_blocks(text)), name, least, most)


def _blocks(data: bytes, name: str) -> Iterator[_Block]:
    ending = Path(name).suffix.lower()
    if data.startswith(b"%PDF"):
        return _pdf(data, name)
    if data.startswith(b"PK\x03\x04"):
        return _docx(data, name)
    from workbench.data import encodings

    codec = encodings.detect(data[: encodings.SAMPLE_BYTES], whole=len(data) <= encodings.SAMPLE_BYTES)
    binary = b"\0" in data[:4096] and not codec.startswith(("utf-16", "utf-32"))
    if binary or ending in (".docx", ".pdf") or ending not in (*ENDINGS, ""):
        raise UserError("synthesis.no_document", path=name, endings=" ".join(ENDINGS))
    text = data.decode(codec, errors="replace").removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return _markdown(text) if ending in (".md", ".markdown") else _text_blocks(text)


def _text_blocks(text: str) -> Iterator[_Block]:
    """Paragraphs stand between blank lines; in a text without any, every line is one."""
    text = text.strip()
    parts = re.split(r"\n\s*\n", text)
    for part in parts if len(parts) > 1 else text.split("\n"):
        if part.strip():
            yield _Block(part.strip())


def _markdown(text: str) -> Iterator[_Block]:
    """Headings open a passage, fenced code stays whole, front matter and comments are left out."""
    text = re.sub(r"\A---\n.*?\n(?:---|\.\.\.)\n", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    lines: list[str] = []
    fence = ""

    def block() -> Iterator[_Block]:
        if joined := "\n".join(lines).strip():
            yield _Block(joined)
        lines.clear()

    for line in text.split("\n"):
        mark = re.match(r"\s*(`{3,}|~{3,})", line)
        if fence:
            lines.append(line)
            fence = "" if mark and mark[1].startswith(fence) else fence
        elif mark:
            lines.append(line)
            fence = mark[1]
        elif _HEADING.match(line):
            yield from block()
            yield _Block(line.lstrip("#").strip(), heading=True)
        elif line.strip():
            lines.append(line)
        else:
            yield from block()
    yield from block()


def _docx(data: bytes, name: str) -> Iterator[_Block]:
    try:
        import docx
        from docx.table import Table
    except ImportError:
        raise UserError("synthesis.library_missing", path=name, library="python-docx") from None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            unpacked = sum(part.file_size for part in parts.infolist())
        if unpacked > _LARGEST_BYTES:
            raise UserError("synthesis.too_large", path=name, megabytes=_LARGEST_BYTES >> 20)
        contents = list(docx.Document(io.BytesIO(data)).iter_inner_content())
    except UserError:
        raise
    except Exception as error:  # zipfile, lxml and python-docx have classes of their own for the same damage
        raise UserError("synthesis.broken", path=name, kind="docx", why=_why(error)) from None
    for item in contents:
        if isinstance(item, Table):
            rows = [" | ".join(cell.text.strip() for cell in row.cells) for row in item.rows]
            yield _Block("\n".join(row for row in rows if row.strip(" |")))
        elif item.text.strip():
            style = (item.style.name if item.style is not None else "") or ""
            yield _Block(item.text.strip(), heading=style.startswith(("Heading", "Title", "标题")))


def _pdf(data: bytes, name: str) -> Iterator[_Block]:
    try:
        import pypdf
    except ImportError:
        raise UserError("synthesis.library_missing", path=name, library="pypdf") from None
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise UserError("synthesis.locked", path=name)
        pages = [page.extract_text() for page in reader.pages]
    except UserError:
        raise
    except Exception as error:  # damaged files end in KeyError, RecursionError and many more
        raise UserError("synthesis.broken", path=name, kind="pdf", why=_why(error)) from None
    for number, text in enumerate(pages, 1):
        for paragraph in _unwrapped(text):
            yield _Block(paragraph, page=number)


def _why(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _unwrapped(text: str) -> Iterator[str]:
    """A page's lines -> its paragraphs: one ends at a blank line, or at a sentence's end well before the margin."""
    lines = [line.strip() for line in text.split("\n")]
    margin = 0.85 * max(map(len, lines), default=0)
    joined = ""
    for line in [*lines, ""]:
        if not line:
            if joined:
                yield joined
            joined = ""
            continue
        if joined.endswith("-") and line[:1].islower():
            joined = joined[:-1] + line
        elif joined and not (_HAN.match(joined[-1]) or _HAN.match(line[0])):
            joined += f" {line}"
        else:
            joined += line
        if line.endswith(tuple("。！？.!?：:")) and len(line) < margin:
            yield joined
            joined = ""


def _passages(blocks: Iterable[_Block], name: str, least: int, most: int) -> list[Passage]:
    texts: list[tuple[str, int | None]] = []
    now, page, open_heading = "", None, False
    for block in blocks:
        for piece in _pieces(block.text, most):
            full = len(now) >= least and not open_heading
            if now and (full or len(now) + len(piece) > most or (block.heading and not open_heading)):
                texts.append((now, page))
                now = ""
            if not now:
                page, open_heading = block.page, False
            now = f"{now}\n{piece}" if now else piece
            open_heading = block.heading  # a heading alone is no passage: what follows belongs to it
    if now:
        last = texts[-1] if texts else ("", None)
        if texts and len(now) < least and len(last[0]) + len(now) < most and not open_heading:
            texts[-1] = (f"{last[0]}\n{now}", last[1])
        elif not open_heading or not texts:
            texts.append((now, page))
    return [Passage(text, name, number, page) for number, (text, page) in enumerate(texts, 1)]


def _pieces(text: str, most: int) -> Iterator[str]:
    """A text cut at sentence ends into pieces of at most `most` characters; a longer sentence is cut anywhere."""
    if len(text) <= most:
        yield text
        return
    now = ""
    for sentence in _SENTENCE_END.split(text):
        while len(sentence) > most:
            room = most - len(now)
            yield now + sentence[:room]
            now, sentence = "", sentence[room:]
        if len(now) + len(sentence) > most:
            yield now.strip()
            now = ""
        sentence = sentence.lstrip()
        now += sentence if not now or _HAN.match(now[-1]) else f" {sentence}"
    if now.strip():
        yield now.strip()
