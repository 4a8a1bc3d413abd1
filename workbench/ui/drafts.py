"""Rows that a model writes from documents -> drafts to review, kept on the server: every page shows the same ones."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from workbench.errors import UserError
from workbench.ui.opened import safe_name

if TYPE_CHECKING:
    from workbench.synthesis.authors import Author
    from workbench.synthesis.passages import Passage
    from workbench.synthesis.rows import Draft

Phase = Literal["idle", "reading", "preparing", "writing", "stopping", "finished", "stopped", "failed"]
_BUSY = ("reading", "preparing", "writing", "stopping")


@dataclass(frozen=True, slots=True)
class Progress:
    """repeated and mended belong to the last work; usable and unusable to all drafts that are there."""

    phase: Phase = "idle"
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    repeated: int = 0
    mended: int = 0
    usable: int = 0
    unusable: int = 0
    error: Exception | None = None

    @property
    def busy(self) -> bool:
        return self.phase in _BUSY


class Drafts:
    """One set of drafts per workspace; one work at a time writes into it. A draft keeps its number until it goes."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.version = 0  # grows with everything that a page shows
        self._lock = threading.Lock()
        self._drafts: dict[int, Draft] = {}
        self._next = 1
        self._progress = Progress()
        self._cancel: threading.Event | None = None
        self._thread: threading.Thread | None = None

    # -- writing ------------------------------------------------------------------------------------------------------
    def start(
        self, read: Callable[[], Sequence[Passage]], find_author: Callable[[], Author], prompt: str, count: int
    ) -> None:
        """Read and write in a thread of its own; what comes is added to the drafts. Raises UserError while one runs."""
        with self._lock:
            if self._progress.busy:
                raise UserError("synthesis.busy")
            self._progress, self.version = Progress("reading"), self.version + 1
            cancel = self._cancel = threading.Event()
            self._thread = threading.Thread(
                target=self._work, args=(read, find_author, prompt, count, cancel), daemon=True, name="synthesis"
            )
            self._thread.start()

    def stop(self) -> None:
        """Ask the work to end; the drafts that are there stay."""
        with self._lock:
            if self._cancel is not None and self._progress.busy:
                self._cancel.set()
                self._tell(phase="stopping")

    def wait(self, seconds: float) -> bool:
        """Whether the work was over within that time."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return not self.progress().busy

    def close(self) -> None:
        self.stop()
        self.wait(10.0)

    def _work(
        self,
        read: Callable[[], Sequence[Passage]],
        find_author: Callable[[], Author],
        prompt: str,
        count: int,
        cancel: threading.Event,
    ) -> None:
        from workbench.synthesis import rows

        try:
            passages = read()
            self._set(phase="preparing", total=len(passages), cancel=cancel)
            for step in rows.write(passages, find_author(), prompt, count=count, cancel=cancel, known=self._has):
                with self._lock:
                    for draft in step.drafts:
                        self._drafts[self._next] = draft
                        self._next += 1
                    mended = self._progress.mended + sum(draft.mended for draft in step.drafts if draft.usable)
                    self._tell(
                        phase="stopping" if cancel.is_set() else "writing",
                        done=step.done,
                        total=step.total,
                        seconds_left=step.seconds_left,
                        repeated=self._progress.repeated + step.repeated,
                        mended=mended,
                    )
            self._set(phase="stopped" if cancel.is_set() else "finished")
        except Exception as error:  # told on the page, in its language
            self._set(phase="failed", error=error)

    def _has(self, draft: Draft) -> bool:
        """Whether an earlier work wrote this pair already."""
        from workbench.data.quality import fingerprint

        mark = fingerprint(draft.record())
        with self._lock:
            there = [known for known in self._drafts.values() if known.usable]
        return any(fingerprint(known.record()) == mark for known in there)

    def _set(self, *, phase: Phase, cancel: threading.Event | None = None, **changes: Any) -> None:
        with self._lock:
            self._tell(phase="stopping" if cancel is not None and cancel.is_set() else phase, **changes)

    def _tell(self, **changes: Any) -> None:
        """With the lock held: the progress, and with it the version, move on."""
        usable = sum(draft.usable for draft in self._drafts.values())
        self._progress = replace(self._progress, **changes, usable=usable, unusable=len(self._drafts) - usable)
        self.version += 1

    # -- reviewing ----------------------------------------------------------------------------------------------------
    def progress(self) -> Progress:
        with self._lock:
            return self._progress

    def page(self, number: int, size: int) -> tuple[list[tuple[int, Draft]], int, int]:
        """((number, draft) of a page from 1, the page's number within its bounds, how many drafts there are)."""
        with self._lock:
            items = list(self._drafts.items())
        pages = max(1, -(-len(items) // size))
        number = min(max(1, number), pages)
        return items[(number - 1) * size : number * size], number, len(items)

    def get(self, number: int) -> Draft:
        """Raises UserError for a draft that is not there (any more)."""
        with self._lock:
            if number not in self._drafts:
                raise UserError("synthesis.no_draft")
            return self._drafts[number]

    def after(self, number: int) -> int:
        """The number of the draft that follows; 0 behind the last one."""
        with self._lock:
            return min((other for other in self._drafts if other > number), default=0)

    def change(self, number: int, question: str, answer: str) -> None:
        """Raises UserError for a draft that is gone, and for an empty question or answer."""
        if not question.strip() or not answer.strip():
            raise UserError("synthesis.incomplete")
        changed = self.get(number).changed(question, answer)
        with self._lock:
            if number in self._drafts:
                self._drafts[number] = changed
            self._tell()

    def delete(self, number: int) -> None:
        self.get(number)
        with self._lock:
            self._drafts.pop(number, None)
            self._tell()

    def keep(self, wanted: Callable[[Draft], bool] = lambda draft: False) -> None:
        """Delete all drafts but the wanted ones."""
        with self._lock:
            self._drafts = {number: draft for number, draft in self._drafts.items() if wanted(draft)}
            self._tell()

    def save(self, name: str, *, with_passage: bool = False) -> tuple[str, int]:
        """Write the usable drafts as a new file of the workspace and drop them here -> (its path there, rows).

        Raises UserError for a name that is none, and when no draft is usable. No file is ever written over.
        """
        from workbench.data.writers import write_rows
        from workbench.synthesis.rows import to_rows

        if not name.strip() or "/" in name or "\\" in name:
            raise UserError("synthesis.bad_name", value=name[:80])
        stem = safe_name(name.strip().removesuffix(".jsonl") + ".jsonl")[0]
        with self._lock:
            saved = dict(self._drafts)
        rows = to_rows(list(saved.values()), with_passage=with_passage)
        folder, number = self.home / "data", 1
        while (path := folder / (f"{stem}.jsonl" if number == 1 else f"{stem}-{number}.jsonl")).exists():
            number += 1
        write_rows(path, rows)
        with self._lock:
            for place, draft in saved.items():  # one that was changed meanwhile is another draft
                if draft.usable and self._drafts.get(place) is draft:
                    del self._drafts[place]
            self._tell()
        return path.relative_to(self.home).as_posix(), len(rows)
