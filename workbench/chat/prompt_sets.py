"""A file or a shipped list -> prompts to ask of every column, each a question or a dialogue that ends with one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from workbench import presets
from workbench.chat.prompts import Prompt, messages
from workbench.errors import UserError, nearest

ENDINGS = (".jsonl", ".txt", ".json", ".yaml")
PROMPTS_AT_MOST = 5000


def shipped() -> dict[str, Path]:
    """Name -> file of the lists that come with the workbench."""
    return {path.stem: path for path in sorted((presets.root() / "prompts").glob("*.yaml"))}


def load(name: str) -> list[Prompt]:
    """A shipped list by its name. Raises UserError for a name nobody shipped."""
    known = shipped()
    if name not in known:
        raise UserError("prompt_sets.unknown", name=str(name)[:80], nearest=nearest(str(name), known))
    return read(known[name])


def read(path: Path, shown: str = "") -> list[Prompt]:
    """The prompts of a file, by its ending. shown: what messages call it. Raises UserError."""
    name = shown or path.name
    return parse(_text(path, name), name)


def rows(path: Path, shown: str = "") -> list[Prompt]:
    """The prompts of a file with one JSON value a line, whatever its ending and however many. Raises UserError."""
    name = shown or path.name
    return _some(_of_lines(_text(path, name), ".jsonl", name), name)


def parse(text: str, name: str) -> list[Prompt]:
    """The prompts of a text, by its file's ending: JSONL (one value a line), JSON or YAML (a list), txt (lines).

    A value is a question, a list of turns that alternate from the user's, or a list of messages. Raises UserError that
    names the line, or the entry, that is no prompt.
    """
    ending = Path(name).suffix.lower()
    if ending not in ENDINGS:
        raise UserError("prompt_sets.bad_ending", path=name, endings=" ".join(ENDINGS))
    found = _of_lines(text, ending, name) if ending in (".jsonl", ".txt") else _of_list(text, ending, name)
    if len(_some(found, name)) > PROMPTS_AT_MOST:
        raise UserError("prompt_sets.too_many", path=name, count=len(found), limit=PROMPTS_AT_MOST)
    return found


def typed(text: str) -> list[Prompt]:
    """What a person typed into a box: one question a line. Raises UserError for an empty box."""
    found: list[Prompt] = [line.strip() for line in text.splitlines() if line.strip()]
    if not found:
        raise UserError("prompt_sets.nothing_typed")
    return found


def _text(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UserError("prompt_sets.not_utf8", path=name, line=line) from None


def _some(found: list[Prompt], name: str) -> list[Prompt]:
    if not found:
        raise UserError("prompt_sets.empty", path=name)
    return found


def _of_lines(text: str, ending: str, name: str) -> list[Prompt]:
    found: list[Prompt] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        value: Any = line.strip()
        if ending == ".jsonl":
            try:
                value = json.loads(line)
            except ValueError:
                value = None
        if not is_prompt(value):
            raise UserError("prompt_sets.bad_line", path=name, line=number, value=line.strip()[:60])
        found.append(value)
    return found


def _of_list(text: str, ending: str, name: str) -> list[Prompt]:
    try:
        values = json.loads(text) if ending == ".json" else yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise UserError("prompt_sets.unreadable", path=name, line=mark.line + 1 if mark else 1) from None
    except ValueError as error:
        raise UserError("prompt_sets.unreadable", path=name, line=getattr(error, "lineno", 1)) from None
    if not isinstance(values, list):
        raise UserError("prompt_sets.not_a_list", path=name)
    for number, value in enumerate(values, 1):
        if not is_prompt(value):
            raise UserError("prompt_sets.bad_entry", path=name, number=number, value=str(value)[:60])
    return values


def is_prompt(value: Any) -> bool:
    if not isinstance(value, str | list) or not value:
        return False
    if isinstance(value, list) and all(isinstance(turn, str) for turn in value) and len(value) % 2 == 0:
        return False  # ends with the assistant's turn
    try:
        messages(value)
    except UserError:
        return False
    return True
