"""Many prompts and columns -> all their answers, in batches between which others get their turn; and as files."""

from __future__ import annotations

import html
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.chat.batches import ROWS_AT_ONCE
from workbench.chat.engine import Delta, Engine
from workbench.chat.prompts import ChatOptions, Prompt
from workbench.errors import UserError, WorkbenchError
from workbench.specs import check
from workbench.specs.model import ModelSection

FORMATS = ("jsonl", "csv", "html")
_KEPT = 20  # the longest unused go first


class SetRun:
    """One set asked of a few columns. `events` only grows: a page asks for those it has not seen."""

    def __init__(self, prompts: Sequence[Prompt], columns: Sequence[str], options: ChatOptions, model: str) -> None:
        self.id = secrets.token_hex(8)
        self.prompts, self.columns, self.options, self.model = list(prompts), list(columns), options, model
        self.events: list[tuple[int, int, str, WorkbenchError | None]] = []  # prompt, column, text, problem
        self.problem: Exception | None = None
        self.running = True
        self.began = self.ended = time.monotonic()
        self._cancel = threading.Event()

    @property
    def total(self) -> int:
        return len(self.prompts) * len(self.columns)

    def stop(self) -> None:
        self._cancel.set()

    def run(self, engine: Engine) -> None:
        """In a thread of its own."""
        size = max(1, ROWS_AT_ONCE // len(self.columns))
        section = ModelSection(path=self.model) if self.model else None
        try:
            for start in range(0, len(self.prompts), size):
                if self._cancel.is_set():
                    break

                def tell(prompt: int, column: int, delta: Delta, start: int = start) -> None:
                    if delta.finish != "cancelled":  # half an answer would be compared with whole ones
                        self.events.append((start + prompt, column, delta.text, delta.problem))

                chunk = self.prompts[start : start + size]
                given = self.options.model_dump()
                engine.answer(chunk, self.columns, given, section, cancel=self._cancel, on_answer=tell)
        except Exception as error:
            self.problem = error
        finally:
            self.ended = time.monotonic()
            self.running = False

    def shown(self, since: int, said: Callable[[Exception], str]) -> dict[str, Any]:
        """Progress, time left, and the answers after the first `since`."""
        running, events = self.running, self.events[since:]
        count = since + len(events)
        seconds = (time.monotonic() if running else self.ended) - self.began
        return {
            "id": self.id,
            "columns": self.columns,
            "total": self.total,
            "done": count,
            "running": running,
            "stopped": not running and count < self.total and self.problem is None,
            "problem": said(self.problem) if self.problem else "",
            "seconds": seconds,
            "seconds_left": seconds / count * (self.total - count) if running and count else None,
            "events": [
                [prompt, column, text, said(problem) if problem else ""] for prompt, column, text, problem in events
            ],
        }

    def rows(self, *, differing: bool = False) -> list[dict[str, Any]]:
        """{"prompt", "answers": {column: text or None}} of every prompt, or of those whose answers differ."""
        found = [{"prompt": prompt, "answers": dict.fromkeys(self.columns)} for prompt in self.prompts]
        for prompt, column, text, problem in list(self.events):
            if problem is None:
                found[prompt]["answers"][self.columns[column]] = text
        return [row for row in found if not differing or differ(row["answers"])]


def differ(answers: Mapping[str, str | None]) -> bool:
    """Whether any two answers that are there are not the same text."""
    return len({text.strip() for text in answers.values() if text is not None}) > 1


class SetRuns:
    """The set runs of a server."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._known: OrderedDict[str, SetRun] = OrderedDict()

    def begin(
        self,
        prompts: Sequence[Prompt],
        columns: Sequence[str],
        options: Mapping[str, Any] | None = None,
        model: str = "",
    ) -> SetRun:
        """Raises UserError for options that cannot be, and without a column."""
        names = list(dict.fromkeys(columns))
        if not names or len(names) > 8:
            raise UserError("ui.column_count", count=len(names), limit=8)
        run = SetRun(prompts, names, check(ChatOptions, dict(options or {})), model)
        with self._lock:
            self._known[run.id] = run
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)[1].stop()
        threading.Thread(target=run.run, args=(self._engine(),), name="prompt set", daemon=True).start()
        return run

    def get(self, key: str) -> SetRun:
        """Raises UserError for one the server does not know (any more)."""
        with self._lock:
            if key not in self._known:
                raise UserError("prompt_sets.no_run")
            self._known.move_to_end(key)
            return self._known[key]


def export(run: SetRun, ending: str, path: Path, *, differing: bool = False) -> Path:
    """Write the answers as JSONL, CSV or one HTML page. Raises UserError for another ending."""
    from workbench.data.writers import write_rows

    rows = run.rows(differing=differing)
    if ending not in FORMATS:
        raise UserError("prompt_sets.bad_format", value=ending[:20], known=", ".join(FORMATS))
    if ending == "jsonl":
        write_rows(path, ({**row, "options": run.options.model_dump(), "model": run.model} for row in rows))
    elif ending == "csv":
        write_rows(path, ({"prompt": asked(row["prompt"]), **row["answers"]} for row in rows))
    else:
        path.write_text(page(run.columns, rows), encoding="utf-8")
    return path


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
