"""Questions and each column's answers -> conversations kept on the server, so that a refreshed page shows them again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_KEPT = 500  # the longest unused go first
_ID_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Answer:
    """What a column said to one question, whole or so far; a column that failed has an error instead."""

    text: str = ""
    error: str = ""
    done: bool = False
    tokens: int = 0
    seconds: float = 0.0
    cut: int = 0  # oldest messages left out because the conversation outgrew the model's window


@dataclass(slots=True)
class Turn:
    question: str
    answers: dict[str, Answer] = field(default_factory=dict)  # by column
    tries: int = 0  # how often it was asked again; moves the seed, so that sampling gives another answer


class Conversation:
    """The turns of one browser tab. One request at a time owns it: `begin` hands it out, `end` gives it back."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self._lock = threading.Lock()
        self._cancel: threading.Event | None = None

    @property
    def answering(self) -> bool:
        return self._cancel is not None

    def begin(self) -> threading.Event | None:
        """The event that stops the request; None while another one is being answered."""
        with self._lock:
            if self._cancel is not None:
                return None
            self._cancel = threading.Event()
            return self._cancel

    def end(self) -> None:
        with self._lock:
            self._cancel = None

    def stop(self) -> None:
        with self._lock:
            if self._cancel is not None:
                self._cancel.set()

    def history(self, column: str, system: str = "") -> list[dict[str, str]]:
        """The messages that a column is asked with: its own answers, ending with the open question.

        A column that joined later takes the answers of the first column that has one; a turn nobody answered is left out.
        """
        messages = [{"role": "system", "content": system}] if system.strip() else []
        for turn in self.turns[:-1]:
            told = [turn.answers.get(column), *turn.answers.values()]
            text = next((answer.text for answer in told if answer and answer.text and not answer.error), "")
            if text:
                messages += [{"role": "user", "content": turn.question}, {"role": "assistant", "content": text}]
        return [*messages, {"role": "user", "content": self.turns[-1].question}]

    def answers(self, column: str) -> Iterable[tuple[str, Answer | None]]:
        """Every question with the column's answer, None where it was not asked."""
        return [(turn.question, turn.answers.get(column)) for turn in self.turns]


class Conversations:
    """Conversations by the id that a browser tab chose for itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Conversation] = OrderedDict()

    def get(self, key: Any) -> Conversation:
        """The conversation of an id; a new one for an id nobody used. An unusable id gets one that nobody keeps."""
        if not isinstance(key, str) or not 8 <= len(key) <= _ID_LENGTH:
            return Conversation()
        with self._lock:
            found = self._known.setdefault(key, Conversation())
            self._known.move_to_end(key)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
            return found

    def clear(self, key: Any) -> Conversation:
        """Stop what is being answered and begin afresh."""
        self.get(key).stop()
        with self._lock:
            self._known.pop(key, None)
        return self.get(key)
