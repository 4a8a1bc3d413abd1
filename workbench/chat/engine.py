"""A conversation and columns -> their answers, streamed: the one thread that owns the chat's module trees."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.chat import columns as naming
from workbench.chat import remote
from workbench.chat.columns import Column, Located
from workbench.chat.prompts import ChatOptions, Prompt, fit, messages, window
from workbench.chat.request import Cell, Delta, Request
from workbench.chat.telling import Telling
from workbench.errors import UserError, WorkbenchError
from workbench.models import adapters
from workbench.specs import check
from workbench.specs.model import ModelSection

if TYPE_CHECKING:
    from workbench.chat.residents import Resident, Seat
    from workbench.models.hub import Base, Hub

UPDATE_SECONDS = 0.1
ROWS_AT_ONCE = 32
_ONE_THREAD_PARAMETERS = 100_000_000  # below, threads wait for each other longer than they compute

__all__ = ["Delta", "Engine"]


class Engine:
    """Answers one request after the other in a thread of its own, so that no two ever meet in one tree."""

    def __init__(self, hub: Hub, home: Path, *, foreign: bool = True) -> None:
        """foreign: whether a column may be a path that leads out of the workspace."""
        self.hub = hub
        self.home = Path(home)
        self._foreign = foreign
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._inbox: queue.SimpleQueue = queue.SimpleQueue()  # callables; None: leave
        self._residents: dict[tuple[Any, ...], Resident] = {}  # the thread's own
        self._closed = threading.Event()
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
        chosen = _options(options, len(columns))
        histories = _per_column(messages, len(columns))
        turns = [_messages(history, own.system) for history, own in zip(histories, chosen, strict=True)]
        closed = threading.Event()
        events = [cancel] * len(columns) if isinstance(cancel, threading.Event) or cancel is None else list(cancel)

        def cancelled(column: int) -> bool:
            event = events[column]
            return closed.is_set() or self._closed.is_set() or (event is not None and event.is_set())

        cells = [Cell(column, turns[column]) for column in range(len(columns))]
        for cell, beginning in zip(cells, begun or (), strict=False):
            cell.begun = beginning
        request = Request(cells, _parsed(columns), chosen, model or ModelSection(), cancelled, tools)
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
        chosen = _options(options, len(columns))
        histories = [[_messages(prompt, own.system) for prompt in prompts] for own in chosen]
        cells = [
            Cell(column, turn, prompt)
            for column in range(len(columns))
            for prompt, turn in enumerate(histories[column])
        ]
        closed = threading.Event()

        def cancelled(column: int) -> bool:
            return closed.is_set() or self._closed.is_set() or (cancel is not None and cancel.is_set())

        request = Request(cells, _parsed(columns), chosen, model or ModelSection(), cancelled)
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
        self._call(lambda: self._resident(model or ModelSection()))

    def unload_key(self, key: str) -> int:
        """Drop the base model that `resident` lists under this key; returns the bytes that the process gave back."""
        import psutil

        process, keys = psutil.Process(), [base.key for base in self.hub.resident() if _mark(base.key) == key]
        before = process.memory_info().rss

        def drop() -> None:
            for each in keys:
                self._residents.pop(each, None)
                self.hub.unload(each)

        self._call(drop)
        return max(0, before - process.memory_info().rss)

    def unload(self, model: ModelSection | None = None) -> None:
        """Drop a base model (all without one) with the chat's trees over it, and return its memory."""
        wanted = None if model is None else self.hub.resolve_path(model.path)

        def drop() -> None:
            for base in self.hub.resident():
                if wanted is None or base.path == wanted:
                    self._residents.pop(base.key, None)
                    self.hub.unload(base.key)

        self._call(drop)

    def close(self) -> None:
        """Stop what is being answered and end the thread. A closed engine answers nothing more."""
        with self._lock:
            self._closed.set()
            thread = self._thread
        if thread is not None:
            self._inbox.put(None)
            thread.join()

    # -- the caller's side of the queue -----------------------------------------------------------------------------
    def _stream(self, request: Request, closed: threading.Event, endpoint: remote.Endpoint | None) -> Iterator[Delta]:
        """News of all columns until each worker (the engine's thread, one thread per remote column) is done."""
        away = {number: column.remote for number, column in enumerate(request.columns) if _is_remote(column)}
        workers = [cell for cell in request.cells if cell.column in away]
        count = len(workers)
        if self._closed.is_set():
            raise UserError("engine.closed")
        if len(workers) < len(request.cells):
            self._post(lambda: self._work(request))
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
            if self._closed.is_set():
                raise UserError("engine.closed")
            self._answer(request)
        except Exception as error:
            request.news.put(error)
        request.news.put(None)

    def _call(self, function: Callable[[], object]) -> None:
        """Run something between two requests, in the engine's thread; its error is raised here."""
        outcome: queue.SimpleQueue = queue.SimpleQueue()

        def work() -> None:
            try:
                function()
            except Exception as error:
                outcome.put(error)
            outcome.put(None)

        self._post(work)
        error = outcome.get()
        if error is not None:
            raise error

    def _let_go(self, key: tuple[Any, ...]) -> None:
        """A base model left the hub: our trees over it would keep its tensors."""
        if threading.current_thread() is self._thread:
            self._residents.pop(key, None)
        elif self._thread is not None and not self._closed.is_set():
            self._inbox.put(lambda: self._residents.pop(key, None))

    def _post(self, work: Callable[[], None]) -> None:
        with self._lock:
            if self._closed.is_set():
                raise UserError("engine.closed")
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="chat-engine", daemon=True)
                self._thread.start()
            self._inbox.put(work)

    # -- the engine's thread ----------------------------------------------------------------------------------------
    def _serve(self) -> None:
        while (work := self._inbox.get()) is not None:
            work()
        self._residents.clear()

    def _answer(self, request: Request) -> None:
        """All columns of the chat's own base in one go, then those that are whole models of their own."""
        groups: dict[str, dict[int, Located]] = {}
        for number, column in enumerate(request.columns):
            if _is_remote(column):
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
            self._answer_on(request, resident, groups[model])

    def _answer_on(self, request: Request, resident: Resident, columns: Mapping[int, Located]) -> None:
        """The columns over one base model."""
        base = resident.base
        seats = dict(zip(columns, resident.seats(list(columns.values())), strict=True))
        cells, refused = [], set()
        for cell in request.cells:
            if cell.column not in columns:
                continue
            seat, options = seats[cell.column], request.options[cell.column]
            try:
                if isinstance(seat, UserError):
                    raise seat
                cell.step = columns[cell.column].step
                tokenizer = seat.tokenizer or base.tokenizer
                cell.ids, cell.cut = fit(
                    cell.turns, tokenizer, window(base.model), options.max_tokens, options.template, request.tools
                )
                if isinstance(cell.begun, str):
                    cell.begun = tuple(tokenizer(cell.begun, add_special_tokens=False)["input_ids"])
                if len(cell.ids) + len(cell.begun) >= window(base.model):
                    raise UserError("engine.window_full", window=window(base.model))
            except UserError as error:
                if isinstance(seat, UserError):
                    if cell.column not in refused:
                        refused.add(cell.column)
                        request.refuse([cell.column], error)
                else:
                    request.news.put(Delta(cell.column, "", True, error, prompt=cell.prompt))
                continue
            cells.append(cell)
        for batch in _batches(cells, seats):
            self._answer_batch(request, resident, batch, seats)

    def _resident(self, model: ModelSection) -> Resident:
        from workbench.chat.residents import Resident

        base = self.hub.load(model)
        found = self._residents.get(base.key)
        if found is None or found.base is not base:  # unloaded and loaded again by somebody else
            found = self._residents[base.key] = Resident(base)
        return found

    def _answer_batch(
        self, request: Request, resident: Resident, cells: list[Cell], seats: Mapping[int, Seat | UserError]
    ) -> None:
        from workbench.models.generate import Sampling, generate

        base, seat = resident.base, seats[cells[0].column]
        if seat.tokenizer is not None:  # one seat, or seats of one tree
            base = replace(base, tokenizer=seat.tokenizer)
        options = [request.options[cell.column] for cell in cells]
        tree = seat.tree
        room = window(base.model)
        samplings = [
            Sampling(
                own.temperature,
                own.top_p,
                min(own.max_tokens, room - len(cell.ids) - len(cell.begun)),
                own.seed,
                len(cell.begun),
            )
            for own, cell in zip(options, cells, strict=True)
        ]
        telling = Telling(request, cells, samplings, base, UPDATE_SECONDS)
        chosen = None if tree is not None else [seats[cell.column].adapter for cell in cells]
        try:
            with _threads(base):
                generate(
                    tree if tree is not None else resident.tree,
                    base.tokenizer,
                    [[*cell.ids, *cell.begun] for cell in cells],
                    adapters=chosen,
                    sampling=samplings,
                    on_tokens=telling.tokens,
                    stop=lambda row: request.cancelled(cells[row].column),
                    on_scored=telling.scored if any(own.logprobs >= 0 for own in options) else None,
                    likeliest=max(0, *(own.logprobs for own in options)),
                )
        except (MemoryError, RuntimeError) as error:
            if not isinstance(error, MemoryError) and "out of memory" not in str(error):
                raise
            from workbench.models.hub import release_memory

            del error
            release_memory()
            telling.failed(WorkbenchError("engine.out_of_memory"))


def _per_column(prompt: Any, count: int) -> list[Any]:
    """One history per column. A list of lists is one per column, anything else is for all of them."""
    if not isinstance(prompt, str) and prompt and all(isinstance(item, (list, tuple)) for item in prompt):
        if len(prompt) != count:
            raise UserError("engine.history_count", histories=len(prompt), columns=count)
        return list(prompt)
    return [prompt] * count


_messages = messages  # `messages` is the contract's name of an argument of compare


def _mark(key: tuple[Any, ...]) -> str:
    """A key that may be seen by a page: no path of this machine in it."""
    import hashlib

    return hashlib.sha256(repr(key).encode()).hexdigest()[:16]


def _options(given: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None, count: int) -> list[ChatOptions]:
    """One per column. Raises UserError for a value that no answer can have."""
    if not count:
        raise UserError("engine.no_columns")
    if given is None or isinstance(given, Mapping):
        return [check(ChatOptions, given or {})] * count
    if len(given) != count:
        raise UserError("engine.option_count", options=len(given), columns=count)
    return [check(ChatOptions, own) for own in given]


def _parsed(columns: Sequence[str]) -> list[Column | WorkbenchError]:
    found: list[Column | WorkbenchError] = []
    for name in columns:
        try:
            found.append(naming.parse(name))
        except UserError as error:
            found.append(error)
    return found


def _is_remote(column: Column | WorkbenchError) -> bool:
    return isinstance(column, Column) and bool(column.remote)


def _batches(cells: Sequence[Cell], seats: Mapping[int, Seat | UserError]) -> list[list[Cell]]:
    """Cells that one forward pass can answer: those of the shared tree together, those of each own tree."""
    together: dict[Any, list[Cell]] = {}
    for cell in cells:
        seat = seats[cell.column]
        together.setdefault(id(cell) if seat.single else id(seat.tree), []).append(cell)
    return [
        rows[start : start + ROWS_AT_ONCE] for rows in together.values() for start in range(0, len(rows), ROWS_AT_ONCE)
    ]


@contextmanager
def _threads(base: Base) -> Iterator[None]:
    """A small model's operations are too short for several cores; the number belongs to the calling thread."""
    import torch

    before = torch.get_num_threads()
    if base.device.type == "cpu" and base.model.num_parameters() < _ONE_THREAD_PARAMETERS:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
