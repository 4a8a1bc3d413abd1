"""What was asked and answered, as a tree of turns <-> plain rows for a file (workbench/chat/kept.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.models.generate import Scored

_NOT_KEPT = ("scored", "own", "when")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a column said to one question, whole or so far; a column that failed has an error instead."""

    text: str = ""
    error: str = ""
    done: bool = False
    tokens: int = 0
    seconds: float = 0.0
    cut: int = 0  # oldest messages left out because the conversation outgrew the model's window
    first_seconds: float = 0.0  # until the first token
    prompt_tokens: int = 0
    finish: str = ""  # "stop", "length" or "cancelled"
    step: int | None = None  # of the run whose live weights answered
    scored: tuple[Scored, ...] = ()
    base: str = ""  # folder of the model whose tokens these are
    own: tuple[tuple[str, Any], ...] = ()  # sampling options in which this column differed from the others
    edited: bool = False
    when: float = 0.0  # its last token was there, UTC seconds; of an answer that is being made


@dataclass(slots=True, eq=False)
class Turn:
    question: str
    answers: dict[str, Answer] = field(default_factory=dict)  # by column
    tries: int = 0  # how often it was asked again; moves the seed, so that sampling gives another answer
    following: list[Turn] = field(default_factory=list)  # the branches after it
    chosen: int = 0  # which of them is shown
    time: float = 0.0  # when it was asked first, UTC seconds


def rows_of(root: Turn) -> list[dict[str, Any]]:
    """Every turn below the root, each after the one that it follows; probabilities are left out."""
    rows: list[dict[str, Any]] = []
    waiting = _after(None, root)
    while waiting:
        after, turn, shown = waiting.pop(0)
        answers = {column: _row_of(answer) for column, answer in turn.answers.items()}
        rows.append({"after": after, "shown": shown, "question": turn.question, "time": turn.time,
                     "tries": turn.tries, "answers": answers})  # fmt: skip
        waiting += _after(len(rows) - 1, turn)
    return rows


def put_under(root: Turn, rows: Sequence[Mapping[str, Any]]) -> None:
    """The turns that were written, below the root again. Raises TypeError for an answer with unfit fields."""
    made: list[Turn] = []
    for row in rows:
        answers = {column: _answer_of(answer) for column, answer in row["answers"].items()}
        turn = Turn(row["question"], answers, tries=int(row.get("tries", 0)), time=float(row.get("time", 0.0)))
        before = root if row["after"] is None else made[row["after"]]
        before.following.append(turn)
        if row["shown"]:
            before.chosen = len(before.following) - 1
        made.append(turn)


def _after(number: int | None, turn: Turn) -> list[tuple[int | None, Turn, bool]]:
    return [(number, following, place == turn.chosen) for place, following in enumerate(turn.following)]


def _row_of(answer: Answer) -> dict[str, Any]:
    """Without what it has by default and without its tokens, which are ten times as long as its text."""
    row = {each.name: getattr(answer, each.name) for each in fields(Answer) if each.name not in _NOT_KEPT}
    blank = asdict(Answer())
    row = {name: value for name, value in row.items() if name == "text" or value != blank[name]}
    return row | ({"own": dict(answer.own)} if answer.own else {})


def _answer_of(row: Mapping[str, Any]) -> Answer:
    """An answer that was being made when the server ended was cut off."""
    answer = dict(row) | {"own": tuple(row.get("own", {}).items())}
    if not answer.get("done"):
        answer |= {"done": True, "finish": "cancelled"}
    return Answer(**answer)
