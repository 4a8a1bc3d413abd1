"""What a caller gave -> one request to the engine, and the news that come back from each of its columns."""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.chat.columns import Column, parse
from workbench.chat.prompts import ChatOptions
from workbench.data.records import Message
from workbench.errors import UserError, WorkbenchError
from workbench.specs import check
from workbench.specs.model import ModelSection

if TYPE_CHECKING:
    from workbench.models.generate import Scored


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
    step: int | None = None  # of the run whose live weights answer
    prompt: int | None = 0  # which of several prompts; None: this column cannot answer any of them
    base: str = ""  # folder of the model whose tokens these are; empty for a remote one
    when: float = 0.0  # the last of these tokens was there, UTC seconds

    @property
    def error(self) -> str | None:
        """The problem in English."""
        return str(self.problem) if self.problem else None


@dataclass
class Cell:
    """One answer to be made."""

    column: int
    turns: Sequence[Message]
    prompt: int = 0
    ids: list[int] = field(default_factory=list)
    cut: int = 0
    answer: str = ""
    step: int | None = None
    begun: str | tuple[int, ...] = ()  # the answer's beginning, as ids or text: it goes on from there


@dataclass
class Request:
    cells: list[Cell]
    columns: Sequence[Column | WorkbenchError]
    options: Sequence[ChatOptions]  # one per column
    model: ModelSection
    cancelled: Callable[[int], bool]  # asked per column
    tools: Any = None
    news: queue.SimpleQueue = field(default_factory=queue.SimpleQueue)  # Delta, Exception, or None from each worker

    def away(self) -> dict[int, str]:
        """The columns that a server elsewhere answers: number -> what it is called there."""
        found = [(number, column) for number, column in enumerate(self.columns) if isinstance(column, Column)]
        return {number: column.remote for number, column in found if column.remote}

    def refuse(self, columns: Sequence[int], error: WorkbenchError) -> None:
        """The same sentence in each of these columns."""
        for column in columns:
            self.news.put(Delta(column, "", True, error, prompt=None))


def histories(prompt: Any, count: int) -> list[Any]:
    """One history per column. A list of lists is one per column, anything else is for all of them."""
    if not isinstance(prompt, str) and prompt and all(isinstance(item, (list, tuple)) for item in prompt):
        if len(prompt) != count:
            raise UserError("engine.history_count", histories=len(prompt), columns=count)
        return list(prompt)
    return [prompt] * count


def options_of(given: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None, count: int) -> list[ChatOptions]:
    """One per column. Raises UserError for a value that no answer can have."""
    if not count:
        raise UserError("engine.no_columns")
    if given is None or isinstance(given, Mapping):
        return [check(ChatOptions, given or {})] * count
    if len(given) != count:
        raise UserError("engine.option_count", options=len(given), columns=count)
    return [check(ChatOptions, own) for own in given]


def parsed(columns: Sequence[str]) -> list[Column | WorkbenchError]:
    """What each column's name means, or why it means nothing."""
    found: list[Column | WorkbenchError] = []
    for name in columns:
        try:
            found.append(parse(name))
        except UserError as error:
            found.append(error)
    return found
