"""Passages and an author -> drafts of rows, batch by batch, with the time left; nothing is kept without a review."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from workbench.data.formats import turns
from workbench.data.quality import fingerprint
from workbench.data.records import Conversation, Message
from workbench.data.rows import shorten
from workbench.errors import UserError, WorkbenchError
from workbench.locales import translate
from workbench.synthesis import replies
from workbench.synthesis.authors import Author
from workbench.synthesis.passages import Passage

PAIRS_AT_MOST = 20
_SLOT = "{passage}"


@dataclass(frozen=True, slots=True)
class Draft:
    """A row to be reviewed. Without question or answer it is unusable as it stands: `reply` or `problem` says why."""

    passage: Passage
    question: str = ""
    answer: str = ""
    reply: str = ""
    mended: bool = False  # the reply's JSON was broken and was repaired
    problem: WorkbenchError | None = None

    @property
    def usable(self) -> bool:
        return bool(self.question.strip() and self.answer.strip())

    def record(self, *, with_passage: bool = False) -> Conversation:
        """with_passage: the passage stands in the question's input, so that reading it is what is learned."""
        asked = turns.user(self.question, self.passage.text if with_passage else "")
        return Conversation((asked, Message("assistant", self.answer)))

    def changed(self, question: str, answer: str) -> Draft:
        return replace(self, question=question.strip(), answer=answer.strip(), problem=None)


@dataclass(frozen=True, slots=True)
class Step:
    """After each batch: passages read so far and in all, the new drafts, and how many pairs came before already."""

    done: int
    total: int
    drafts: tuple[Draft, ...]
    repeated: int
    seconds_left: float


def default_prompt(language: str) -> str:
    """The prompt as it stands before anybody edits it; {passage} and {count} are filled in."""
    return translate(language, "synthesis.prompt")


def check_prompt(prompt: str) -> str:
    """Raises UserError for a prompt that has no place for the passage."""
    if _SLOT not in prompt:
        raise UserError("synthesis.prompt_without_passage", slot=_SLOT)
    return prompt


def check_count(count: float | None) -> int:
    """How many pairs to ask for. Raises UserError for none, for parts of one, and for too many."""
    if count is None or count != int(count) or not 1 <= count <= PAIRS_AT_MOST:
        raise UserError("synthesis.bad_count", value=count, most=PAIRS_AT_MOST)
    return int(count)


def filled(prompt: str, passage: Passage, count: int) -> str:
    """{count} first: the passage is somebody's text and may hold braces of its own."""
    return prompt.replace("{count}", str(count)).replace(_SLOT, passage.text)


def write(
    passages: Sequence[Passage],
    author: Author,
    prompt: str,
    *,
    count: int = 1,
    cancel: threading.Event | None = None,
    known: Callable[[Draft], bool] = lambda draft: False,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Step]:
    """One Step per batch until all passages are read or `cancel` is set.

    known: asked for every pair whether the caller has it already, beside those of this call.
    A passage the author could not answer, or whose reply holds no pair, gives an unusable draft.
    Raises UserError for what concerns all passages: no address, no model, a refused key, a prompt without a slot.
    """
    check_prompt(prompt)
    check_count(count)
    if not passages:
        raise UserError("synthesis.nothing_to_read")
    cancel = cancel or threading.Event()
    seen: set[str] = set()
    began = clock()
    for start in range(0, len(passages), author.at_once):
        batch = passages[start : start + author.at_once]
        if cancel.is_set():
            return
        written = author.write([filled(prompt, passage, count) for passage in batch], cancel)
        if cancel.is_set():
            return
        drafts, repeated = [], 0
        for passage, reply in zip(batch, written, strict=True):
            for draft in _drafts(passage, reply):
                mark = fingerprint(draft.record()) if draft.usable else ""
                if mark and (mark in seen or known(draft)):
                    repeated += 1
                    continue
                seen.add(mark)
                drafts.append(draft)
        done = start + len(batch)
        left = (clock() - began) / done * (len(passages) - done)
        yield Step(done, len(passages), tuple(drafts), repeated, left)


def _drafts(passage: Passage, reply: str | WorkbenchError) -> Iterator[Draft]:
    if isinstance(reply, WorkbenchError):
        yield Draft(passage, problem=reply)
        return
    found = replies.parse(reply, passage.text)
    if not found.pairs:
        yield Draft(passage, reply=reply.strip())
    for question, answer in found.pairs:
        yield Draft(passage, question, answer, reply.strip(), found.mended)


def to_rows(drafts: Sequence[Draft], *, with_passage: bool = False) -> list[dict[str, Any]]:
    """The usable drafts as canonical rows. Raises UserError when there is none."""
    rows = [draft.record(with_passage=with_passage).to_row() for draft in drafts if draft.usable]
    if not drafts:
        raise UserError("synthesis.no_drafts")
    if not rows:
        first = next(draft.problem or shorten(draft.reply, 200) for draft in drafts)
        raise UserError("synthesis.nothing_to_save", count=len(drafts), first=first)
    return rows
