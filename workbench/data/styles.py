"""A prompt style's name -> its Jinja text: a file of workbench/templates, or the tokenizer's own chat template."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from workbench.errors import UserError, nearest

_FOLDER = Path(__file__).parent.parent / "templates"
_GENERATION = re.compile(r"\{%-?\s*generation\s*-?%\}")
# Styles name the tokens of the model family they come from. A tokenizer that lacks one gets its own instead, or the
# text "</s>" would be trained letter by letter and the model would never learn to stop.
_TOKENS = re.compile(r"\{%-?\s*set (bos|eos|lead) = \1 \| default\('([^']*)'\)\s*-?%\}")
_OWN = {"bos": "bos_token", "eos": "eos_token"}


def names() -> tuple[str, ...]:
    """The styles that ship, by file name."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.jinja")))


@cache
def source(name: str) -> str:
    """The style's Jinja text. Raises UserError, offering the nearest names."""
    if name not in names():
        raise UserError("data.unknown_style", value=name, nearest=nearest(name, names()))
    return (_FOLDER / f"{name}.jinja").read_text(encoding="utf-8")


def tokens(text: str) -> list[tuple[str, str]]:
    """The control tokens that a style's text names: [("bos", "<s>"), ("eos", "</s>")]."""
    return [(match[1], match[2]) for match in _TOKENS.finditer(text)]


def chat_template(tokenizer: Any, template_name: str = "") -> str:
    """The template that renders for this tokenizer; "" is the tokenizer's own.

    Raises UserError when it has none, or none that marks the answers ({% generation %}): nothing would be learned.
    """
    if template_name:
        return _fitted(source(template_name), tokenizer)
    own = tokenizer.chat_template
    if isinstance(own, dict):
        own = own.get("default")
    if not own:
        raise UserError("data.no_template", styles=", ".join(names()))
    if not _GENERATION.search(own):
        own = _marked(own)
    return own


def _fitted(text: str, tokenizer: Any) -> str:
    """The style with each control token that the tokenizer does not know replaced by its own, or left out."""
    vocabulary = tokenizer.get_vocab()
    settings = []
    for name, written in tokens(text):
        pieces = re.findall(r"<[^<>]+>|\[[^\[\]]+\]", written) or [written]
        if not all(piece in vocabulary for piece in pieces):
            own = getattr(tokenizer, _OWN[name], None) or "" if name in _OWN else ""
            settings.append(f"{{%- set {name} = {json.dumps(own, ensure_ascii=False)} -%}}")
    return "".join(settings) + text


def _marked(own: str) -> str:
    """A template that TRL knows and has a marked twin of. Raises UserError for any other."""
    from trl.chat_template_utils import get_training_chat_template

    class _Holder:
        chat_template = own

    try:
        marked = get_training_chat_template(_Holder())
    except (ValueError, AttributeError):
        marked = None
    if not marked or not _GENERATION.search(marked):
        raise UserError("data.unmarked_template", styles=", ".join(names()))
    return marked
