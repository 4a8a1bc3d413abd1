"""A conversation -> what static/chat.js puts into the page: plain JSON whose `html` parts are safe."""

from __future__ import annotations

import functools
import html
from typing import TYPE_CHECKING, Any, Literal, get_args

from workbench.ui.chat import difference, markup, probabilities
from workbench.ui.chat.conversation import Conversation
from workbench.ui.chat.turns import Answer, Turn
from workbench.ui.i18n import Texts

if TYPE_CHECKING:
    from workbench.ui.app import App

View = Literal["text", "changes", "tokens"]
VIEWS: tuple[str, ...] = get_args(View)
_REMEMBERED = 2_000  # whole answers: a long conversation is drawn anew with every question


class Drawing:
    """One page's picture of a conversation: tells everything first, then only what changed since."""

    def __init__(self, app: App, talk: Conversation, t: Texts, view: str) -> None:
        self.app, self.talk, self.t, self.view = app, talk, t, view
        self._shape: Any = None
        self._seen: dict[tuple[int, str], Answer | None] = {}
        self._settled: dict[tuple[int, str], int] = {}

    def update(self) -> dict[str, Any]:
        """{"columns", "turns", …} when the page must be drawn anew, else {"cells": those with news}; "answering".

        "version": of the conversation; "problem": why what was said is not on disk.
        """
        version = self.talk.version  # read before the drawing: what comes meanwhile is news again
        news, unsaved = {"version": version} | self._update(), self.talk.unsaved
        return news | ({"problem": self.t("chat.unsaved", reason=unsaved)} if unsaved else {})

    def _update(self) -> dict[str, Any]:
        talk = self.talk
        answering, turns, columns = talk.answering, talk.turns, list(talk.columns)
        shape = ([id(turn) for turn in turns], columns, {name: dict(own) for name, own in talk.overrides.items()},
                 [talk.branches(place) for place in range(len(turns))], _left_out(turns, columns))  # fmt: skip
        if shape != self._shape:
            self._shape = shape
            return {"answering": answering} | self._whole(turns, columns)
        cells = []
        for place, turn in enumerate(turns):
            for name in columns:
                answer = turn.answers.get(name)
                if self._seen.get((place, name)) is not answer:
                    cells.append(self._news(place, turn, name, answer))
        if self.view == "changes" and cells and columns:  # the others are compared with the first
            told = {(cell["turn"], cell["column"]) for cell in cells}
            for place in {cell["turn"] for cell in cells if cell["column"] == columns[0]}:
                more = [name for name in columns[1:] if (place, name) not in told]
                cells += [self._cell(place, turns[place], name) for name in more]
        return {"answering": answering, "cells": cells}

    def _whole(self, turns: list[Turn], columns: list[str]) -> dict[str, Any]:
        labels = {column: label for label, column in self.app.columns.choices(self.t)}
        left_out = _left_out(turns, columns)
        shown = []
        for place, turn in enumerate(turns):
            branch, count = self.talk.branches(place)
            shown.append({
                "question": turn.question,
                "branch": branch,
                "branches": count,
                "left_out": 2 * place < left_out and place < len(turns) - 1,
                "cells": [self._cell(place, turn, name) for name in columns],
            })  # fmt: skip
        heads = [
            {"name": name, "label": labels.get(name) or self._label(name), "own": self.talk.overrides.get(name, {})}
            for name in columns
        ]
        return {"columns": heads, "turns": shown}

    def _label(self, name: str) -> str:
        if name.endswith("@now"):
            return self.t("chat.live", run=name.removesuffix("@now"))
        return name

    def _cell(self, place: int, turn: Turn, name: str) -> dict[str, Any]:
        """A cell as a whole."""
        answer = turn.answers.get(name)
        self._seen[place, name] = answer
        self._settled[place, name] = 0
        return self._about(place, name, answer) | {"html": self._html(turn, name, answer)}

    def _news(self, place: int, turn: Turn, name: str, answer: Answer | None) -> dict[str, Any]:
        """A cell that grows: what has settled is sent once, what can still change its look again and again."""
        streaming = answer is not None and not answer.done and not answer.error and answer.text and self.view == "text"
        if not streaming:
            return self._cell(place, turn, name)
        self._seen[place, name] = answer
        sent = self._settled.get((place, name), 0)
        end = markup.settled(answer.text, sent)
        if end < sent:
            return self._cell(place, turn, name)
        self._settled[place, name] = end
        news = self._about(place, name, answer) | {"tail": markup.unsettled(answer.text[end:], self.t)}
        if sent == 0:
            return news | {"html": markup.rendered(answer.text[:end], self.t)}
        return news | ({"add": markup.rendered(answer.text[sent:end], self.t)} if end > sent else {})

    def _about(self, place: int, name: str, answer: Answer | None) -> dict[str, Any]:
        return {
            "turn": place,
            "column": name,
            "state": "none" if answer is None else "done" if answer.done else "writing",
            "error": answer.error if answer else "",
            "figures": figures(answer, self.t) if answer else "",
            "when": answer.when if answer else 0.0,
            "can_go_on": bool(answer and answer.done and answer.text and answer.base and not answer.error
                              and answer.finish in ("length", "cancelled")) or bool(answer and answer.edited),
        }  # fmt: skip

    def _html(self, turn: Turn, name: str, answer: Answer | None) -> str:
        if answer is None:
            return f"<em>{html.escape(self.t('chat.not_asked'))}</em>"
        if not answer.text:
            if answer.error:
                return ""
            return f"<em>{html.escape(self.t('chat.nothing_said' if answer.done else 'chat.waiting'))}</em>"
        if self.view == "tokens":
            return self._tokens(answer)
        if self.view == "changes":
            return self._changes(turn, name, answer)
        return _whole(answer.text, self.t.language) if answer.done else markup.rendered(answer.text, self.t, False)

    def _tokens(self, answer: Answer) -> str:
        if not answer.done or not answer.scored:
            return f'<div class="wb-plain">{markup.plain(answer.text)}</div>'
        tokenizer = self.app.engine.tokenizer(answer.base)
        return f'<div class="wb-plain">{probabilities.rendered(answer.scored, tokenizer)}</div>'

    def _changes(self, turn: Turn, name: str, answer: Answer) -> str:
        first = turn.answers.get(self.talk.columns[0])
        if name == self.talk.columns[0] or first is None or not first.text or not (answer.done and first.done):
            return f'<div class="wb-plain">{markup.plain(answer.text)}</div>'
        if answer.text == first.text:
            return f'<div class="wb-plain wb-same">{html.escape(self.t("chat.same"))}</div>'
        return f'<div class="wb-plain">{_compared(first.text, answer.text)}</div>'


@functools.lru_cache(_REMEMBERED)
def _whole(text: str, language: str) -> str:
    return markup.rendered(text, Texts(language))


_compared = functools.lru_cache(_REMEMBERED)(difference.rendered)


def _left_out(turns: list[Turn], columns: list[str]) -> int:
    """How many oldest messages the last question was asked without; known once its answer has begun."""
    answers = turns[-1].answers if turns else {}
    return max((answers[name].cut for name in columns if name in answers), default=0)


def figures(answer: Answer, t: Texts) -> str:
    """Length, time, speed, time to the first token, and what was special about this answer."""
    parts = []
    if answer.tokens and answer.seconds:
        writing = max(answer.seconds - answer.first_seconds, 1e-9)
        speed = (
            (answer.tokens - 1) / writing
            if answer.tokens > 1 and answer.first_seconds
            else answer.tokens / answer.seconds
        )  # noqa: E501
        parts.append(t("chat.stats", tokens=answer.tokens, seconds=f"{answer.seconds:.1f}", speed=f"{speed:.0f}"))
        if answer.first_seconds:
            parts.append(t("chat.first_token", milliseconds=f"{answer.first_seconds * 1000:.0f}"))
        if answer.prompt_tokens:
            parts.append(t("chat.prompt_tokens", count=answer.prompt_tokens))
    if answer.step is not None:
        parts.append(t("chat.at_step", step=answer.step))
    if answer.finish in ("length", "cancelled"):
        parts.append(t(f"chat.finish.{answer.finish}"))
    if answer.edited:
        parts.append(t("chat.edited"))
    if answer.cut:
        parts.append(t("chat.cut", count=answer.cut))
    parts += [f"{t(f'chat.{name}')} {value:g}" for name, value in answer.own]
    return " · ".join(parts)
