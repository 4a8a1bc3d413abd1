"""Votes and corrected answers -> rows to train on: preferences for alignment, conversations for the other stages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from workbench import runs
from workbench.chat import votes
from workbench.chat.prompts import Prompt, messages
from workbench.data.records import (
    Conversation,
    Message,
    Preference,
    messages_from_rows,
    messages_to_rows,
    record_from_row,
)
from workbench.errors import UserError

DEFAULT_NAME = "preferences"
_NAME = re.compile(r"\w[\w.\-]{0,79}")


def edits_path(home: Path) -> Path:
    """One line per corrected answer: messages, answer, edited, column, time."""
    return Path(home) / "edits.jsonl"


def dataset_path(home: Path, name: str) -> Path:
    """workspace/data/NAME.jsonl. Raises UserError for a name that is no plain file name."""
    stem = str(name).strip().removesuffix(".jsonl")
    if not _NAME.fullmatch(stem) or ".." in stem or stem.endswith("."):
        raise UserError("votes.bad_dataset", name=str(name)[:80])
    return Path(home) / "data" / f"{stem}.jsonl"


def rows(home: Path) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """(canonical preference rows, what they came from and what was left out, counted).

    A vote among several columns is one row per column that lost. A pair that stands there already is not repeated.
    """
    counts = dict.fromkeys(
        ("votes", "edits", "ties", "both_bad", "same_answer", "empty_answer", "repeated", "conflicts"), 0
    )
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for source, prompt, chosen, rejected in _pairs(home, counts):
        if chosen.strip() == rejected.strip():
            counts["same_answer"] += 1
            continue
        if not chosen.strip() or not rejected.strip():
            counts["empty_answer"] += 1
            continue
        key = (repr(prompt), chosen, rejected)
        if key in found:
            counts["repeated"] += 1
            continue
        counts["conflicts"] += (repr(prompt), rejected, chosen) in found  # kept: people disagree
        sides = (Message("assistant", chosen),), (Message("assistant", rejected),)
        found[key] = Preference(prompt, *sides).to_row()
        counts[source] += 1
    return list(found.values()), counts


def _pairs(home: Path, counts: dict[str, int]) -> Iterable[tuple[str, tuple[Message, ...], str, str]]:
    """(source, prompt, chosen, rejected); edits last."""
    for vote in votes.read(home):
        if vote["winner"] in (votes.TIE, votes.BOTH_BAD):
            counts["ties" if vote["winner"] == votes.TIE else "both_bad"] += 1
            continue
        best = vote["columns"].index(vote["winner"])
        for place, answer in enumerate(vote["answers"]):
            if place != best:
                yield "votes", messages_from_rows(vote["messages"]), vote["answers"][best], answer
    for edit in runs.read_lines(edits_path(home)):
        yield "edits", messages_from_rows(edit["messages"]), edit["edited"], edit["answer"]


def write(home: Path, name: str = DEFAULT_NAME) -> dict[str, Any]:
    """Write workspace/data/NAME.jsonl anew from all votes and edits; {"path", "rows", counts …}.

    Raises UserError when there is no pair, and rather than replace a file that holds anything but preferences.
    """
    from workbench.data.writers import write_rows

    path = dataset_path(home, name)
    found, counts = rows(home)
    if not found:
        raise UserError("votes.no_pairs", **{key: counts[key] for key in ("ties", "both_bad", "same_answer")})
    _check_kind(path, Preference)
    write_rows(path, found)
    return {"path": f"data/{path.name}", "rows": len(found), **counts}


def keep(
    home: Path,
    name: str,
    prompt: Prompt,
    answer: str,
    *,
    instead_of: str = "",
    column: str = "",
) -> dict[str, Any]:
    """Append a good answer as a canonical row to workspace/data/NAME.jsonl.

    instead_of: what the model said, when the answer was corrected and the pair shall teach the difference as well; it
    then goes to edits.jsonl, from where `write` takes it. Raises UserError for an empty answer, a bad name, and a file
    that holds rows of another kind. Returns {"path", "rows": in the file now, "edited"}.
    """
    path = dataset_path(home, name)
    if not answer.strip():
        raise UserError("votes.empty_answer")
    turns = messages(prompt)
    _check_kind(path, Conversation)
    votes.append(path, Conversation((*turns, Message("assistant", answer))).to_row())
    edited = bool(instead_of.strip()) and instead_of.strip() != answer.strip()
    if edited:
        line = {"messages": messages_to_rows(turns), "answer": instead_of, "edited": answer, "column": column}
        votes.append(edits_path(home), line | {"time": runs.utc_now()})
    with path.open("rb") as file:
        count = sum(1 for line in file if line.strip())
    return {"path": f"data/{path.name}", "rows": count, "edited": edited}


def datasets(home: Path) -> list[str]:
    """Names of the workspace's JSONL files that a conversation can be appended to, newest first."""
    files = sorted((Path(home) / "data").glob("*.jsonl"), key=lambda file: file.stat().st_mtime, reverse=True)
    return [file.stem for file in files if _first_kind(file) in (None, Conversation)]


def _check_kind(path: Path, wanted: type) -> None:
    kind = _first_kind(path)
    if kind not in (None, wanted):
        held = kind.__name__.lower() if isinstance(kind, type) else "?"
        raise UserError("votes.other_kind", path=f"data/{path.name}", kind=held)


def _first_kind(path: Path) -> type | str | None:
    """The record type of a file's first row; None for no row, "?" for one that is not canonical."""
    import json

    try:
        with path.open(encoding="utf-8") as file:
            first = next((line for line in file if line.strip()), None)
        return None if first is None else type(record_from_row(json.loads(first)))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError):
        return "?"
