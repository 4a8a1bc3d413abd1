"""A conversation <-> one JSON file of workspace/conversations/: found again, renamed, deleted, made into training rows.

Turns stand in a flat list, each after the one it follows (`after`, by number; None at the beginning), so that branches
are kept however long a conversation grows; `shown` says which branch of a place is looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench import runs
from workbench.chat.preferences import dataset_path
from workbench.data.records import Conversation, Message
from workbench.errors import UserError

FORMATS = ("messages", "sharegpt")
TITLE_AT_MOST = 120
_ID = re.compile(r"[0-9A-Za-z_-]{8,64}")
_TITLE_OF_QUESTION = 80
_AROUND = 40  # characters shown on either side of what was searched for
Kept = dict[str, Any]  # id, title ("" unless named), created, changed, columns, options, overrides, turns


def usable(key: Any) -> bool:
    """Whether an id may be a file's name."""
    return isinstance(key, str) and _ID.fullmatch(key) is not None


def folder(home: Path) -> Path:
    return Path(home) / "conversations"


def path(home: Path, key: Any) -> Path:
    """Raises UserError for an id that is no plain name."""
    if not usable(key):
        raise UserError("kept.bad_id", id=str(key)[:80])
    return folder(home) / f"{key}.json"


def save(home: Path, kept: Mapping[str, Any]) -> None:
    """Replace the conversation's file as a whole."""
    file = path(home, kept["id"])
    file.parent.mkdir(parents=True, exist_ok=True)
    runs.write_whole(file, json.dumps(kept, ensure_ascii=False))


def load(home: Path, key: Any) -> Kept:
    """Raises UserError when it is not there, and when its file is broken."""
    file = path(home, key)
    try:
        return _checked(json.loads(file.read_text(encoding="utf-8")), key)
    except FileNotFoundError:
        raise UserError("kept.gone", id=key) from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UserError("kept.broken", path=f"conversations/{file.name}", reason=str(error)[:120]) from None


def set_aside(home: Path, key: Any) -> None:
    """A broken file makes room for what is said next; nothing of it is lost."""
    file = path(home, key)
    file.replace(file.with_suffix(".broken"))


def rename(home: Path, key: Any, title: str) -> None:
    """An empty title gives it the first question's words again."""
    save(home, load(home, key) | {"title": checked_title(title)})


def checked_title(title: str) -> str:
    """On one line. Raises UserError for one that is too long."""
    title = " ".join(str(title).split())
    if len(title) > TITLE_AT_MOST:
        raise UserError("kept.long_title", length=len(title), limit=TITLE_AT_MOST)
    return title


def delete(home: Path, key: Any) -> None:
    """Raises UserError when it is not there."""
    try:
        path(home, key).unlink()
    except FileNotFoundError:
        raise UserError("kept.gone", id=key) from None


def title_of(kept: Mapping[str, Any]) -> str:
    """Its name, else the beginning of the first question that is shown."""
    if kept["title"]:
        return kept["title"]
    line = " ".join(next((turn["question"] for turn in shown(kept)), "").split())
    return line if len(line) <= _TITLE_OF_QUESTION else f"{line[: _TITLE_OF_QUESTION - 1]}…"


def shown(kept: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The turns of the path that is looked at."""
    following = {turn["after"]: (number, turn) for number, turn in enumerate(kept["turns"]) if turn["shown"]}
    turns, place = [], None
    while place in following:
        place, turn = following[place]
        turns.append(turn)
    return turns


def columns_of(kept: Mapping[str, Any]) -> list[str]:
    """Columns that said something on the path that is looked at."""
    return list(dict.fromkeys(name for turn in shown(kept) for name in turn["answers"] if _said(turn, name)))


def search(home: Path, words: str = "", at_most: int = 200) -> dict[str, Any]:
    """Conversations with all the words somewhere in title or turns, newest first, and files that cannot be read.

    {"rows": [{"id", "title", "named", "created", "changed", "turns", "columns", "found"}], "total", "broken": [names]};
    found: the place of the text around the first word that the title does not hold.
    """
    wanted = str(words).casefold().split()
    rows: list[dict[str, Any]] = []
    broken = sorted(file.name for file in folder(home).glob("*.broken"))
    for file in folder(home).glob("*.json"):
        if not usable(file.stem):
            continue
        try:
            kept = load(home, file.stem)
        except UserError as error:
            if error.key == "kept.broken":  # gone: deleted since the folder was read
                broken.append(file.name)
            continue
        title, texts = title_of(kept), list(_texts(kept))
        everything = "\n".join((title, *texts)).casefold()
        if all(word in everything for word in wanted):
            rows.append({
                "id": kept["id"], "title": title, "named": bool(kept["title"]), "created": kept["created"],
                "changed": kept["changed"], "turns": len(shown(kept)), "columns": columns_of(kept),
                "found": _found(title, texts, wanted),
            })  # fmt: skip
    rows.sort(key=lambda row: row["changed"], reverse=True)
    return {"rows": rows[:at_most], "total": len(rows), "broken": broken}


def export(home: Path, keys: Sequence[str], column: str, name: str, to: str = "messages") -> dict[str, Any]:
    """One row per conversation with what a column said, into the new file workspace/data/NAME.jsonl.

    Turns that the column did not answer (or failed at) are left out and counted, and conversations without any answer
    of it. Raises UserError for a file that exists, a bad name, an unknown format, and when there is no row.
    Returns {"path", "rows", "turns", "left_out_turns", "left_out"}.
    """
    from workbench.data import targets
    from workbench.data.writers import write_rows

    if to not in FORMATS:
        raise UserError("kept.bad_format", value=str(to)[:40], known=", ".join(FORMATS))
    file = dataset_path(home, name)
    target = targets.find(to)
    rows, counts = [], {"turns": 0, "left_out_turns": 0, "left_out": 0}
    for key in dict.fromkeys(keys):
        kept = load(home, key)
        turns = shown(kept)
        answered = [turn for turn in turns if _said(turn, column)]
        if not answered:
            counts["left_out"] += 1
            continue
        counts["turns"] += len(answered)
        counts["left_out_turns"] += len(turns) - len(answered)
        rows += target.rows(dialogue(kept, answered, column), lambda code: None)  # plain text: nothing can be lost
    if not rows:
        raise UserError("kept.no_answers", column=str(column)[:80])
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        file.open("x").close()  # only a name that nobody has; the rows then take its place at once
    except FileExistsError:
        raise UserError("kept.exists", path=f"data/{file.name}") from None
    try:
        write_rows(file, rows)
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    return {"path": f"data/{file.name}", "rows": len(rows), **counts}


def dialogue(kept: Mapping[str, Any], turns: Sequence[Mapping[str, Any]], column: str) -> Conversation:
    """What a column was asked and said, after the system prompt that it had."""
    options = {**kept["options"], **kept["overrides"].get(column, {})}
    system = str(options.get("system") or "").strip()
    lead = [Message("system", system)] if system else []
    said = [
        message
        for turn in turns
        for message in (Message("user", turn["question"]), Message("assistant", turn["answers"][column]["text"]))
    ]
    return Conversation((*lead, *said))


def _said(turn: Mapping[str, Any], column: str) -> bool:
    answer = turn["answers"].get(column)
    return bool(answer and answer["text"].strip() and not answer.get("error"))


def _texts(kept: Mapping[str, Any]) -> Iterator[str]:
    for turn in kept["turns"]:
        yield turn["question"]
        yield from (answer["text"] for answer in turn["answers"].values())


def _found(title: str, texts: Sequence[str], wanted: Sequence[str]) -> str:
    word = next((word for word in wanted if word not in title.casefold()), None)
    if word is None:
        return ""
    text = next((text for text in texts if word in text.casefold()), "")
    place = text.casefold().find(word)  # casefolding moves a place by a few characters at most: it is for the eye only
    begin, end = max(0, place - _AROUND), place + len(word) + _AROUND
    return ("…" if begin else "") + " ".join(text[begin:end].split()) + ("…" if end < len(text) else "")


def _checked(kept: Any, key: str) -> Kept:
    """Raises ValueError, TypeError or KeyError for anything that another function here would stumble over."""
    shape = {"title": str, "created": (int, float), "changed": (int, float), "columns": list, "options": dict,
             "overrides": dict, "turns": list}  # fmt: skip
    for name, kind in shape.items():
        if not isinstance(kept[name], kind):
            raise ValueError(f"“{name}” is {type(kept[name]).__name__}")
    if kept["id"] != key:
        raise ValueError(f"“id” is {kept['id']!r}")
    if not all(isinstance(name, str) for name in kept["columns"]):
        raise ValueError("“columns” holds something else than names")
    if not all(isinstance(own, dict) for own in kept["overrides"].values()):
        raise ValueError("“overrides” holds something else than options")
    for number, turn in enumerate(kept["turns"]):
        after = turn["after"]
        if after is not None and not (isinstance(after, int) and 0 <= after < number):
            raise ValueError(f"turn {number} follows {after!r}")
        if not isinstance(turn["question"], str) or not isinstance(turn["shown"], bool):
            raise ValueError(f"turn {number} holds no question")
        if not all(isinstance(answer["text"], str) for answer in turn["answers"].values()):
            raise ValueError(f"turn {number} holds an answer without text")
    return kept
