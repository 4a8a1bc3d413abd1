"""Questions and each column's answers -> conversations kept on the server, so that a refreshed page shows them again.

An answer is made in a thread of its own and written here; pages follow it, and one that is reloaded misses nothing.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
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
    """The turns of one browser tab. One request at a time is answered: `begin` … `put` … `end`."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.columns: list[str] = ["base"]  # those the page shows
        self.version = 0  # grows with everything that a page shows
        self._news = threading.Condition()
        self._cancel: threading.Event | None = None

    @property
    def answering(self) -> bool:
        return self._cancel is not None

    def begin(self, question: str | None, columns: list[str]) -> threading.Event | None:
        """Open a turn (None: the last one again). The event stops it; None while another one is being answered."""
        with self._news:
            if self._cancel is not None or (question is None and not self.turns):
                return None
            if question is None:
                self.turns[-1].tries += 1
            else:
                self.turns.append(Turn(question))
            self.turns[-1].answers = {column: Answer() for column in columns}
            self._cancel = threading.Event()
            self._tell()
            return self._cancel

    def put(self, column: str, answer: Answer) -> None:
        with self._news:
            self.turns[-1].answers[column] = answer
            self._tell()

    def end(self) -> None:
        with self._news:
            self._cancel = None
            self._tell()

    def stop(self) -> None:
        with self._news:
            if self._cancel is not None:
                self._cancel.set()

    def wait(self, version: int, seconds: float) -> None:
        """Until there is news since `version`, at most so long."""
        with self._news:
            self._news.wait_for(lambda: self.version != version, seconds)

    def _tell(self) -> None:
        self.version += 1
        self._news.notify_all()

    def history(self, column: str) -> list[dict[str, str]]:
        """The messages that a column is asked with: its own answers, ending with the open question.

        A column that joined later takes the first answer that there is; a turn nobody answered is left out.
        """
        messages: list[dict[str, str]] = []
        for turn in self.turns[:-1]:
            told = [turn.answers.get(column), *turn.answers.values()]
            text = next((answer.text for answer in told if answer and answer.text and not answer.error), "")
            if text:
                messages += [{"role": "user", "content": turn.question}, {"role": "assistant", "content": text}]
        return [*messages, {"role": "user", "content": self.turns[-1].question}]

    def answers(self, column: str) -> list[tuple[str, Answer | None]]:
        """Every question with the column's answer, None where it was not asked."""
        return [(turn.question, turn.answers.get(column)) for turn in self.turns]

    def last(self, column: str) -> Answer | None:
        return self.turns[-1].answers.get(column) if self.turns else None


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
        """Stop what is being answered and begin afresh with the same columns."""
        old = self.get(key)
        old.stop()
        with self._lock:
            if isinstance(key, str):
                self._known.pop(key, None)
        fresh = self.get(key)
        fresh.columns = list(old.columns)
        return fresh
