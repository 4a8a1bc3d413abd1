"""Many prompts and columns -> all their answers, in batches between which others get their turn; and as files."""

from __future__ import annotations

import html
import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench import runs
from workbench.chat import kept_sets
from workbench.chat.batches import ROWS_AT_ONCE
from workbench.chat.engine import Delta, Engine
from workbench.chat.prompts import ChatOptions, Prompt
from workbench.chat.votes import versions
from workbench.errors import UserError, WorkbenchError
from workbench.specs import check
from workbench.specs.model import ModelSection

log = logging.getLogger(__name__)

FORMATS = ("jsonl", "csv", "html")
NAME_AT_MOST = 80
_IN_MEMORY = 20  # the longest unused go first; all are on disk


class SetRun:
    """One set asked of a few columns. Each answer is written to disk when it is whole: a stop or a kill keeps it."""

    def __init__(
        self,
        prompts: Sequence[Prompt],
        columns: Sequence[str],
        options: ChatOptions,
        model: str,
        *,
        name: str = "",
        home: Path | None = None,
    ) -> None:
        """home: the workspace that keeps it; None: nobody does."""
        self.id = secrets.token_hex(8)
        self.name = " ".join(name.split())[:NAME_AT_MOST] or asked(prompts[0])[:NAME_AT_MOST]
        self.created = runs.utc_now()
        self.prompts, self.columns, self.options, self.model = list(prompts), list(columns), options, model
        self.answers: kept_sets.Answers = {}
        self.problem: Exception | None = None
        self.unsaved = ""  # why an answer is not on disk
        self.running = False
        self._seconds, self._began, self._begun_with = 0.0, 0.0, 0
        self._home = home
        self._lock = threading.Lock()
        self._cancel = threading.Event()

    @classmethod
    def kept(cls, home: Path, key: str) -> SetRun:
        """As it was written. Raises UserError."""
        about, prompts, answers = kept_sets.load(home, key)
        options = check(ChatOptions, about["options"])
        run = cls(prompts, about["columns"], options, about["model"], name=about["name"], home=home)
        run.id, run.created, run.answers = about["id"], about["created"], answers
        run._seconds = float(about.get("seconds") or 0.0)
        run.problem = kept_sets.error_of(about["problem"]) if about.get("problem") else None
        return run

    @property
    def total(self) -> int:
        return len(self.prompts) * len(self.columns)

    def begin(self, engine: Engine) -> None:
        """Ask what has no answer, or failed, in a thread of its own. Raises UserError while it is being asked."""
        with self._lock:
            if self.running:
                raise UserError("prompt_sets.running")
            self.running, self.problem = True, None
            self.answers = {place: said for place, said in self.answers.items() if isinstance(said, str)}
            self._cancel.clear()
            self._began, self._begun_with = time.monotonic(), len(self.answers)
        threading.Thread(target=self.run, args=(engine,), name="prompt set", daemon=True).start()

    def stop(self) -> None:
        self._cancel.set()

    def forget(self) -> None:
        """Stop; nothing is written any more."""
        with self._lock:
            self._home = None
        self.stop()

    def run(self, engine: Engine) -> None:
        """Ask every prompt that some column has not answered, those of one batch together."""
        size = max(1, ROWS_AT_ONCE // len(self.columns))
        section = ModelSection(path=self.model) if self.model else None
        open_prompts = [
            number
            for number in range(len(self.prompts))
            if any((number, column) not in self.answers for column in range(len(self.columns)))
        ]
        try:
            for start in range(0, len(open_prompts), size):
                if self._cancel.is_set():
                    break
                chunk = open_prompts[start : start + size]

                def tell(prompt: int, column: int, delta: Delta, chunk: Sequence[int] = chunk) -> None:
                    if delta.finish != "cancelled":  # half an answer would be compared with whole ones
                        self._put(chunk[prompt], column, delta.problem or delta.text)

                asked_now, given = [self.prompts[number] for number in chunk], self.options.model_dump()
                engine.answer(asked_now, self.columns, given, section, cancel=self._cancel, on_answer=tell)
        except Exception as error:
            if not (isinstance(error, WorkbenchError) and error.key == "engine.closed"):  # the server ends: a stop
                self.problem = error
        finally:
            self._seconds += time.monotonic() - self._began if self._began else 0.0
            self._save(lambda home: kept_sets.tell(home, self.about()))
            self.running = False

    def about(self) -> dict[str, Any]:
        """What is written beside prompts and answers: enough to ask the same again."""
        known = isinstance(self.problem, WorkbenchError)
        return {
            "id": self.id,
            "name": self.name,
            "created": self.created,
            "columns": self.columns,
            "prompts": len(self.prompts),
            "options": self.options.model_dump(),
            "model": self.model,
            "versions": versions(),
            "seconds": self._seconds,
            "problem": kept_sets.row_of(self.problem) if known else None,
        }

    def create(self) -> None:
        self._save(lambda home: kept_sets.create(home, self.about(), self.prompts))

    def _put(self, prompt: int, column: int, said: str | WorkbenchError) -> None:
        self.answers[prompt, column] = said
        self._save(lambda home: kept_sets.append(home, self.id, prompt, column, said))

    def _save(self, write: Callable[[Path], None]) -> None:
        with self._lock:
            if self._home is None:
                return
            try:
                write(self._home)
            except OSError as error:  # what was answered stays in memory; the page says it
                self.unsaved = error.strerror or str(error)
                log.warning("prompt set %s could not be saved", self.id, exc_info=True)

    def shown(self, said: Callable[[Exception], str]) -> dict[str, Any]:
        """Progress and time left."""
        running, done = self.running, len(self.answers)
        now = time.monotonic() - self._began if running else 0.0
        new = done - self._begun_with
        return {
            "id": self.id,
            "name": self.name,
            "created": self.created,
            "columns": self.columns,
            "total": self.total,
            "done": done,
            "running": running,
            "stopped": not running and done < self.total,
            "failed": sum(isinstance(text, WorkbenchError) for text in list(self.answers.values())),
            "problem": said(self.problem) if self.problem else "",
            "unsaved": self.unsaved,
            "seconds": self._seconds + now,
            "seconds_left": now / new * (self.total - done) if running and new else None,
        }

    def rows(self, *, differing: bool = False) -> list[dict[str, Any]]:
        """{"prompt", "answers": {column: text or None}} of every prompt, or of those whose answers differ."""
        found = [{"prompt": prompt, "answers": self._texts(number)} for number, prompt in enumerate(self.prompts)]
        return [row for row in found if not differing or differ(row["answers"])]

    def differing(self) -> list[int]:
        """The numbers of the prompts whose answers differ."""
        return [number for number in range(len(self.prompts)) if differ(self._texts(number))]

    def _texts(self, number: int) -> dict[str, str | None]:
        said = {name: self.answers.get((number, column)) for column, name in enumerate(self.columns)}
        return {name: text if isinstance(text, str) else None for name, text in said.items()}


def differ(answers: Mapping[str, str | None]) -> bool:
    """Whether any two answers that are there are not the same text."""
    return len({text.strip() for text in answers.values() if text is not None}) > 1


class SetRuns:
    """The sets of a workspace: those being asked now, and those that were."""

    def __init__(self, home: Path, engine: Callable[[], Engine]) -> None:
        self.home, self._engine = Path(home), engine
        self._lock = threading.Lock()
        self._known: OrderedDict[str, SetRun] = OrderedDict()

    def begin(
        self,
        prompts: Sequence[Prompt],
        columns: Sequence[str],
        options: Mapping[str, Any] | None = None,
        model: str = "",
        name: str = "",
    ) -> SetRun:
        """Raises UserError for options that cannot be, and without a column."""
        names = list(dict.fromkeys(columns))
        if not names or len(names) > 8:
            raise UserError("ui.column_count", count=len(names), limit=8)
        chosen = check(ChatOptions, dict(options or {}))
        run = SetRun(prompts, names, chosen, model, name=name, home=self.home)
        engine = self._engine()
        run.create()
        with self._lock:
            run.begin(engine)  # before others may forget it: an idle one would be read from disk and asked twice
            self._remember(run)
        return run

    def resume(self, key: str) -> SetRun:
        """Ask what a stop, a failure or the server's end left open. Raises UserError."""
        engine = self._engine()
        with self._lock:
            run = self._get(key)
            run.begin(engine)
        return run

    def get(self, key: str) -> SetRun:
        """From memory, else from disk. Raises UserError for one that is not there (any more)."""
        with self._lock:
            return self._get(key)

    def listed(self) -> dict[str, Any]:
        """As kept_sets.listed, with what is being asked now."""
        found = kept_sets.listed(self.home)
        for row in found["rows"]:
            run = self._known.get(row["id"])
            row["running"] = run is not None and run.running
        return found

    def delete(self, key: str) -> None:
        """From disk and memory, stopped before. Raises UserError when it is not there."""
        with self._lock:
            run = self._known.pop(key, None)
            if run is not None:
                run.forget()
            kept_sets.delete(self.home, key)

    def _get(self, key: str) -> SetRun:
        """With the lock held."""
        if key not in self._known:
            self._remember(SetRun.kept(self.home, key))
        self._known.move_to_end(key)
        return self._known[key]

    def _remember(self, run: SetRun) -> None:
        self._known[run.id] = run
        idle = [key for key, each in self._known.items() if not each.running and each is not run]
        for key in idle[: max(0, len(self._known) - _IN_MEMORY)]:
            del self._known[key]


def export(run: SetRun, ending: str, path: Path, *, differing: bool = False) -> Path:
    """Write the answers as JSONL, CSV or one HTML page. Raises UserError for another ending."""
    from workbench.data.writers import write_rows

    rows = run.rows(differing=differing)
    if ending not in FORMATS:
        raise UserError("prompt_sets.bad_format", value=ending[:20], known=", ".join(FORMATS))
    if ending == "jsonl":
        write_rows(path, ({**row, "options": run.options.model_dump(), "model": run.model} for row in rows))
    elif ending == "csv":
        first = "prompt" if "prompt" not in run.columns else "prompt_text"  # a run may have that name
        cells = ({first: asked(row["prompt"]), **row["answers"]} for row in rows)
        write_rows(path, ({name: _no_formula(text) for name, text in row.items()} for row in cells))
    else:
        path.write_text(page(run.columns, rows), encoding="utf-8")
    return path


def _no_formula(text: str | None) -> str | None:
    """A table program would compute what begins like this, and a model may write anything: OWASP's quote before it."""
    return f"'{text}" if text and text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def asked(prompt: Prompt) -> str:
    """A prompt as text: of a dialogue every turn with its role."""
    if isinstance(prompt, str):
        return prompt
    turns = [
        (("user", "assistant")[place % 2], turn) if isinstance(turn, str) else (turn["role"], turn.get("content") or "")
        for place, turn in enumerate(prompt)
    ]
    return "\n".join(f"{role}: {text}" for role, text in turns)


def page(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """A page that needs nothing else and runs nothing; prompts, names and answers are text in it."""

    def cell(text: str | None) -> str:
        return "<td>–</td>" if text is None else f"<td>{html.escape(text)}</td>"

    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    body = "\n".join(
        f'<tr class="{"differs" if differ(row["answers"]) else "same"}">{cell(asked(row["prompt"]))}'
        + "".join(cell(row["answers"][name]) for name in columns)
        + "</tr>"
        for row in rows
    )
    return (
        '<!doctype html><html><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        "<style>body{font:14px/1.5 system-ui,sans-serif;margin:24px}table{border-collapse:collapse;width:100%}"
        "td,th{border:1px solid #cbd5e1;padding:6px 8px;text-align:left;vertical-align:top;white-space:pre-wrap;"
        "overflow-wrap:anywhere}td:first-child{color:#64748b}.differs td:not(:first-child){background:#f0fdfa}</style>"
        f"</head><body><table><thead><tr><th></th>{head}</tr></thead><tbody>\n{body}\n</tbody></table></body></html>\n"
    )
