"""Plain text -> rows: a line is a row, unless markers show that a rendered dialogue spans several lines."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import BinaryIO

from workbench.data import encodings
from workbench.data.rows import Row, RowError

# Rendered dialogues span lines; any other text is a row a line, as in pretraining sets.
_DIALOGUE = re.compile(r"<\|im_start\|>|<\|start_header_id\|>|<start_of_turn>|\[Round \d+\]|### Instruction:|^Human:",
                       re.MULTILINE)  # fmt: skip
_CONVERSATION_START = re.compile(
    r"\n+(?=<\|im_start\|>system\n|\[Round [01]\]\n|Below is an instruction that|<\|begin_of_text\|>|<bos>)"
    r"|(?<=<\|im_end\|>)\n{2,}(?=<\|im_start\|>)|(?<=<end_of_turn>)\n{2,}(?=<start_of_turn>)"
)


def rows(file: BinaryIO, codec: str) -> Iterator[Row]:
    text = io.TextIOWrapper(file, codec, encodings.errors(codec))
    first = text.read(1 << 16)
    if _DIALOGUE.search(first):
        yield from _dialogues(first + text.read())
        return
    count, number, pending = 0, 0, ""
    for part in (first, text):
        # Not str.splitlines: a form feed or U+2028 is part of a line's text, and the rest of the file is read so too.
        for line in re.findall(r"[^\n]*\n|[^\n]+", part) if isinstance(part, str) else part:
            line = pending + line
            if part is first and not line.endswith("\n"):
                pending = line  # the sample ended inside this line
                continue
            pending = ""
            number += 1
            if (stripped := line.strip("\ufeff\r\n")).strip():
                count += 1
                yield _row(count, number, stripped)
    if pending.strip():
        yield _row(count + 1, number + 1, pending)


def _dialogues(text: str) -> Iterator[Row]:
    at, count = 0, 0
    text = text.removeprefix("\ufeff")
    for end in [*(match.end() for match in _CONVERSATION_START.finditer(text)), len(text)]:
        block = text[at:end]
        if block.strip():
            count += 1
            lead = len(block) - len(block.lstrip("\n"))
            yield _row(count, text.count("\n", 0, at + lead) + 1, block.strip("\n"))
        at = end


def _row(count: int, number: int, text: str) -> Row:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        byte = f"0x{ord(text[error.start]) - 0xDC00:02x}"
        return Row(count, number, None, RowError("not_in_encoding", byte=byte), text.encode(errors="replace").decode())
    return Row(count, number, text)
