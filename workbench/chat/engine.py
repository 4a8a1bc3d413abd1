"""A conversation and columns -> their answers, streamed: the one thread that owns the chat's module trees."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.chat import batches, remote
from workbench.chat import columns as naming
from workbench.chat.columns import Located
from workbench.chat.prompts import Prompt, messages
from workbench.chat.request import Cell, Delta, Request, histories, options_of, parsed
from workbench.chat.worker import Worker
from workbench.errors import UserError, WorkbenchError
from workbench.models import adapters
from workbench.specs.model import ModelSection

if TYPE_CHECKING:
    from workbench.chat.residents import Resident
    from workbench.models.hub import Hub

UPDATE_SECONDS = 0.1

__all__ = ["Delta", "Engine"]


class Engine:
    """Answers one request after the other in a thread of its own, so that no two ever meet in one tree."""

    def __init__(self, hub: Hub, home: Path, *, foreign: bool = True) -> None:
        """foreign: whether a column may be a path that leads out of the workspace."""
        self.hub = hub
        self.home = Path(home)
        self._foreign = foreign
        self._residents: dict[tuple[Any, ...], Resident] = {}  # the thread's own
        self._worker = Worker("chat-engine", at_end=self._residents.clear)
        hub.on_unload(self._let_go)

    # -- asking -----------------------------------------------------------------------------------------------------
    def compare(
        self,
        messages: Prompt | Sequence[Prompt],
        columns: Sequence[str],
        options: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        model: ModelSection | None = None,
        *,
        cancel: threading.Event | Sequence[threading.Event] | None = None,
        tools: Any = None,
        endpoint: remote.Endpoint | None = None,
        begun: Sequence[str | tuple[int, ...]] | None = None,
    ) -> Iterator[Delta]:
        """One conversation answered by every column, about ten updates a second.

        messages: one prompt for all, or one list of messages per column (each with its own earlier answers).
        columns: names as chat/columns.py has them. options: ChatOptions, for all or one per column. cancel: likewise.
        endpoint: where remote columns are asked; by default what the environment says. begun: per column the beginning
        of its answer (token ids, or text), which then goes on from there; remote columns cannot.
        A column that cannot answer gets a Delta with its problem; the others go on. Raises UserError for what
        concerns all of them: the model, the options, the conversation. Closing the iterator stops the answer.
        """
        chosen = options_of(options, len(columns))
        turns = [
            _messages(history, own.system)
            for history, own in zip(histories(messages, len(columns)), chosen, strict=True)
        ]
        closed = threading.Event()
        events = [cancel] * len(columns) if isinstance(cancel, threading.Event) or cancel is None else list(cancel)

        def cancelled(column: int) -> bool:
            event = events[column]
            return closed.is_set() or self._worker.closed.is_set() or (event is not None and event.is_set())

        cells = [Cell(column, turns[column]) for column in range(len(columns))]
        for cell, beginning in zip(cells, begun or (), strict=False):
            cell.begun = beginning
        request = Request(cells, parsed(columns), chosen, model or ModelSection(), cancelled, tools)
        return self._stream(request, closed, endpoint)

    def answer(
        self,
        prompts: Sequence[Prompt],
        columns: Sequence[str],
        options: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        model: ModelSection | None = None,
        *,
        cancel: threading.Event | None = None,
        on_answer: Callable[[int, int, Delta], None] | None = None,
        endpoint: remote.Endpoint | None = None,
    ) -> list[list[str]]:
        """answers[prompt][column], in as few batches as there is room for. Raises UserError if a column cannot.

        on_answer: told (prompt, column, the last Delta) of each answer that is whole, for progress; with it a column
        that cannot answer is told there, once per prompt, instead of raised.
        """
        chosen = options_of(options, len(columns))
        cells = [
            Cell(column, _messages(asked, own.system), prompt)
            for column, own in enumerate(chosen)
            for prompt, asked in enumerate(prompts)
        ]
        closed = threading.Event()

        def cancelled(column: int) -> bool:
            return closed.is_set() or self._worker.closed.is_set() or (cancel is not None and cancel.is_set())

        request = Request(cells, parsed(columns), chosen, model or ModelSection(), cancelled)
        for delta in self._stream(request, closed, endpoint):
            if on_answer is not None and delta.done:
                for prompt in [delta.prompt] if delta.prompt is not None else range(len(prompts)):
                    on_answer(prompt, delta.column, delta)
            elif delta.problem is not None:
                raise delta.problem
        answers = [[""] * len(columns) for _ in prompts]
        for cell in cells:
            answers[cell.prompt][cell.column] = cell.answer
        return answers

    def columns(self) -> list[dict[str, Any]]:
        """What can be asked now: the base, the runs that train here, then adapters and checkpoints, newest first."""
        refs = [adapters.BASE, *adapters.find(self.home)]
        listed = [{"name": ref.name, "run": ref.run, "step": ref.step, "base": ref.base} for ref in refs]
        live = [
            {"name": f"{run}{naming.NOW}", "run": run, "step": step, "base": ""}
            for run, step in self.hub.live.names().items()
        ]
        return [*listed[:1], *live, *listed[1:]]

    def tokenizer(self, path: str) -> Any:
        """Of the model in a folder, as a Delta's `base` names it."""
        return self.hub.tokenizer(ModelSection(path=path))

    # -- memory and end ---------------------------------------------------------------------------------------------
    def resident(self) -> list[dict[str, Any]]:
        """The base models in memory, with how many adapters are attached to each."""
        return [
            {
                "key": _mark(base.key),
                "name": base.name,
                "memory_bytes": base.memory_bytes,
                "adapters": resident.count() if (resident := self._residents.get(base.key)) else 0,
            }
            for base in self.hub.resident()
        ]

    def load(
        self,
        model: ModelSection | None = None,
        *,
        progress: Callable[[float], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> None:
        """Have a base model ready before anybody asks; waits until it is. Raises UserError, also when cancelled."""

        def report(done: float) -> None:
            if cancel is not None and cancel.is_set():
                raise UserError("engine.load_cancelled")
            if progress is not None:
                progress(done)

        self.hub.load(model or ModelSection(), progress=report)
        self._worker.call(lambda: self._resident(model or ModelSection()))

    def unload_key(self, key: str) -> int:
        """Drop the base model that `resident` lists under this key; returns the bytes that the process gave back."""
        import psutil

        process, keys = psutil.Process(), [base.key for base in self.hub.resident() if _mark(base.key) == key]
        before = process.memory_info().rss

        def drop() -> None:
            for each in keys:
                self._residents.pop(each, None)
                self.hub.unload(each)

        self._worker.call(drop)
        return max(0, before - process.memory_info().rss)

    def unload(self, model: ModelSection | None = None) -> None:
        """Drop a base model (all without one) with the chat's trees over it, and return its memory."""
        wanted = None if model is None else self.hub.resolve_path(model.path)

        def drop() -> None:
            for base in self.hub.resident():
                if wanted is None or base.path == wanted:
                    self._residents.pop(base.key, None)
                    self.hub.unload(base.key)

        self._worker.call(drop)

    def close(self) -> None:
        """Stop what is being answered and end the thread. A closed engine answers nothing more."""
        self._worker.close()

    # -- the caller's side of the queue -----------------------------------------------------------------------------
    def _stream(self, request: Request, closed: threading.Event, endpoint: remote.Endpoint | None) -> Iterator[Delta]:
        """News of all columns until each worker (the engine's thread, one thread per remote column) is done."""
        away = request.away()
        workers = [cell for cell in request.cells if cell.column in away]
        count = len(workers)
        if self._worker.closed.is_set():
            raise UserError("engine.closed")
        if len(workers) < len(request.cells):
            self._worker.post(_Asked(self._work, request))
            count += 1
        for cell in workers:

            def ask(cell: Cell = cell) -> None:
                try:
                    remote.answer(request, cell, away[cell.column], endpoint, UPDATE_SECONDS)
                except Exception as error:
                    request.news.put(error)
                request.news.put(None)

            threading.Thread(target=ask, name="remote column", daemon=True).start()
        try:
            while count:
                news = request.news.get()
                if news is None:
                    count -= 1
                elif isinstance(news, Exception):
                    raise news
                else:
                    yield news
        finally:
            closed.set()

    def _work(self, request: Request) -> None:
        try:
            if self._worker.closed.is_set():
                raise UserError("engine.closed")
            self._answer(request)
        except Exception as error:
            request.news.put(error)
        request.news.put(None)

    def _let_go(self, key: tuple[Any, ...]) -> None:
        """A base model left the hub: our trees over it would keep its tensors."""
        self._worker.soon(lambda: self._residents.pop(key, None))

    # -- the engine's thread ----------------------------------------------------------------------------------------
    def _answer(self, request: Request) -> None:
        """All columns of the chat's own base in one go, then those that are whole models of their own."""
        groups: dict[str, dict[int, Located]] = {}
        away = request.away()
        for number, column in enumerate(request.columns):
            if number in away:
                continue
            try:
                if isinstance(column, WorkbenchError):
                    raise column
                located = naming.locate(self.home, column.name, foreign=self._foreign, snapshot=self.hub.live.snapshot)
            except UserError as error:
                request.refuse([number], error)
                continue
            groups.setdefault(located.model, {})[number] = located
        for model in sorted(groups):  # "", the chat's base, comes first
            section = request.model.model_copy(update={"path": model}) if model else request.model
            try:
                resident = self._resident(section)
            except UserError as error:
                if not model:  # it concerns the whole request
                    raise
                request.refuse(list(groups[model]), error)
                continue
            guests = partial(self._guest, request, resident) if not model else lambda room: None
            batches.answer(request, resident, groups[model], UPDATE_SECONDS, guests)

    def _guest(self, host: Request, resident: Resident, room: int) -> tuple[Any, Any, Any] | None:
        """The request that waits next, taken out of the queue when it can be answered in the batch that runs."""
        waiting = self._worker.next()
        if not isinstance(waiting, _Asked) or waiting.alone or len(waiting.request.cells) > room:
            return None
        request = waiting.request
        if request.model != host.model or request.away():
            return None
        try:
            names = [column.name for column in request.columns]  # AttributeError: no column's name
            found = [naming.locate(self.home, name, foreign=self._foreign) for name in names if naming.NOW not in name]
        except (AttributeError, UserError):
            found = []
        seats = resident.guest_seats(found) if len(found) == len(request.columns) else None
        if seats is None or any(each.model for each in found):
            waiting.alone = True  # it takes its turn, where it is also told what is wrong
            return None
        self._worker.drop()
        return request, dict(enumerate(found)), dict(enumerate(seats))

    def _resident(self, model: ModelSection) -> Resident:
        from workbench.chat.residents import Resident

        base = self.hub.load(model)
        found = self._residents.get(base.key)
        if found is None or found.base is not base:  # unloaded and loaded again by somebody else
            found = self._residents[base.key] = Resident(base)
        return found


class _Asked:
    """A request in the queue."""

    def __init__(self, work: Callable[[Request], None], request: Request) -> None:
        self._work, self.request = work, request
        self.alone = False  # it cannot join another's batch

    def __call__(self) -> None:
        self._work(self.request)


_messages = messages  # `messages` is the contract's name of an argument of compare


def _mark(key: tuple[Any, ...]) -> str:
    """A key that may be seen by a page: no path of this machine in it."""
    import hashlib

    return hashlib.sha256(repr(key).encode()).hexdigest()[:16]
