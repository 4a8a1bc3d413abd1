"""A judgement of answers side by side -> one line of votes.jsonl that says how to make the same answers again."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from workbench import __version__, runs
from workbench.chat import columns as naming
from workbench.chat.prompts import ChatOptions, Prompt, messages
from workbench.data.records import messages_to_rows
from workbench.errors import UserError, WorkbenchError, nearest
from workbench.models.adapters import CONFIG, WEIGHTS
from workbench.specs import check

TIE, BOTH_BAD = "tie", "both_bad"
COLUMNS_AT_MOST = 8
_SIDES = {"left": 0, "right": 1}
_LIBRARIES = ("torch", "transformers", "peft")


def path(home: Path) -> Path:
    return Path(home) / "votes.jsonl"


def read(home: Path) -> list[dict[str, Any]]:
    """Every vote, oldest first. A line that is no vote (another program's, or half repaired by hand) is left out."""
    return [row for row in _objects(path(home)) if _is_vote(row)]


def _objects(file: Path) -> Iterator[dict[str, Any]]:
    try:
        yield from runs.read_lines(file)
    except ValueError as error:
        raise UserError("votes.broken_file", path=file.name, reason=str(error)) from None


def _is_vote(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and all(isinstance(row.get(key), list) for key in ("columns", "messages", "answers"))
        and len(row["columns"]) == len(row["answers"])
        and (row.get("winner") in (TIE, BOTH_BAD) or row.get("winner") in row["columns"])
    )


def record(
    home: Path,
    columns: Sequence[str],
    prompt: Prompt,
    answers: Sequence[str],
    winner: str,
    *,
    options: Mapping[str, Any] | None = None,
    model: str = "",
    blind: bool = False,
    finishes: Sequence[str] = (),
    steps: Sequence[int | None] = (),
) -> dict[str, Any]:
    """Check a vote and append it; the line that was written comes back.

    columns and answers as they stood on the page, from left to right. winner: a column's name, "left" or "right" of
    two, "tie" or "both_bad". finishes and steps: per column how its answer ended and at which step of its training.
    Raises UserError for what cannot be told apart later.
    """
    names = [str(name) for name in columns]
    if not 2 <= len(names) <= COLUMNS_AT_MOST:
        raise UserError("votes.column_count", count=len(names), limit=COLUMNS_AT_MOST)
    if len(set(names)) < len(names):
        raise UserError("votes.same_column", column=next(name for name in names if names.count(name) > 1))
    if len(answers) != len(names) or not all(isinstance(answer, str) for answer in answers):
        raise UserError("votes.answer_count", answers=len(answers), columns=len(names))
    chosen = check(ChatOptions, options or {})
    row = {
        "id": secrets.token_hex(8),
        "time": runs.utc_now(),
        "columns": names,
        "model": model,
        "options": chosen.model_dump(exclude={"logprobs"}),
        "messages": messages_to_rows(messages(prompt, chosen.system)),
        "answers": list(answers),
        "winner": _winner(winner, names),
        "blind": bool(blind),
        "finishes": list(finishes),
        "weights": [_weights(home, name, step) for name, step in zip(names, _padded(steps, len(names)), strict=True)],
        "versions": versions(),
    }
    append(path(home), row)
    return row


def append(file: Path, row: Mapping[str, Any]) -> None:
    """One whole line. What a crash left of a line would swallow this one; it is no row and is cut off first."""
    from filelock import FileLock

    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_name(f".{file.name}.lock")):
        if file.is_file():
            with file.open("r+b") as handle:
                data = handle.read()
                if data and not data.endswith(b"\n"):
                    handle.truncate(data.rfind(b"\n") + 1)
        runs.append_lines(file, [dict(row)])


def versions() -> dict[str, str]:
    """What the answers depend on besides the weights; read from the packages' metadata, which loads none of them."""
    return {"workbench": __version__} | {name: metadata.version(name) for name in _LIBRARIES}


def _winner(given: str, names: Sequence[str]) -> str:
    if given in names:
        return given
    word = str(given).strip().lower().replace(" ", "_").replace("-", "_")
    if word in ("both_bad", "bothbad", "bad", "all_bad"):
        return BOTH_BAD
    if word == TIE:
        return TIE
    if word in _SIDES and len(names) == 2:
        return names[_SIDES[word]]
    known = [*names, *(_SIDES if len(names) == 2 else ()), TIE, BOTH_BAD]
    raise UserError("votes.unknown_winner", value=str(given)[:80], known=", ".join(known), nearest=nearest(word, known))


def _padded(steps: Sequence[int | None], count: int) -> list[int | None]:
    return [*steps, *[None] * (count - len(steps))][:count]


def _weights(home: Path, name: str, step: int | None) -> dict[str, Any]:
    """Which files answered, so that a vote can be told from one about weights of the same name written later."""
    found: dict[str, Any] = {} if step is None else {"step": step}
    try:
        refs = [ref for ref, _ in naming.locate(home, name, foreign=False).refs if ref.path is not None]
        digests = {ref.name: _digest(ref.path / CONFIG) + _digest(ref.path / WEIGHTS) for ref in refs}
    except (WorkbenchError, OSError):  # a remote model, or gone since it answered
        return found
    return found | ({"sha256": digests} if digests else {})


def _digest(file: Path) -> list[str]:
    import hashlib

    with file.open("rb") as handle:
        return [hashlib.file_digest(handle, "sha256").hexdigest()]
