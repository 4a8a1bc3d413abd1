"""Two answers -> what the second one says otherwise, word by word (Chinese sign by sign), as HTML."""

from __future__ import annotations

import difflib
import html
import re

_WORDS = re.compile(r"[A-Za-z0-9_À-ɏ]+|\s+|.", re.DOTALL)
_LONGEST = 6_000  # words; beyond, comparing takes seconds


def words(text: str) -> list[str]:
    return _WORDS.findall(text)


def changes(first: str, second: str) -> list[tuple[str, str]]:
    """("same" | "added" | "gone", text) pieces: without the gone ones they are `second`, without the added `first`."""
    a, b = words(first)[:_LONGEST], words(second)[:_LONGEST]
    pieces: list[tuple[str, str]] = []
    for kind, i, j, k, m in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(("same", "".join(b[k:m])))
            continue
        if i < j:
            pieces.append(("gone", "".join(a[i:j])))
        if k < m:
            pieces.append(("added", "".join(b[k:m])))
    return pieces


def rendered(first: str, second: str) -> str:
    tags = {"same": ("", ""), "added": ("<ins>", "</ins>"), "gone": ("<del>", "</del>")}
    return "".join(tags[kind][0] + html.escape(text) + tags[kind][1] for kind, text in changes(first, second))


def likeness(first: str, second: str) -> float:
    """1.0 equal, 0.0 nothing in common."""
    a, b = words(first)[:_LONGEST], words(second)[:_LONGEST]
    return difflib.SequenceMatcher(None, a, b, autojunk=False).ratio() if a or b else 1.0
