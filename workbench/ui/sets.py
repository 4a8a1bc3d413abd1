"""Prompt sets: begin, follow, stop and export, as JSON beside the Gradio mounts; static/sets.js."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from fastapi import APIRouter, Body
from fastapi.responses import JSONResponse, Response

from workbench.chat import columns as naming
from workbench.chat import prompt_sets, set_runs
from workbench.ui.arena import model_of
from workbench.ui.live import answer, texts_of

if TYPE_CHECKING:
    from workbench.ui.app import App

_LANG = Body("en", embed=True)
_TYPES = {"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8", "html": "text/html; charset=utf-8"}


def view() -> gr.HTML:
    """The page's part; no data enters its template (it would be executed)."""
    return gr.HTML(
        html_template='<div class="wb-sets"></div>',
        js_on_load="workbench.mountSets(element)",
        apply_default_css=False,
        elem_id="prompt-sets",
    )


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
            run = app.set_runs.begin(prompts, columns, options, model_of(app, model, columns))
            return run.shown(0, texts_of(lang).error) | {"prompts": [set_runs.asked(prompt) for prompt in prompts]}

        return answer(action, lang)

    @routes.get("/run")
    def follow(id: str, since: int = 0, lang: str = "en") -> JSONResponse:
        return answer(lambda: app.set_runs.get(id).shown(max(0, since), texts_of(lang).error), lang)

    @routes.post("/stop")
    def stop(id: str = Body(embed=True), lang: str = _LANG) -> JSONResponse:
        return answer(lambda: app.set_runs.get(id).stop() or {}, lang)

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
