"""A conversation in a prompt style -> prompt and completion as plain text, without a tokenizer.

The tokenizer's own tokens (<s>, </s>, [gMASK]<sop>, …) are left out; marks that the style itself shows (ChatML's, the
headers of Llama 3, Gemma's turns) stay, and an end token stays between two turns that nothing else would separate.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from workbench.data import styles
from workbench.data.records import Message
from workbench.data.rows import RowError

# Noncharacters: no text that came through UTF-8 readers as meaningful holds them, so they cannot be mistaken for data.
_OPEN, _CLOSE, _TOKEN, _END = "\ufdd0", "\ufdd1", "\ufdd2", "\ufdd3"
_TOKENIZERS_OWN = {"<s>", "</s>", "<eop>", "[gMASK]<sop>", "<bos>", "<|begin_of_text|>",
                   "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"}  # fmt: skip


class _Generation(Extension):
    """`{% generation %}…{% endgeneration %}` -> its body between two marks."""

    tags = {"generation"}

    def parse(self, parser: Any) -> Any:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        marks = [nodes.Output([nodes.TemplateData(mark)], lineno=line) for mark in (_OPEN, _CLOSE)]
        return [marks[0], *body, marks[1]]


def _refuse(message: str) -> None:
    raise TemplateError(message)


@cache
def _compiled(style: str) -> Any:
    # The same switches as transformers', so that a style renders alike in both.
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    environment.globals["raise_exception"] = _refuse
    text = styles.source(style)
    sets = []
    for name, written in styles.tokens(text):
        if written in _TOKENIZERS_OWN:
            mark = _END if name == "eos" else _TOKEN
            sets.append(f"{{%- set {name} = '{mark}{written}{mark}' -%}}")
    return environment.from_string("".join(sets) + text)


def prompt_and_completion(messages: Sequence[Message], style: str) -> tuple[str, str]:
    """The text up to the last answer, and that answer. Raises RowError when the style cannot render the dialogue."""
    text = _rendered(messages, style)
    return _shown(text[: text.rindex(_OPEN)]), messages[-1].content.strip()


def whole_text(messages: Sequence[Message], style: str) -> str:
    """The dialogue as one text, its last answer included.

    Raises RowError as above, and where nothing but a tokenizer's token tells the question from the answer.
    """
    text = _rendered(messages, style)
    asked = messages[-2].content if len(messages) > 1 else ""
    if _shown(text[: text.rindex(_OPEN)]).endswith(asked.strip()):
        raise RowError("style_without_marks", style=style)
    return _shown(text).rstrip("\n")


def _rendered(messages: Sequence[Message], style: str) -> str:
    """The style's text with marks around answers and the tokenizer's own tokens."""
    from workbench.data.render import to_template

    rows = [to_template(message) for message in messages]
    for message in messages:
        if message.tool_calls or message.role == "tool":
            raise RowError("style_without_tools", style=style)
        if any(mark in message.content for mark in (_OPEN, _CLOSE, _TOKEN, _END)):
            raise RowError("noncharacter")
    try:
        return _compiled(style).render(messages=rows, add_generation_prompt=False)
    except TemplateError as error:
        raise RowError("style_refuses", style=style, why=error) from None


_MARKED = re.compile(f"([{_TOKEN}{_END}])(.*?)\\1")


def _shown(text: str) -> str:
    """Without the tokenizer's tokens, but with an end token where it alone keeps two turns apart."""
    text = text.replace(_OPEN, "").replace(_CLOSE, "")
    parts = _MARKED.split(text)  # text, mark, token, text, mark, token, …
    shown = parts[0]
    for mark, token, following in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        glued = shown and following and not shown[-1].isspace() and not following[0].isspace()
        if mark == _END and glued:
            shown += token
        shown += following
    return shown
