"""One conversation: a tree of questions with each column's answers, of which one path is shown.

Editing a question begins a branch beside the old one. An answer is made in a thread of its own and written here; pages
follow it, and one that is reloaded misses nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench import runs
from workbench.ui.chat.turns import Answer, Turn, put_under, rows_of

if TYPE_CHECKING:
    from workbench.chat.remote import Endpoint

log = logging.getLogger(__name__)


class Conversation:
    """The turns of one browser tab. One request at a time is answered: `begin` … `put` … `end`."""

    def __init__(self, key: str = "", keep: Callable[[dict[str, Any] | None], None] | None = None) -> None:
        """keep: takes what stands in the conversation whenever it has changed, None once nothing is left of it."""
        self.id = key
        self.title = ""  # unless somebody named it
        self.created = runs.utc_now()
        self.unsaved = ""  # why the last change is not on disk
        self._keep = keep
        self._keeping = threading.Lock()
        self._root = Turn("")
        self.columns: list[str] = ["base"]  # those the page shows
        self.options: dict[str, Any] = {}  # as the page's boxes have them
        self.overrides: dict[str, dict[str, Any]] = {}  # per column, where it differs
        self.endpoint: Endpoint | None = None  # of remote columns: in memory only, as long as this conversation
        self.version = 0  # grows with everything that a page shows
        self._news = threading.Condition()
        self._cancels: dict[str, threading.Event] | None = None
        self._open: Turn | None = None  # the turn that is being answered

    # -- what is there ------------------------------------------------------------------------------------------------
    @property
    def turns(self) -> list[Turn]:
        """The path that is shown."""
        return list(self._path())

    def _path(self) -> Iterator[Turn]:
        turn = self._root
        while turn.following:
            turn = turn.following[turn.chosen]
            yield turn

    @property
    def answering(self) -> bool:
        return self._cancels is not None

    @property
    def open_place(self) -> int | None:
        """Which turn of the path is being answered."""
        return next((place for place, turn in enumerate(self.turns) if turn is self._open), None)

    def branches(self, place: int) -> tuple[int, int]:
        """(number of the shown branch from 0, how many there are) at a turn of the path."""
        before = self._before(place)
        return before.chosen, len(before.following)

    def answers(self, column: str) -> list[tuple[str, Answer | None]]:
        """Every question with the column's answer, None where it was not asked."""
        return [(turn.question, turn.answers.get(column)) for turn in self.turns]

    def last(self, column: str) -> Answer | None:
        turns = self.turns
        return turns[-1].answers.get(column) if turns else None

    def history(self, column: str, place: int = -1) -> list[dict[str, str]]:
        """The messages that a column is asked with: its own answers, ending with the question of a turn.

        A column that joined later takes the first answer that there is; a turn nobody answered is left out.
        """
        turns = self.turns
        turns = turns[: place + 1] if place >= 0 else turns
        messages: list[dict[str, str]] = []
        for turn in turns[:-1]:
            told = [turn.answers.get(column), *turn.answers.values()]
            text = next((answer.text for answer in told if answer and answer.text and not answer.error), "")
            if text:
                messages += [{"role": "user", "content": turn.question}, {"role": "assistant", "content": text}]
        return [*messages, {"role": "user", "content": turns[-1].question}]

    # -- being answered -----------------------------------------------------------------------------------------------
    def begin(
        self, question: str | None, columns: Sequence[str], *, place: int | None = None, keep: bool = False
    ) -> Mapping[str, threading.Event] | None:
        """Open a turn, or (question None) a turn of the path once more, the last one by default.

        The answers of the columns begin anew, or (keep) go on where they ended; other columns keep theirs. One event
        per column stops it. None while another request is being answered, or without a turn to ask again.
        """
        with self._news:
            turns = self.turns
            if self._cancels is not None or (question is None and not turns):
                return None
            if question is None:
                turn = turns[-1 if place is None else place]
                turn.tries += not keep
            else:
                before = self._before(len(turns) if place is None else place)
                before.following.append(turn := Turn(question, time=runs.utc_now()))
                before.chosen = len(before.following) - 1
            if not keep:
                turn.answers |= {column: Answer() for column in columns}
            self._open = turn
            self._cancels = {column: threading.Event() for column in columns}
            self._tell()
            return self._cancels

    def put(self, column: str, answer: Answer) -> None:
        with self._news:
            if self._open is not None:
                self._open.answers[column] = answer
                self._tell()

    def current(self, column: str) -> Answer:
        """What the turn being answered has of a column so far."""
        return (self._open.answers.get(column) if self._open else None) or Answer()

    def end(self) -> None:
        try:
            self.save()  # before the end is told: pages read no further, and what could not be written is news too
        finally:
            with self._news:
                self._cancels = self._open = None
                self._tell()

    def stop(self, column: str | None = None) -> None:
        """Stop one column, or all of them."""
        with self._news:
            for name, event in (self._cancels or {}).items():
                if column in (None, name):
                    event.set()

    # -- being changed: refused (False) while an answer is being made -------------------------------------------------
    def choose(self, place: int, branch: int) -> bool:
        """Show another branch of a turn."""
        with self._news:
            before = self._before(place)
            if self.answering or not 0 <= branch < len(before.following):
                return False
            before.chosen = branch
            self._tell()
        self.save()
        return True

    def delete(self, place: int) -> bool:
        """Remove a turn of the path with all that follows it; another branch beside it is shown then."""
        with self._news:
            before = self._before(place)
            if self.answering or not before.following:
                return False
            del before.following[before.chosen]
            before.chosen = max(0, min(before.chosen, len(before.following) - 1))
            self._tell()
        self.save()
        return True

    def rewrite(self, place: int, column: str, text: str) -> bool:
        """Put other words into a column's mouth; what follows is asked with them."""
        with self._news:
            turns = self.turns
            if self.answering or not 0 <= place < len(turns) or not text.strip():
                return False
            turns[place].answers[column] = Answer(text.strip(), done=True, finish="stop", edited=True)
            self._tell()
        self.save()
        return True

    def set_own(self, column: str, values: Mapping[str, Any]) -> None:
        """Sampling options in which one column differs from the others; empty: in none."""
        with self._news:
            self.overrides.pop(column, None)
            if values:
                self.overrides[column] = dict(values)
            self._tell()

    def show(self, columns: Sequence[str]) -> None:
        with self._news:
            if list(columns) != self.columns:
                self.columns = list(columns)
                self._tell()

    def _before(self, place: int) -> Turn:
        turns = [self._root, *self._path()]
        return turns[place] if 0 <= place < len(turns) else Turn("")

    # -- being followed -----------------------------------------------------------------------------------------------
    def wait(self, version: int, seconds: float) -> None:
        """Until there is news since `version`, at most so long."""
        with self._news:
            self._news.wait_for(lambda: self.version != version, seconds)

    def _tell(self) -> None:
        self.version += 1
        self._news.notify_all()

    # -- being kept ---------------------------------------------------------------------------------------------------
    def save(self) -> None:
        """Hand over what is there, once at a time, so that the newest is written last."""
        with self._keeping:
            if self._keep is None:
                return
            data = self.data()
            try:
                self._keep(data if data["turns"] else None)
                self.unsaved = ""
            except OSError as error:  # the conversation goes on in memory; the page says it
                self.unsaved = error.strerror or str(error)
                log.warning("conversation %s could not be saved", self.id, exc_info=True)

    def forget(self) -> None:
        """Stop what is being answered; nothing is written any more."""
        with self._keeping:
            self._keep = None
        self.stop()

    def data(self) -> dict[str, Any]:
        """What workbench/chat/kept.py writes. Left out: each token's probabilities, and the remote address and key."""
        with self._news:
            return {"id": self.id, "title": self.title, "created": self.created, "changed": runs.utc_now(),
                    "columns": list(self.columns), "options": dict(self.options),
                    "overrides": {name: dict(own) for name, own in self.overrides.items()},
                    "turns": rows_of(self._root)}  # fmt: skip

    def take(self, data: Mapping[str, Any]) -> None:
        """Become what was written. Raises TypeError for an answer with unfit fields."""
        put_under(self._root, data["turns"])
        self.title, self.created, self.columns = data["title"], data["created"], list(data["columns"])
        self.options, self.overrides = dict(data["options"]), {k: dict(own) for k, own in data["overrides"].items()}
