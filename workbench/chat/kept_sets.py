"""What was asked of several columns and what they said <-> a folder of workspace/prompt_sets/, found again and deleted.

about.json       id, name, created, columns, options, model, versions, seconds, problem; how many prompts there are
prompts.json     the prompts, in order
answers.jsonl    one line per answer: {"prompt", "column", "text"} by their numbers from 0, or "error" for "text"
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench import runs
from workbench.chat.prompts import Prompt
from workbench.errors import UserError, WorkbenchError
from workbench.locales import has

_ID = re.compile(r"[0-9a-f]{16}")
_ABOUT, _PROMPTS, _ANSWERS = "about.json", "prompts.json", "answers.jsonl"
Answers = dict[tuple[int, int], str | WorkbenchError]  # by the numbers of prompt and column
_SHAPE = {"name": str, "created": (int, float), "columns": list, "options": dict, "model": str, "prompts": int}


def folder(home: Path) -> Path:
    return Path(home) / "prompt_sets"


def path(home: Path, key: Any) -> Path:
    """Raises UserError for an id that no set has."""
    if not isinstance(key, str) or _ID.fullmatch(key) is None:
        raise UserError("prompt_sets.no_run")
    return folder(home) / key


def create(home: Path, about: Mapping[str, Any], prompts: Sequence[Prompt]) -> None:
    """`about` is written last: a folder without it is none of ours yet."""
    place = path(home, about["id"])
    place.mkdir(parents=True)
    runs.write_whole(place / _PROMPTS, json.dumps(list(prompts), ensure_ascii=False))
    tell(home, about)


def tell(home: Path, about: Mapping[str, Any]) -> None:
    """Replace what is said about a set as a whole."""
    runs.write_whole(path(home, about["id"]) / _ABOUT, json.dumps(about, ensure_ascii=False))


def append(home: Path, key: str, prompt: int, column: int, said: str | WorkbenchError) -> None:
    """Raises OSError, also when the set was deleted."""
    row = {"error": row_of(said)} if isinstance(said, WorkbenchError) else {"text": said}
    runs.append_lines(path(home, key) / _ANSWERS, [{"prompt": prompt, "column": column, **row}])


def load(home: Path, key: Any) -> tuple[dict[str, Any], list[Prompt], Answers]:
    """(about, prompts, answers). Raises UserError when it is not there, and when a file of it is broken."""
    place = path(home, key)
    try:
        about = _about(place)
        prompts = json.loads((place / _PROMPTS).read_text(encoding="utf-8"))
        if not isinstance(prompts, list) or len(prompts) != about["prompts"]:
            raise ValueError(f"{_PROMPTS} does not hold {about['prompts']} prompts")
        return about, prompts, _answers(place, len(prompts), len(about["columns"]))
    except FileNotFoundError:
        raise UserError("prompt_sets.no_run") from None
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UserError("prompt_sets.broken", path=f"prompt_sets/{place.name}", reason=str(error)[:120]) from None


def listed(home: Path) -> dict[str, Any]:
    """{"rows": [{"id", "name", "created", "columns", "prompts", "done", "total"}], "broken": [names]}, newest first."""
    rows, broken = [], []
    for place in folder(home).glob("*"):
        if _ID.fullmatch(place.name) is None or not (place / _ABOUT).is_file():
            continue
        try:
            about = _about(place)
            done = len(_answers(place, about["prompts"], len(about["columns"])))
        except FileNotFoundError:  # deleted since the folder was read
            continue
        except (ValueError, TypeError, KeyError, RecursionError):
            broken.append(place.name)
            continue
        shown = {name: about[name] for name in ("id", "name", "created", "columns", "prompts")}
        rows.append(shown | {"done": done, "total": about["prompts"] * len(about["columns"])})
    rows.sort(key=lambda row: row["created"], reverse=True)
    return {"rows": rows, "broken": sorted(broken)}


def delete(home: Path, key: Any) -> None:
    """For good. Raises UserError when it is not there."""
    place = path(home, key)
    if not place.is_dir() or place.is_symlink():
        raise UserError("prompt_sets.no_run")
    shutil.rmtree(place)


def row_of(error: WorkbenchError) -> dict[str, Any]:
    """A refusal that can be said in any language later."""

    def plain(value: object) -> Any:
        if isinstance(value, WorkbenchError):
            return row_of(value)
        return value if isinstance(value, int | float) else str(value)

    return {"key": error.key, "params": {name: plain(value) for name, value in error.params.items()}}


def error_of(row: Mapping[str, Any]) -> WorkbenchError:
    """Raises ValueError for a sentence that this version does not know."""
    key = row["key"]
    if not has("en", f"errors.{key}"):
        raise ValueError(f"unknown refusal {key!r}")
    params = {name: error_of(value) if isinstance(value, dict) else value for name, value in row["params"].items()}
    return UserError(key, **params)


def _about(place: Path) -> dict[str, Any]:
    about = json.loads((place / _ABOUT).read_text(encoding="utf-8"))
    for name, kind in _SHAPE.items():
        if not isinstance(about[name], kind):
            raise ValueError(f"“{name}” is {type(about[name]).__name__}")
    if about["id"] != place.name:
        raise ValueError(f"“id” is {about['id']!r}")
    if not all(isinstance(name, str) for name in about["columns"]):
        raise ValueError("“columns” holds something else than names")
    return about


def _answers(place: Path, prompts: int, columns: int) -> Answers:
    """A later line takes the place of an earlier one."""
    found: Answers = {}
    for row in runs.read_lines(place / _ANSWERS):
        prompt, column = row["prompt"], row["column"]
        if not (0 <= prompt < prompts and 0 <= column < columns):
            raise ValueError(f"an answer to prompt {prompt} of column {column}")
        said = error_of(row["error"]) if "error" in row else row["text"]
        if not isinstance(said, str | WorkbenchError):
            raise ValueError(f"the answer to prompt {prompt} is {type(said).__name__}")
        found[prompt, column] = said
    return found
