"""What a model wrote about a passage -> question-answer pairs: JSON, JSON that had to be mended, or marked lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_QUESTIONS = ("question", "q", "instruction", "prompt", "query", "问题", "问", "提问", "指令")
_ANSWERS = ("answer", "a", "output", "response", "completion", "答案", "答", "回答", "输出")
_THOUGHTS = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL)
_FENCE = re.compile(r"```[\w-]*\n(.*?)(?:```|\Z)", re.DOTALL)
_MARK = re.compile(
    r"^[\s>#*\-\d.、)）]*(?:\*\*)?(?:(?P<q>Question|Q|问题|问)|(?P<a>Answer|A|答案|回答|答))\s*\d*\s*(?:\*\*)?\s*[:：]\s*(?:\*\*)?",
    re.IGNORECASE | re.MULTILINE,
)
_LONGEST_QUESTION = 300  # characters; a longer text that ends with a question mark is no lone question


@dataclass(frozen=True, slots=True)
class Reply:
    """pairs: (question, answer), none of them empty. mended: the JSON was broken and a library repaired it."""

    pairs: tuple[tuple[str, str], ...] = ()
    mended: bool = False


def parse(text: str, passage: str) -> Reply:
    """The pairs in a reply; none when there are none. A reply that is one question is answered by the passage."""
    text = _THOUGHTS.sub("", text).strip()
    for candidate in dict.fromkeys([*_FENCE.findall(text), _outermost(text)]):
        if not candidate or candidate[:1] not in "[{":
            continue
        try:
            value, mended = json.loads(candidate), False
        except ValueError:
            value, mended = _mended(candidate), True
        if pairs := tuple(_pairs(value, passage)):
            return Reply(pairs, mended)
    if pairs := tuple(_marked(text)):
        return Reply(pairs)
    question = _MARK.sub("", text).strip().strip("\"“”'")
    if question.endswith(("?", "？")) and "\n" not in question and len(question) <= _LONGEST_QUESTION:
        return Reply(((question, passage),))
    return Reply()


def _outermost(text: str) -> str:
    """From the first bracket to the last one; to the end, where the reply was cut off."""
    begin = re.search(r"[\[{]", text)
    if begin is None:
        return ""
    end = max(text.rfind("]"), text.rfind("}"))
    return text[begin.start() : end + 1] if end > begin.start() else text[begin.start() :]


def _mended(text: str) -> Any:
    """Trailing commas, bare quotes, a cut-off end; None without the library."""
    try:
        from json_repair import repair_json
    except ImportError:
        return None
    return repair_json(text, return_objects=True, skip_json_loads=True)


def _pairs(value: Any, passage: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        named = {str(key).strip().lower(): inner for key, inner in value.items()}
        question = next((named[key] for key in _QUESTIONS if isinstance(named.get(key), str)), "").strip()
        answer = next((named[key] for key in _ANSWERS if isinstance(named.get(key), str)), None)
        answer = (passage if answer is None else answer).strip()  # asked for a question only, it wrote a question only
        if question and answer:
            yield question, answer
        elif not question:  # {"qa": [...]}, {"1": {...}}
            for inner in value.values():
                if isinstance(inner, (list, dict)):
                    yield from _pairs(inner, passage)
    elif isinstance(value, list):
        for inner in value:
            yield from _pairs(inner, passage)


def _marked(text: str) -> Iterator[tuple[str, str]]:
    """`Q: … A: …`, `问：… 答：…`, numbered, listed or in bold."""
    marks = list(_MARK.finditer(text))
    question = ""
    for mark, following in zip(marks, [*marks[1:], None], strict=False):
        said = text[mark.end() : following.start() if following else len(text)].strip().strip("*").strip()
        if mark["q"]:
            question = said
        elif question and said:
            yield question, said
            question = ""
