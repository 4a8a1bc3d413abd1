"""Files of a run -> what the page's live view draws next: only bytes that were appended since it last asked.

Plain JSON routes beside the Gradio mounts. A view remembers byte offsets, the server remembers nothing, so a refreshed
page, a second tab, another language and a restarted server see the same run.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from fastapi import APIRouter, Body
from fastapi.responses import JSONResponse

from workbench import runs
from workbench.errors import UserError, WorkbenchError
from workbench.locales import LANGUAGES
from workbench.ui.i18n import Texts
from workbench.ui.look import part

if TYPE_CHECKING:
    from workbench.ui.app import App

_PLOTTED = (
    "step", "epoch", "time", "loss", "eval_loss", "learning_rate", "grad_norm", "tokens_per_second", "memory_bytes",
    "gpu_utilization", "identity_score", "kept_score",
)  # fmt: skip
_MOST_BYTES = 4_000_000  # of one answer; a longer file comes in several
_MOST_LOG_BYTES = 200_000  # the end of a log is what one looks for


def appended(path: Path, offset: int) -> tuple[list[dict[str, Any]], int]:
    """Whole lines after a byte offset, and the offset behind them. A file that became shorter is read afresh."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(offset if 0 <= offset <= size else 0)
            start = file.tell()
            data = file.read(_MOST_BYTES)
            data += b"" if data.endswith(b"\n") else file.readline()
    except FileNotFoundError:
        return [], 0
    end = data.rfind(b"\n") + 1
    return [json.loads(line) for line in data[:end].splitlines() if line], start + end


def tail(path: Path, offset: int) -> tuple[str, int, int]:
    """(text, where it begins, where it ends) of a log after a byte offset; of a long one only the end.

    A file that became shorter, and a negative offset, are read afresh: `start` then differs from what was asked.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            start = offset if 0 <= offset <= size else 0
            if size - start > _MOST_LOG_BYTES:
                start = size - _MOST_LOG_BYTES
            file.seek(start)
            data = file.read(_MOST_LOG_BYTES)
    except FileNotFoundError:
        return "", 0, 0
    end = data.rfind(b"\n") + 1
    return data[:end].decode("utf-8", errors="replace"), start, start + end


def current(home: Path, kind: str = "any") -> runs.Run | None:
    """The run a visitor means: the one that trains, else the one waiting longest, else the newest.

    kind "identity" looks only at runs that teach a name.
    """
    waiting, newest = None, None
    for run in runs.every(home):
        state = run.stored_state()["state"]
        # Reading every spec of a long history would be slow: the newest match and the active ones are enough.
        if state not in runs.ACTIVE and newest is not None:
            continue
        if kind == "identity" and not teaches_name(run):
            continue
        newest = newest or run
        if state in runs.ACTIVE:
            state = run.state()["state"]
            if state in ("running", "stopping"):
                return run
            if state == "queued":
                waiting = run
    return waiting or newest


def teaches_name(run: runs.Run) -> bool:
    try:
        return bool(run.spec().identity.name)
    except (WorkbenchError, OSError):
        return False


def snapshot(
    run: runs.Run, *, generation: int = -1, metrics_offset: int = 0, probes_offset: int = 0, lang: str = "en"
) -> dict[str, Any]:
    """State, new rows and new probe answers of a run, with the offsets to ask from next time.

    `fresh` is true when the view must forget what it has: another generation (a resume took lines back).
    """
    state = run.state()
    fresh = state.get("generation", 0) != generation
    if fresh:
        metrics_offset = probes_offset = 0
    rows, metrics_offset = appended(run.metrics_path, metrics_offset)
    probes, probes_offset = appended(run.probes_path, probes_offset)
    shown = ("state", "phase", "step", "total_steps", "started", "ended")
    return {
        "run": run.name,
        "fresh": fresh,
        "state": {key: state.get(key) for key in shown},
        "reason": (state.get("reasons") or {}).get(lang) or state.get("reason") or "",
        "now": runs.utc_now(),
        "resumable": state["state"] in runs.RESUMABLE,
        "rows": [{key: row[key] for key in _PLOTTED if row.get(key) is not None} for row in rows],
        "probes": probes,
        "generation": state.get("generation", 0),
        "metrics_offset": metrics_offset,
        "probes_offset": probes_offset,
    }


def router(app: App) -> APIRouter:
    """/live/run, /live/log, /live/stop, /live/resume: the page's own calls, in its language."""
    routes = APIRouter(prefix="/live")

    @routes.get("/run")
    def run(
        name: str = "",
        kind: str = "any",
        shown: str = "",
        generation: int = -1,
        metrics_offset: int = 0,
        probes_offset: int = 0,
        lang: str = "en",
    ) -> dict[str, Any]:
        try:
            found = app.run(name, kind)
        except UserError:
            found = None  # deleted meanwhile
        if found is None:
            return {"run": ""}
        if found.name != shown:  # the view shows another run: everything is new to it
            generation = -1
        return snapshot(
            found, generation=generation, metrics_offset=metrics_offset, probes_offset=probes_offset, lang=lang
        )

    @routes.get("/log")
    def log(name: str, offset: int = -1) -> dict[str, Any]:
        try:
            text, start, offset = tail(runs.find(app.home, name).log_path, offset)
        except UserError:
            return {"text": "", "start": 0, "offset": 0}  # deleted meanwhile
        return {"text": text, "start": start, "offset": offset}

    @routes.post("/stop")
    def stop(name: str = Body(embed=True), lang: str = Body("en", embed=True)) -> JSONResponse:
        return answer(lambda: app.stop(name), lang)

    @routes.post("/resume")
    def resume(name: str = Body(embed=True), lang: str = Body("en", embed=True)) -> JSONResponse:
        return answer(lambda: {"run": app.jobs.resume(name).name}, lang)

    return routes


def answer(action: Callable[[], Any], lang: str) -> JSONResponse:
    """What an action returns, or its refusal as a sentence of the page's language."""
    try:
        return JSONResponse(action())
    except Exception as error:
        return JSONResponse({"error": texts_of(lang).error(error)}, 400 if isinstance(error, UserError) else 500)


def texts_of(lang: str) -> Texts:
    return Texts(lang if lang in LANGUAGES else "en")


def view(name: str, kind: str = "any") -> gr.HTML:
    """The live view as a component; static/live.js fills it. No data enters its template (it would be executed)."""
    return part("live", "mount", f"{name}-live", view=name, kind=kind)
