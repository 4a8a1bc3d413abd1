"""The columns of a request over one base model -> their answers, in as few forward passes as can share one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
    from workbench.models.hub import Base

ROWS_AT_ONCE = 32
_ONE_THREAD_PARAMETERS = 100_000_000  # below, threads wait for each other longer than they compute


def answer(request: Request, resident: Resident, columns: Mapping[int, Located], update_seconds: float) -> None:
    """Answers and refusals go to the request's news. columns: number -> what it is."""
    seats = dict(zip(columns, resident.seats(list(columns.values())), strict=True))
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
    for batch in _batches(cells, seats):
        _answer_batch(request, resident, batch, seats, update_seconds)


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
    telling = Telling(request, cells, samplings, base, update_seconds)
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
