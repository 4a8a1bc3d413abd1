"""The columns of a request over one base model -> their answers, in as few forward passes as can share one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.chat.columns import Located
from workbench.chat.prompts import fit, window
from workbench.chat.request import Cell, Delta, Request
from workbench.chat.telling import Telling
from workbench.errors import UserError, WorkbenchError

if TYPE_CHECKING:
    from workbench.chat.residents import Resident, Seat
    from workbench.models.generate import Sampling
    from workbench.models.hub import Base

ROWS_AT_ONCE = 32
GUEST_ROWS = 8  # beyond them, of requests that join
_ONE_THREAD_PARAMETERS = 100_000_000  # below, threads wait for each other longer than they compute


# Asked between two tokens how a request that came meanwhile can take part: (request, its columns, their seats), with
# at most so many rows; None for none.
Guests = Callable[[int], tuple[Request, Mapping[int, Located], Mapping[int, Any]] | None]


def answer(
    request: Request,
    resident: Resident,
    columns: Mapping[int, Located],
    update_seconds: float,
    guests: Guests = lambda room: None,
) -> None:
    """Answers and refusals go to the request's news. columns: number -> what it is.

    guests: requests that take part in a batch of the shared tree while it runs; each gets its None when it is whole.
    """
    seats = dict(zip(columns, resident.seats(list(columns.values())), strict=True))
    for batch in _batches(_cells(request, resident, columns, seats), seats):
        if seats[batch[0].column].tree is None:
            _answer_shared(request, resident, batch, seats, update_seconds, guests)
        else:
            _answer_batch(request, resident, batch, seats, update_seconds)


def _cells(
    request: Request, resident: Resident, columns: Mapping[int, Located], seats: Mapping[int, Any]
) -> list[Cell]:
    """Those that can be answered; the others are told why not."""
    cells = []
    for number, seat in seats.items():
        own = [cell for cell in request.cells if cell.column == number]
        if isinstance(seat, UserError):
            request.refuse([number], seat)
            continue
        for cell in own:
            cell.step = columns[number].step
            try:
                _fit(request, cell, seat, resident.base)
            except UserError as error:
                request.news.put(Delta(number, "", True, error, prompt=cell.prompt))
                continue
            cells.append(cell)
    return cells


class _Party:
    """The cells of one request among the rows of a batch."""

    def __init__(
        self, request: Request, cells: list[Cell], seats: Mapping[int, Any], base: Base, update_seconds: float
    ) -> None:
        from workbench.models.rolling import Row

        samplings = _samplings(request, cells, base)
        self.request = request
        self.telling = Telling(request, cells, samplings, base, update_seconds)
        self.rows = [
            Row(
                [*cell.ids, *cell.begun],
                seats[cell.column].adapter,
                sampling,
                lambda cell=cell: request.cancelled(cell.column),
                request.options[cell.column].logprobs,
            )
            for cell, sampling in zip(cells, samplings, strict=True)
        ]
        self._scored = [0] * len(cells)

    def tell(self) -> bool:
        """Whether all rows are done."""
        for place, row in enumerate(self.rows):
            for each in row.scored[self._scored[place] :]:
                self.telling.scored(place, each)
            self._scored[place] = len(row.scored)
        done = [row.done for row in self.rows]
        self.telling.tokens([row.ids for row in self.rows], done)
        return all(done)


def _answer_shared(
    request: Request,
    resident: Resident,
    cells: list[Cell],
    seats: Mapping[int, Any],
    update_seconds: float,
    guests: Guests,
) -> None:
    """One batch over the shared tree, which those who come meanwhile join: a long answer keeps nobody waiting."""
    from workbench.models.generate import end_tokens
    from workbench.models.rolling import NotJoined, Rolling

    base = resident.base
    host = _Party(request, cells, seats, base, update_seconds)
    parties = [host]
    try:
        pad_id, ends = base.tokenizer.pad_token_id or 0, end_tokens(resident.tree, base.tokenizer)
        with _threads(base), Rolling(resident.tree, pad_id, ends) as batch:
            batch.join(host.rows)
            while parties:
                batch.choose()
                for party in [party for party in parties if party.tell()]:
                    parties.remove(party)
                    if party is not host:
                        party.request.news.put(None)
                if not parties:
                    break
                batch.advance()
                while batch.takes_more and (guest := guests(ROWS_AT_ONCE + GUEST_ROWS - batch.open)) is not None:
                    party = _welcomed(*guest, resident, update_seconds)
                    if party is None:
                        continue
                    try:
                        parties.append(party)
                        batch.join(party.rows)
                    except NotJoined as error:
                        parties.remove(party)
                        _tell_failure(party, error.__cause__)
    except Exception as error:
        for party in parties:
            if party is not host:
                _tell_failure(party, error)
        if not _is_short(error):
            raise
        host.telling.failed(WorkbenchError("engine.out_of_memory"))
        from workbench.models.hub import release_memory

        del error
        release_memory()


def _is_short(error: BaseException | None) -> bool:
    """Of memory."""
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "out of memory" in str(error))


def _tell_failure(guest: _Party, error: BaseException | None) -> None:
    if _is_short(error):
        guest.telling.failed(WorkbenchError("engine.out_of_memory"))
    else:
        guest.request.news.put(error)
    guest.request.news.put(None)


def _welcomed(
    request: Request, columns: Mapping[int, Located], seats: Mapping[int, Any], resident: Resident, seconds: float
) -> _Party | None:
    """A guest's rows; None when it has none. What goes wrong with them is told to the guest and harms nobody else."""
    try:
        if cells := _cells(request, resident, columns, seats):
            return _Party(request, cells, seats, resident.base, seconds)
    except Exception as error:
        request.news.put(error)
    request.news.put(None)
    return None


def _samplings(request: Request, cells: Sequence[Cell], base: Base) -> list[Sampling]:
    from workbench.models.generate import Sampling

    room = window(base.model)
    return [
        Sampling(
            own.temperature,
            own.top_p,
            min(own.max_tokens, room - len(cell.ids) - len(cell.begun)),
            own.seed,
            len(cell.begun),
        )
        for cell in cells
        for own in [request.options[cell.column]]
    ]


def _fit(request: Request, cell: Cell, seat: Seat, base: Base) -> None:
    """The ids that the cell's model goes on from. Raises UserError when the window has no room for an answer."""
    options, tokenizer = request.options[cell.column], seat.tokenizer or base.tokenizer
    room = window(base.model)
    cell.ids, cell.cut = fit(cell.turns, tokenizer, room, options.max_tokens, options.template, request.tools)
    if isinstance(cell.begun, str):
        cell.begun = tuple(tokenizer(cell.begun, add_special_tokens=False)["input_ids"])
    if len(cell.ids) + len(cell.begun) >= room:
        raise UserError("engine.window_full", window=room)


def _batches(cells: Sequence[Cell], seats: Mapping[int, Any]) -> list[list[Cell]]:
    """Cells that one forward pass can answer: those of the shared tree together, those of each own tree."""
    together: dict[Any, list[Cell]] = {}
    for cell in cells:
        seat = seats[cell.column]
        together.setdefault(id(cell) if seat.single else id(seat.tree), []).append(cell)
    return [
        rows[start : start + ROWS_AT_ONCE] for rows in together.values() for start in range(0, len(rows), ROWS_AT_ONCE)
    ]


def _answer_batch(
    request: Request, resident: Resident, cells: list[Cell], seats: Mapping[int, Any], update_seconds: float
) -> None:
    from workbench.models.generate import generate

    base, seat = resident.base, seats[cells[0].column]
    if seat.tokenizer is not None:  # one seat, or seats of one tree
        base = replace(base, tokenizer=seat.tokenizer)
    options = [request.options[cell.column] for cell in cells]
    samplings = _samplings(request, cells, base)
    telling = Telling(request, cells, samplings, base, update_seconds)
    try:
        with _threads(base):
            generate(
                seat.tree,
                base.tokenizer,
                [[*cell.ids, *cell.begun] for cell in cells],
                sampling=samplings,
                on_tokens=telling.tokens,
                stop=lambda row: request.cancelled(cells[row].column),
                on_scored=telling.scored if any(own.logprobs >= 0 for own in options) else None,
                likeliest=max(0, *(own.logprobs for own in options)),
            )
    except (MemoryError, RuntimeError) as error:
        if not _is_short(error):
            raise
        from workbench.models.hub import release_memory

        del error
        release_memory()
        telling.failed(WorkbenchError("engine.out_of_memory"))


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
