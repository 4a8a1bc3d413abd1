"""Kept conversations: found, renamed, deleted, made into rows, as JSON beside the Gradio mounts; static/archive.js."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr
from fastapi import APIRouter, Body
from fastapi.responses import JSONResponse

from workbench.chat import kept
from workbench.errors import UserError
from workbench.ui.chat.answering import options_of
from workbench.ui.live import answer
from workbench.ui.look import part

if TYPE_CHECKING:
    from workbench.ui.app import App

_LANG = Body("en", embed=True)


def view() -> gr.HTML:
    """The page's part; no data enters its template (it would be executed)."""
    return part("archive", "mountArchive", "archive")


def router(app: App) -> APIRouter:
    """/live/archive/…"""
    routes = APIRouter(prefix="/live/archive")

    @routes.get("/list")
    def found(search: str = "", lang: str = "en") -> JSONResponse:
        return answer(lambda: kept.search(app.home, search[:200]), lang)

    @routes.get("/there")
    def there(id: str, lang: str = "en") -> JSONResponse:
        """Which state of a conversation a page would see: another tab may have changed or deleted it."""
        return answer(lambda: {"version": app.conversations.get(id).version}, lang)

    @routes.post("/rename")
    def rename(id: str = Body(embed=True), title: str = Body(embed=True), lang: str = _LANG) -> JSONResponse:
        return answer(lambda: app.conversations.rename(id, title) or {}, lang)

    @routes.post("/delete")
    def delete(id: str = Body(embed=True), lang: str = _LANG) -> JSONResponse:
        return answer(lambda: app.conversations.delete(id) or {}, lang)

    @routes.post("/export")
    def export(
        ids: list[str] = Body(embed=True),
        column: str = Body(embed=True),
        name: str = Body(embed=True),
        to: str = Body("messages", embed=True),
        lang: str = _LANG,
    ) -> JSONResponse:
        """Training rows of one column of these conversations, into a new data set of the workspace."""
        return answer(lambda: kept.export(app.home, ids, column, name, to), lang)

    @routes.get("/answer")
    def said(id: str, turn: int, column: str, lang: str = "en") -> JSONResponse:
        """What a column was asked with at a turn, and what it said: as it is, before it became HTML."""

        def action() -> dict[str, Any]:
            talk = app.conversations.get(id)
            turns = talk.turns
            found = turns[turn].answers.get(column) if 0 <= turn < len(turns) else None
            if found is None:
                raise UserError("chat_tab.no_such_turn")
            system = str(options_of(talk, column)["system"]).strip()
            lead = [{"role": "system", "content": system}] if system else []
            return {"prompt": lead + talk.history(column, turn), "answer": found.text}

        return answer(action, lang)

    return routes
