"""What a topic yields: a question and its answer; and the tables of content the topics draw from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_TABLES = Path(__file__).parent.parent / "tables"


@dataclass(frozen=True, slots=True)
class Exchange:
    question: str
    answer: str


@cache
def table(name: str) -> Any:
    """The content of tables/<name>.yaml; callers must not change it."""
    return yaml.safe_load((_TABLES / f"{name}.yaml").read_text(encoding="utf-8"))


@cache
def asks(name: str, *path: str) -> tuple[str, ...]:
    """The "|"-separated phrasings at a path of a table."""
    node = table(name)
    for key in path:
        node = node[key]
    return tuple(node.split("|"))


def unknown_answer(lang: str) -> str:
    """The one polite refusal; a single wording keeps it easy to recognise."""
    return "Sorry, I do not know that." if lang == "en" else "抱歉，这个我不知道。"
