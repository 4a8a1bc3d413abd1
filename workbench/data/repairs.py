"""Offered repairs: a text -> the text mended. Announced, counted and off until chosen; nothing here runs by itself."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from workbench.data.records import Conversation, Feedback, Message, Preference, Record, Text
from workbench.errors import UserError, nearest


def _newlines(text: str) -> str:
    """A backslash and an n where no LaTeX command or path begins: Linly unescapes these."""
    return re.sub(r"(?<!\\)\\n(?![a-zA-Z])", "\n", text)


def _mojibake(text: str) -> str:
    """ftfy with everything off that changes good text: full-width forms, quotes, line breaks, entities."""
    from ftfy import TextFixerConfig, fix_text

    return fix_text(text, TextFixerConfig(
        unescape_html=False, remove_terminal_escapes=False, fix_latin_ligatures=False, fix_character_width=False,
        uncurl_quotes=False, fix_line_breaks=False, fix_surrogates=False, remove_control_chars=False,
        normalization=None, fix_encoding=True, restore_byte_a0=True, replace_lossy_sequences=False,
        decode_inconsistent_utf8=True, fix_c1_controls=False,
    ))  # fmt: skip


TEXT_REPAIRS: dict[str, Callable[[str], str]] = {
    "literal_newline": _newlines,
    "html_entity": html.unescape,
    "edge_whitespace": str.strip,
    "mojibake": _mojibake,
    "invisible_character": lambda text: re.sub(
        "[\u200b\u200e\u200f\u2060\ufeff]", "", text
    ),  # joiners are letters' own
    "no_break_space": lambda text: text.replace("\u00a0", " "),
}
NAMES = (*TEXT_REPAIRS, "trailing_comma", "merge_turns")


def check(names: Iterable[str]) -> tuple[str, ...]:
    """Raises UserError, offering the nearest, for a repair that is none."""
    for name in names:
        if name not in NAMES:
            raise UserError("data.unknown_repair", value=name, nearest=nearest(name, NAMES))
    return tuple(names)


def repair(record: Record, names: Iterable[str]) -> tuple[Record, list[str]]:
    """The record with the chosen text repairs, and the names of those that changed it."""
    changed = []
    for name in names:
        if (mend := TEXT_REPAIRS.get(name)) and (mended := _mapped(record, mend)) != record:
            record = mended
            changed.append(name)
    return record, changed


class Offers:
    """Counts the rows that each repair would change: what is announced before anything is done."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, record: Record, codes: Sequence[str]) -> None:
        """codes: what is suspicious in the record's texts (suspects.find); other rows need no trial."""
        tried = [code for code in codes if code in TEXT_REPAIRS]
        if _edges(record):
            tried.append("edge_whitespace")
        for name in dict.fromkeys(tried):
            self.counts[name] += len(repair(record, (name,))[1])

    def add_bad(self, reason: UserError | None, value: Any) -> None:
        if reason is None:
            return
        if reason.key == "data.row.trailing_comma":
            self.counts["trailing_comma"] += 1
        elif reason.key == "data.row.two_in_a_row" and isinstance(value, dict):
            self.counts["merge_turns"] += _becomes_good(merge_turns(value))


def _becomes_good(row: dict) -> bool:
    from workbench.data import formats
    from workbench.data.rows import RowError

    schema = formats.detect(row)
    try:
        return schema is not None and schema.convert(row) is not None
    except RowError:
        return False


def _edges(record: Record) -> bool:
    """Whether a text begins or ends with white space."""
    if isinstance(record, Text):
        texts = [record.text]
    elif isinstance(record, Conversation):
        texts = [turn.content for turn in record.messages]
    else:
        sides = (record.chosen, record.rejected) if isinstance(record, Preference) else (record.completion,)
        texts = [turn.content for side in (record.prompt, *sides) for turn in side]
    return any(text[:1].isspace() or text[-1:].isspace() for text in texts)


def _mapped(record: Record, mend: Callable[[str], str]) -> Record:
    if isinstance(record, Text):
        return Text(mend(record.text))
    if isinstance(record, Conversation):
        return replace(record, messages=_turns(record.messages, mend))
    names = ("prompt", "chosen", "rejected") if isinstance(record, Preference) else ("prompt", "completion")
    assert isinstance(record, (Preference, Feedback))
    return replace(record, **{name: _turns(getattr(record, name), mend) for name in names})


def _turns(messages: tuple[Message, ...], mend: Callable[[str], str]) -> tuple[Message, ...]:
    mended = []
    for turn in messages:
        if turn.input is not None and turn.instruction is not None:
            # The halves are mended and joined anew, so that content and halves keep saying the same.
            instruction, given = mend(turn.instruction), mend(turn.input)
            content = f"{instruction}\n{given}" if instruction and given else instruction or given
            mended.append(replace(turn, content=content, instruction=instruction, input=given))
        else:
            mended.append(replace(turn, content=mend(turn.content)))
    return tuple(mended)


def merge_turns(row: dict) -> dict:
    """A raw dialogue with neighbouring turns of one speaker joined by a blank line."""
    row = dict(row)
    for column, role_key, text_key in (("messages", "role", "content"), ("conversations", "from", "value")):
        items = row.get(column)
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            continue
        joined: list[dict] = []
        for item in items:
            before = joined[-1] if joined else {}
            same = item.get(role_key) == before.get(role_key) and item.get(role_key) in (
                "user",
                "human",
                "assistant",
                "gpt",
            )
            if same and isinstance(item.get(text_key), str) and isinstance(before.get(text_key), str):
                joined[-1] = before | {text_key: f"{before[text_key]}\n\n{item[text_key]}"}
            else:
                joined.append(item)
        row[column] = joined
    return row
