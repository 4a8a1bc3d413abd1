"""A conversation and columns -> their answers, streamed: the one thread that owns the chat's module trees."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.chat.prompts import ChatOptions, Prompt, fit, messages, window
from workbench.data.records import Message
from workbench.errors import UserError, WorkbenchError
from workbench.models import adapters
from workbench.specs import check
from workbench.specs.model import ModelSection

if TYPE_CHECKING:
    from workbench.chat.residents import Resident, Seat
    from workbench.models.generate import Sampling, Scored
    from workbench.models.hub import Base, Hub

UPDATE_SECONDS = 0.1
ROWS_AT_ONCE = 32
_ONE_THREAD_PARAMETERS = 100_000_000  # below, threads wait for each other longer than they compute


@dataclass(frozen=True)
class Delta:
    """News of one column. The last one of each column has done=True."""

    column: int
    text: str  # the whole answer so far
    done: bool = False
    problem: WorkbenchError | None = None  # why this column has no answer; the page says it in its language
    tokens: int = 0
    seconds: float = 0.0  # since the column's batch began, its prompt included
    first_seconds: float = 0.0  # until the first token
    cut: int = 0  # oldest messages left out because the conversation outgrew the model's window
    finish: str = ""  # "stop", "length" or "cancelled", when done
    prompt_tokens: int = 0
    scored: tuple[Scored, ...] = ()  # one per token so far, when options.logprobs asks for them

    @property
    def error(self) -> str | None:
        """The problem in English."""
        return str(self.problem) if self.problem else None


@dataclass
class _Cell:
    """One answer to be made."""

    column: int
    turns: Sequence[Message]
    prompt: int = 0
    ids: list[int] = field(default_factory=list)
    cut: int = 0
    answer: str = ""


@dataclass
class _Request:
    cells: list[_Cell]
    columns: Sequence[str]
    options: ChatOptions
    model: ModelSection
    cancelled: Callable[[int], bool]  # asked per column
    tools: Any = None
    news: queue.SimpleQueue = field(default_factory=queue.SimpleQueue)  # Delta, Exception, or None at the end


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

    # -- asking -----------------------------------------------------------------------------------------------------
    def compare(
        self,
        messages: Prompt | Sequence[Prompt],
        columns: Sequence[str],
        options: Mapping[str, Any] | None = None,
        model: ModelSection | None = None,
        *,
        cancel: threading.Event | Sequence[threading.Event] | None = None,
        tools: Any = None,
    ) -> Iterator[Delta]:
        """One conversation answered by every column, about ten updates a second.

        messages: one prompt for all, or one list of messages per column (each with its own earlier answers).
        columns: "base", RUN, RUN/checkpoint-N or a path. options: ChatOptions. cancel: for all, or one per column.
        A column that cannot answer gets a Delta with its problem; the others go on. Raises UserError for what
        concerns all of them: the model, the options, the conversation. Closing the iterator stops the answer.
        """
        chosen = check(ChatOptions, options or {})
        if not columns:
            raise UserError("engine.no_columns")
        histories = _per_column(messages, len(columns))
        turns = [_messages(history, chosen.system) for history in histories]
        closed = threading.Event()
        events = [cancel] * len(columns) if isinstance(cancel, threading.Event) or cancel is None else list(cancel)

        def cancelled(column: int) -> bool:
            event = events[column]
            return closed.is_set() or self._closed.is_set() or (event is not None and event.is_set())

        cells = [_Cell(column, turns[column]) for column in range(len(columns))]
        request = _Request(cells, list(columns), chosen, model or ModelSection(), cancelled, tools)
        return self._stream(request, closed)

    def answer(
        self,
        prompts: Sequence[Prompt],
        columns: Sequence[str],
        options: Mapping[str, Any] | None = None,
        model: ModelSection | None = None,
        *,
        cancel: threading.Event | None = None,
    ) -> list[list[str]]:
        """answers[prompt][column], in as few batches as there is room for. Raises UserError if a column cannot."""
        chosen = check(ChatOptions, options or {})
        if not columns:
            raise UserError("engine.no_columns")
        turns = [_messages(prompt, chosen.system) for prompt in prompts]
        cells = [
            _Cell(column, turn, prompt) for column in range(len(columns)) for prompt, turn in enumerate(turns)
        ]
        closed = threading.Event()

        def cancelled(column: int) -> bool:
            return closed.is_set() or self._closed.is_set() or (cancel is not None and cancel.is_set())

        request = _Request(cells, list(columns), chosen, model or ModelSection(), cancelled)
        for delta in self._stream(request, closed):
            if delta.problem is not None:
                raise delta.problem
        answers = [[""] * len(columns) for _ in prompts]
        for cell in cells:
            answers[cell.prompt][cell.column] = cell.answer
        return answers

    def columns(self) -> list[dict[str, Any]]:
        """What can be asked now: the base, then every adapter and checkpoint of the workspace, newest first."""
        refs = [adapters.BASE, *adapters.find(self.home)]
        return [{"name": ref.name, "run": ref.run, "step": ref.step, "base": ref.base} for ref in refs]

    # -- memory and end ---------------------------------------------------------------------------------------------
    def resident(self) -> list[dict[str, Any]]:
        """The base models in memory."""
        return [{"name": base.name, "memory_bytes": base.memory_bytes} for base in self.hub.resident()]

    def load(self, model: ModelSection | None = None, *, progress: Callable[[float], None] | None = None) -> None:
        """Have a base model ready before anybody asks; waits until it is. Raises UserError."""
        self.hub.load(model or ModelSection(), progress=progress)
        self._call(lambda: self._resident(model or ModelSection()))

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
    def _stream(self, request: _Request, closed: threading.Event) -> Iterator[Delta]:
        def work() -> None:
            try:
                if self._closed.is_set():
                    raise UserError("engine.closed")
                self._answer(request)
            except Exception as error:
                request.news.put(error)
            request.news.put(None)

        self._post(work)
        try:
            while (news := request.news.get()) is not None:
                if isinstance(news, Exception):
                    raise news
                yield news
        finally:
            closed.set()

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

    def _answer(self, request: _Request) -> None:
        resident = self._resident(request.model)
        base = resident.base
        seats = resident.seats([self._located(name) for name in request.columns])
        cells, refused = [], set()
        for cell in request.cells:
            seat = seats[cell.column]
            try:
                if isinstance(seat, UserError):
                    raise seat
                options = request.options
                cell.ids, cell.cut = fit(
                    cell.turns, base.tokenizer, window(base.model), options.max_tokens, options.template, request.tools
                )
            except UserError as error:
                if cell.column not in refused:
                    refused.add(cell.column)
                    request.news.put(Delta(cell.column, "", True, error))
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

    def _located(self, name: str) -> adapters.AdapterRef | UserError:
        try:
            return adapters.locate(self.home, name, foreign=self._foreign)
        except UserError as error:
            return error

    def _answer_batch(
        self, request: _Request, resident: Resident, cells: list[_Cell], seats: Sequence[Seat | UserError]
    ) -> None:
        from workbench.models.generate import Sampling, generate

        options, base = request.options, resident.base
        own = seats[cells[0].column].tree
        room = window(base.model)
        samplings = [
            Sampling(options.temperature, options.top_p, min(options.max_tokens, room - len(cell.ids)), options.seed)
            for cell in cells
        ]
        telling = _Telling(request, cells, samplings, base.tokenizer)
        chosen = None if own is not None else [seats[cell.column].adapter for cell in cells]
        try:
            with _threads(base):
                generate(
                    own if own is not None else resident.tree,
                    base.tokenizer,
                    [cell.ids for cell in cells],
                    adapters=chosen,
                    sampling=samplings,
                    on_tokens=telling.tokens,
                    stop=lambda row: request.cancelled(cells[row].column),
                    on_scored=telling.scored if options.logprobs >= 0 else None,
                    likeliest=max(0, options.logprobs),
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


def _batches(cells: Sequence[_Cell], seats: Sequence[Seat | UserError]) -> list[list[_Cell]]:
    """Cells that one forward pass can answer: those of the shared tree together, those of each own tree."""
    together: dict[Any, list[_Cell]] = {}
    for cell in cells:
        seat = seats[cell.column]
        together.setdefault(id(cell) if seat.single else id(seat.tree), []).append(cell)
    return [
        rows[start : start + ROWS_AT_ONCE] for rows in together.values() for start in range(0, len(rows), ROWS_AT_ONCE)
    ]


class _Telling:
    """Tokens of a batch -> Deltas: at most ten a second and only for columns with news, the last one at once."""

    def __init__(self, request: _Request, cells: list[_Cell], samplings: Sequence[Sampling], tokenizer: Any) -> None:
        self._request, self._cells, self._samplings, self._tokenizer = request, cells, samplings, tokenizer
        self._began = time.perf_counter()
        self._next = 0.0
        self._first = 0.0
        self._told = [0] * len(cells)
        self._ended = [False] * len(cells)
        self._scores: list[list[Scored]] = [[] for _ in cells]

    def scored(self, row: int, score: Scored) -> None:
        self._scores[row].append(score)

    def tokens(self, answers: list[list[int]], done: list[bool]) -> None:
        now = time.perf_counter() - self._began
        self._first = self._first or now
        due = now >= self._next
        if due:
            self._next = now + UPDATE_SECONDS
        for row, ids in enumerate(answers):
            if done[row] and not self._ended[row]:
                self._ended[row] = True
                self._tell(row, ids, now, self._finish(row, ids))
            elif due and not done[row] and len(ids) > self._told[row]:
                self._told[row] = len(ids)
                self._tell(row, ids, now)

    def failed(self, problem: WorkbenchError) -> None:
        for cell, ended in zip(self._cells, self._ended, strict=True):
            if not ended:
                self._request.news.put(Delta(cell.column, "", True, problem))

    def _finish(self, row: int, ids: list[int]) -> str:
        if len(ids) >= self._samplings[row].max_tokens:
            return "length"
        return "cancelled" if self._request.cancelled(self._cells[row].column) else "stop"

    def _tell(self, row: int, ids: list[int], seconds: float, finish: str = "") -> None:
        cell = self._cells[row]
        text = self._tokenizer.decode(ids, skip_special_tokens=True).strip()
        if finish:
            cell.answer = text
        else:
            text = text.rstrip("\ufffd")  # half a character: its other bytes are still to come
        self._request.news.put(
            Delta(
                cell.column, text, bool(finish), None, len(ids), seconds, self._first, cell.cut, finish,
                len(cell.ids), tuple(self._scores[row]),
            )
        )  # fmt: skip


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
