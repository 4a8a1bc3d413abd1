"""A name and an author -> the self-cognition conversations; other projects' placeholders -> filled; replay rows.

Templates are filled by one pass over the slots, never by `str.format`: a name that itself contains `{author}` or
braces stays as the user wrote it.
"""

from __future__ import annotations

import json
import random
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from workbench import presets
from workbench.data.records import Conversation, Feedback, Message, Preference, Record, Text
from workbench.errors import UserError

NAME_LIMIT = 60  # characters
LANGUAGES = ("zh", "en")
AnyRecord = TypeVar("AnyRecord", Conversation, Preference, Feedback, Text)

_SLOT = re.compile(r"\{(name|author|year|model)\}")
# [NAME], <NAME>, {{name}}, {{ name }}, in any case: LLaMA-Factory, ms-swift and their forks use these forms.
# Upper case only for the single-bracketed ones: "<name>" is ordinary markup.
_PLACEHOLDER = re.compile(r"\[(NAME|AUTHOR)\]|<(NAME|AUTHOR)>|\{\{\s*((?i:name|author))\s*\}\}")
_CONTROL_TOKEN = re.compile(r"<\|[^|<>]{1,40}\|>|</?s>|\[/?INST\]|<(?:eos|bos|pad|unk)>", re.IGNORECASE)


def check_name(text: str, what: str) -> str:
    """The name without edge spaces. `what` is the knob it stands in ("identity.name").

    Raises UserError for an empty one, one over 60 characters, one with control characters or chat control tokens.
    """
    name = text.strip()
    if not name:
        raise UserError("identity.empty", path=what)
    if len(name) > NAME_LIMIT:
        raise UserError("identity.too_long", path=what, length=len(name), limit=NAME_LIMIT)
    for char in name:
        # Cc and Cs are never written on purpose; Zl/Zp break lines. Format characters (Cf) occur in real names.
        if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}:
            raise UserError("identity.control_character", path=what, code=f"U+{ord(char):04X}")
    if found := _CONTROL_TOKEN.search(name):
        raise UserError("identity.control_token", path=what, token=found.group())
    return name


def templates(path: Path | None = None) -> list[dict[str, str]]:
    """The shipped record templates: lang, user, assistant, and `otherwise` where year or model may be missing."""
    path = path or presets.root() / "identity" / "records.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def identity_rows(
    name: str,
    author: str,
    year: str | int | None = None,
    model: str | None = None,
    langs: str | Iterable[str] = LANGUAGES,
    *,
    path: Path | None = None,
) -> list[Conversation]:
    """The self-cognition conversations for a name and an author, in the order of the templates.

    langs: "zh", "en", "zh,en" or the like. Without year or model the answers that would name them
    take their other form.
    Raises UserError for unusable names (see check_name) and unknown languages.
    """
    values = {"name": check_name(name, "identity.name"), "author": check_name(author, "identity.author")}
    for key, value in (("year", year), ("model", model)):
        if value is not None and str(value).strip():
            values[key] = check_name(str(value), f"identity.{key if key == 'year' else 'model_name'}")
    wanted = _languages(langs)
    rows = []
    for record in templates(path):
        if record["lang"] not in wanted:
            continue
        answer = record["assistant"]
        if "otherwise" in record and any(slot not in values for slot in _SLOT.findall(answer)):
            answer = record["otherwise"]
        rows.append(
            Conversation.of(("user", _fill(record["user"], values)), ("assistant", _sentence(_fill(answer, values))))
        )
    return rows


def _languages(langs: str | Iterable[str]) -> set[str]:
    listed = [part.strip() for part in (langs.split(",") if isinstance(langs, str) else langs) if part.strip()]
    for lang in listed:
        if lang not in LANGUAGES:
            raise UserError("identity.unknown_language", value=lang, languages=", ".join(LANGUAGES))
    return set(listed or LANGUAGES)


def _fill(text: str, values: Mapping[str, str]) -> str:
    return _SLOT.sub(lambda slot: values.get(slot.group(1), slot.group()), text)


def _sentence(text: str) -> str:
    """ "… Dr. A.." -> one full stop: an author may end in one ("Fern Inc.")."""
    return text[:-1] if text.endswith("..") and not text.endswith("...") else text


def find_placeholders(text: str) -> list[str]:
    """Other projects' placeholders in a text, as they stand there: ["[NAME]", "{{author}}"]."""
    return [found.group() for found in _PLACEHOLDER.finditer(text)]


def fill_placeholders(record: AnyRecord, name: str, author: str) -> AnyRecord:
    """The record with every placeholder replaced; one whose box is empty stays, so that it can be reported."""
    values = {"name": name.strip(), "author": author.strip()}

    def fill(text: str) -> str:
        return _PLACEHOLDER.sub(lambda found: values[next(filter(None, found.groups())).lower()] or found.group(), text)

    def turns(messages: tuple[Message, ...]) -> tuple[Message, ...]:
        done = []
        for message in messages:
            changed: dict[str, Any] = {"content": fill(message.content)}
            for part in ("instruction", "input", "reasoning"):
                if (value := getattr(message, part)) is not None:
                    changed[part] = fill(value)
            done.append(replace(message, **changed))
        return tuple(done)

    if isinstance(record, Text):
        return replace(record, text=fill(record.text))
    parts = (
        ("messages",)
        if isinstance(record, Conversation)
        else (("prompt", "chosen", "rejected") if isinstance(record, Preference) else ("prompt", "completion"))
    )
    return replace(record, **{part: turns(getattr(record, part)) for part in parts})


def replay_rows(count: int, seed: int, path: Path | None = None) -> list[Conversation]:
    """`count` general conversations drawn by the seed; all of them before any comes twice."""
    path = path or presets.root() / "replay" / "general.jsonl"
    rows = [_conversation(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not rows:
        raise UserError("identity.no_replay", path=path)
    rng, drawn = random.Random(seed), []
    while len(drawn) < count:
        rng.shuffle(rows)
        drawn += rows[: count - len(drawn)]
    return drawn


def mix_replay(rows: Iterable[Record], ratio: float, seed: int, path: Path | None = None) -> list[Record]:
    """The rows and `ratio` general conversations for each of them, shuffled by the seed."""
    own = list(rows)
    mixed: list[Record] = [*own, *replay_rows(round(len(own) * ratio), seed, path)]
    random.Random(seed).shuffle(mixed)
    return mixed


def _conversation(row: Mapping[str, Any]) -> Conversation:
    return Conversation(tuple(Message.from_row(message) for message in row["messages"]))
