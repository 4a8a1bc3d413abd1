"""A question and a pool of columns -> a match: answers side by side whose makers stay secret until the vote.

Which column stands where is known here only. A page is told texts, all of one length while they are written: who is
quick, and who waits for a module tree of its own, would tell. Names, reasons and figures follow with the vote, or at
once in a match that is not blind.
"""

from __future__ import annotations

import random
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.chat import votes
from workbench.chat.engine import Delta, Engine
from workbench.chat.prompts import ChatOptions, Prompt, messages
from workbench.data.records import Message
from workbench.errors import UserError
from workbench.specs import check
from workbench.specs.model import ModelSection

_KEPT = 200  # the longest unused go first
_SEEDS = 2**31


class Match:
    """One question to a few columns. Its own thread writes the answers; pages ask what is new."""

    def __init__(self, columns: Sequence[str], turns: Sequence[Message], options: ChatOptions, model: str, blind: bool):
        self.id = secrets.token_hex(16)
        self.columns, self.turns, self.options, self.model, self.blind = list(columns), turns, options, model, blind
        self.answers: list[Delta] = [Delta(place, "") for place in range(len(columns))]
        self.vote: dict[str, Any] | None = None
        self.problem: Exception | None = None  # of the match as a whole
        self.version = 0
        self._lock = threading.Lock()
        self._cancel = threading.Event()

    @property
    def answering(self) -> bool:
        return self.problem is None and not all(answer.done for answer in self.answers)

    @property
    def void(self) -> bool:
        """A side has no answer: there is nothing to judge."""
        return self.problem is not None or any(answer.problem for answer in self.answers)

    def run(self, engine: Engine) -> None:
        """In a thread of its own; the page may be closed or reloaded meanwhile."""
        try:
            section = ModelSection(path=self.model) if self.model else None
            options = self.options.model_dump()
            for delta in engine.compare(list(self.turns), self.columns, options, section, cancel=self._cancel):
                with self._lock:
                    self.answers[delta.column] = delta
                    self.version += 1
        except Exception as error:
            with self._lock:
                self.problem = error
                self.version += 1

    def stop(self) -> None:
        self._cancel.set()

    def judge(self, home: Path, winner: int | str) -> dict[str, Any]:
        """Keep the vote. winner: a side from 0, "tie" or "both_bad". Raises UserError without answers to judge."""
        with self._lock:
            if self.answering:
                raise UserError("arena.still_answering")
            if self.void:
                raise UserError("arena.void")
            if self.vote is not None:
                raise UserError("arena.voted")
            if isinstance(winner, int) and not 0 <= winner < len(self.columns):
                raise UserError("arena.no_such_side", value=winner + 1, count=len(self.columns))
            self.vote = votes.record(
                home,
                self.columns,
                self.turns,
                [answer.text for answer in self.answers],
                self.columns[winner] if isinstance(winner, int) else winner,
                options=self.options.model_dump(),
                model=self.model,
                blind=self.blind,
                finishes=[answer.finish for answer in self.answers],
                steps=[answer.step for answer in self.answers],
            )
            self.version += 1
            return self.vote

    def shown(self, said: Callable[[Exception], str]) -> dict[str, Any]:
        """What a page may know now. said: an error as a sentence of the page's language."""
        with self._lock:
            answering, void = self.answering, self.void
            known = not self.blind or self.vote is not None or (void and not answering)
            in_step = self.blind and answering
            sides = [self._side(place, known, in_step, said) for place in range(len(self.columns))]
            return {
                "id": self.id,
                "version": self.version,
                "answering": answering,
                "in_step": in_step,
                "whole": sum(answer.done for answer in self.answers),
                "void": void and not answering,
                "sides": sides,
                "columns": self.columns if known else None,
                "winner": self._winner(),
                "problem": said(self.problem) if self.problem else "",
                "seed": self.options.seed,
            }

    def _side(self, place: int, known: bool, in_step: bool, said: Callable[[Exception], str]) -> dict[str, Any]:
        answer = self.answers[place]
        if in_step:
            slowest = min((len(each.text) for each in self.answers if not each.done), default=0)
            return {"text": answer.text[:slowest], "done": False, "failed": False}
        side: dict[str, Any] = {"text": answer.text, "done": answer.done, "failed": answer.problem is not None}
        if known:  # a reason names its column, and speed tells a bare model from an adapter
            side |= {"tokens": answer.tokens, "seconds": answer.seconds, "step": answer.step, "cut": answer.cut}
            side["error"] = said(answer.problem) if answer.problem else ""
        return side

    def _winner(self) -> int | str | None:
        if self.vote is None:
            return None
        winner = self.vote["winner"]
        return self.columns.index(winner) if winner in self.columns else winner


class Arena:
    """The matches of a server. engine: made when somebody first asks."""

    def __init__(self, home: Path, engine: Callable[[], Engine], *, draw: random.Random | None = None) -> None:
        self.home, self._engine = Path(home), engine
        self._draw = draw or random.SystemRandom()
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Match] = OrderedDict()

    def begin(
        self,
        pool: Sequence[str],
        prompt: Prompt,
        options: Mapping[str, Any] | None = None,
        model: str = "",
        *,
        sides: int = 2,
        blind: bool = True,
    ) -> Match:
        """A match of `sides` columns: drawn from the pool and shuffled when blind, else its first ones in order.

        Options without a seed get one of their own, which the vote keeps. Raises UserError for what cannot be asked.
        """
        names = list(dict.fromkeys(str(name).strip() for name in pool if str(name).strip()))
        if not 2 <= sides <= votes.COLUMNS_AT_MOST:
            raise UserError("votes.column_count", count=sides, limit=votes.COLUMNS_AT_MOST)
        if len(names) < sides:
            raise UserError("arena.small_pool", count=len(names), sides=sides)
        _check_columns(self.home, names)
        given = dict(options or {})
        if given.get("seed") in (None, ""):
            given["seed"] = self._draw.randrange(_SEEDS)
        chosen = check(ChatOptions, given)
        turns = messages(prompt, chosen.system)
        drawn = self._draw.sample(names, sides) if blind else names[:sides]
        match = Match(drawn, turns, chosen, model, blind)
        with self._lock:
            self._known[match.id] = match
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)[1].stop()
        threading.Thread(target=match.run, args=(self._engine(),), name="arena match", daemon=True).start()
        return match

    def get(self, key: str) -> Match:
        """Raises UserError for a match of another server's life, or one that so many others followed."""
        with self._lock:
            found = self._known.get(str(key))
            if found is None:
                raise UserError("arena.no_match")
            self._known.move_to_end(found.id)
            return found


def _check_columns(home: Path, names: Sequence[str]) -> None:
    """A name that leads nowhere is refused before the match, where it can still be named."""
    from workbench.chat import columns

    for name in names:
        columns.check(home, name, foreign=False)
