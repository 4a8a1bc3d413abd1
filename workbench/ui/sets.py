"""Prompt sets: begin, follow, stop, browse, open again and export, as JSON beside the Gradio mounts; static/sets.js."""

from __future__ import annotations

import html
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import gradio as gr
from fastapi import APIRouter, Body
from fastapi.responses import JSONResponse, Response

from workbench.chat import columns as naming
from workbench.chat import prompt_sets, set_runs
from workbench.errors import WorkbenchError
from workbench.ui.arena import model_of
from workbench.ui.chat import difference, markup
from workbench.ui.i18n import Texts
from workbench.ui.live import answer, texts_of
from workbench.ui.look import part

if TYPE_CHECKING:
    from workbench.chat.set_runs import SetRun
    from workbench.ui.app import App

View = Literal["text", "changes"]
ROWS_AT_ONCE = 50  # of a page of answers: each cell is Markdown
_LANG = Body("en", embed=True)
_TYPES = {"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8", "html": "text/html; charset=utf-8"}


def view() -> gr.HTML:
    """The page's part; no data enters its template (it would be executed)."""
    return part("sets", "mountSets", "prompt-sets")


def router(app: App) -> APIRouter:
    """/live/sets/…"""
    routes = APIRouter(prefix="/live/sets")

    @routes.post("/begin")
    def begin(
        columns: list[str] = Body(embed=True),
        shipped: str = Body("", embed=True),
        name: str = Body("", embed=True),
        text: str = Body("", embed=True),
        options: dict[str, Any] = Body({}, embed=True),
        model: str = Body("", embed=True),
        lang: str = _LANG,
    ) -> JSONResponse:
        """A shipped list by its name, a file by its name and text, or (no name) lines that were typed."""

        def action() -> dict[str, Any]:
            if shipped:
                prompts = prompt_sets.load(shipped)
            else:
                prompts = prompt_sets.parse(text, name) if name else prompt_sets.typed(text)
            for column in columns:
                naming.check(app.home, column, foreign=False)
            chosen = model_of(app, model, columns)
            return app.set_runs.begin(prompts, columns, options, chosen, shipped or name).shown(texts_of(lang).error)

        return answer(action, lang)

    @routes.get("/run")
    def follow(id: str, lang: str = "en") -> JSONResponse:
        """Progress and time left; also of a set that was asked before the server began."""
        return answer(lambda: app.set_runs.get(id).shown(texts_of(lang).error), lang)

    @routes.get("/rows")
    def rows(
        id: str,
        view: View = "text",
        differing: bool = False,
        start: int = 0,
        lang: str = "en",
    ) -> JSONResponse:
        """A page of prompts with what every column said, as text or as what it says otherwise than the first column."""
        return answer(lambda: shown(app.set_runs.get(id), view, differing, max(0, start), texts_of(lang)), lang)

    @routes.post("/stop")
    def stop(id: str = Body(embed=True), lang: str = _LANG) -> JSONResponse:
        return answer(lambda: app.set_runs.get(id).stop() or {}, lang)

    @routes.post("/resume")
    def resume(id: str = Body(embed=True), lang: str = _LANG) -> JSONResponse:
        """Ask what has no answer yet, or failed."""
        return answer(lambda: app.set_runs.resume(id).shown(texts_of(lang).error), lang)

    @routes.get("/list")
    def found(lang: str = "en") -> JSONResponse:
        return answer(app.set_runs.listed, lang)

    @routes.post("/delete")
    def delete(id: str = Body(embed=True), lang: str = _LANG) -> JSONResponse:
        return answer(lambda: app.set_runs.delete(id) or {}, lang)

    @routes.get("/export", response_model=None)
    def export(id: str, ending: str, differing: bool = False, lang: str = "en") -> Response:
        def action() -> bytes:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"answers.{ending}"
                return set_runs.export(app.set_runs.get(id), ending, path, differing=differing).read_bytes()

        try:
            data = action()
        except Exception as error:
            return answer(lambda error=error: _again(error), lang)
        headers = {"content-disposition": f'attachment; filename="answers.{ending}"'}
        return Response(data, media_type=_TYPES[ending], headers=headers)

    return routes


def _again(error: Exception) -> None:
    raise error


def shown(run: SetRun, view: View, differing: bool, start: int, t: Texts) -> dict[str, Any]:
    """{"rows": [{"number", "prompt", "differs", "cells"}], "start", "count", "differing", "total"}; `html` is safe.

    A cell is {"html"} or {"error"}, None where there is no answer yet. count: rows there are to page through.
    """
    differ = run.differing()
    numbers = differ if differing else list(range(len(run.prompts)))
    start = min(start, max(0, len(numbers) - 1)) // ROWS_AT_ONCE * ROWS_AT_ONCE
    marked = set(differ)
    return {
        "rows": [
            {
                "number": number,
                "prompt": set_runs.asked(run.prompts[number]),
                "differs": number in marked,
                "cells": [_cell(run, number, column, view, t) for column in range(len(run.columns))],
            }
            for number in numbers[start : start + ROWS_AT_ONCE]
        ],
        "start": start,
        "at_once": ROWS_AT_ONCE,
        "count": len(numbers),
        "differing": len(differ),
        "total": len(run.prompts),
    }


def _cell(run: SetRun, number: int, column: int, view: View, t: Texts) -> dict[str, str] | None:
    said, first = run.answers.get((number, column)), run.answers.get((number, 0))
    if said is None:
        return None
    if isinstance(said, WorkbenchError):
        return {"error": t.error(said)}
    if not said:
        return {"html": f"<em>{html.escape(t('ui.live.arena.nothing_said'))}</em>"}
    if view == "changes" and column and isinstance(first, str) and first:
        if said == first:
            return {"html": f'<span class="wb-plain wb-same">{html.escape(t("chat.same"))}</span>'}
        return {"html": f'<div class="wb-plain">{difference.rendered(first, said)}</div>'}
    if view == "changes":
        return {"html": f'<div class="wb-plain">{markup.plain(said)}</div>'}
    return {"html": markup.rendered(said, t)}
