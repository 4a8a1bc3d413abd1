"""Conversations over HTTP, beside the Gradio mounts: /chat/feed streams what a page shows, /chat/act changes it.

A feed lasts as long as an answer is being made and then ends: an open page with nothing to follow costs no connection.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import gradio as gr
from fastapi import APIRouter, Body
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from workbench.errors import UserError
from workbench.specs import check
from workbench.ui.chat import answering
from workbench.ui.chat.drawing import VIEWS, Drawing
from workbench.ui.live import answer, texts_of
from workbench.ui.look import mounting

if TYPE_CHECKING:
    from workbench.ui.app import App
    from workbench.ui.conversations import Conversation
    from workbench.ui.i18n import Texts

_BETWEEN_SECONDS = 0.1  # faster updates arrive late: the browser cannot draw them
_MANY_COLUMNS, _BETWEEN_MANY_SECONDS = 4, 0.2  # more columns than this are drawn half as often
_LOOK_SECONDS = 0.015
_PATIENCE_SECONDS = 5.0  # for an answer that is said to begin


def view() -> gr.HTML:
    """The conversation as a component; static/chat.js fills it. No data enters its template (it would be executed)."""
    return gr.HTML(
        html_template='<div class="wb-talk"></div>',
        js_on_load=mounting("chat.mount"),
        apply_default_css=False,
        elem_id="chat-talk",
    )


def router(app: App) -> APIRouter:
    """The page's own calls, in its language."""
    routes = APIRouter(prefix="/chat")

    @routes.get("/feed")
    async def feed(id: str, view: str = "text", lang: str = "en", wait: bool = False) -> StreamingResponse:
        drawing = Drawing(app, app.conversations.get(id), texts_of(lang), view if view in VIEWS else "text")
        return StreamingResponse(_lines(drawing, wait), media_type="application/x-ndjson")

    @routes.post("/act")
    def act(
        id: str = Body(embed=True),
        act: str = Body(embed=True),
        turn: int | None = Body(None, embed=True),
        column: str | None = Body(None, embed=True),
        text: str = Body("", embed=True),
        to: int = Body(0, embed=True),
        asked: str | None = Body(None, embed=True),
        own: dict[str, float] | None = Body(None, embed=True),
        lang: str = Body("en", embed=True),
    ) -> JSONResponse:
        """asked: the question that stands at the turn in the page; another tab may have put another one there."""
        t, talk = texts_of(lang), app.conversations.get(id)

        def action() -> dict[str, Any]:
            if act == "clear":
                fresh = app.conversations.clear(id)
                return {"version": fresh.version, "id": fresh.id}
            there = talk.turns[turn:][:1] if turn is not None and turn >= 0 else []
            if asked is not None and [each.question for each in there] != [asked]:
                raise UserError("chat_tab.changed")
            _act(app, t, talk, act, turn=turn, column=column, text=text, to=to, own=own or {})
            return {"version": talk.version}

        return answer(action, lang)

    @routes.get("/models")
    def models() -> dict[str, Any]:
        return app.models.state()

    @routes.post("/models")
    def change(
        act: str = Body(embed=True), key: str = Body("", embed=True), lang: str = Body("en", embed=True)
    ) -> JSONResponse:
        return answer(lambda: app.models.change(act, key, texts_of(lang)), lang)

    return routes


async def _lines(drawing: Drawing, wait: bool) -> AsyncIterator[str]:
    talk, began, sent, told, written = drawing.talk, time.monotonic(), 0.0, None, False
    while True:
        state = talk.version, talk.answering  # read before the drawing: what comes meanwhile is news again
        answering = state[1]
        # The first words go out at once, then about ten updates a second, and the end as soon as it is there.
        between = _BETWEEN_SECONDS if len(talk.columns) <= _MANY_COLUMNS else _BETWEEN_MANY_SECONDS
        early = written and answering and time.monotonic() - sent < between
        if state != told and not early:
            told = state
            update = await run_in_threadpool(drawing.update)
            if "cells" not in update or update["cells"] or not update["answering"]:
                yield json.dumps(update, ensure_ascii=False) + "\n"
                sent = time.monotonic()
                written = written or any(cell.get("tail") for cell in update.get("cells", ()))
        if answering:
            wait = False
        elif not wait or time.monotonic() - began > _PATIENCE_SECONDS:
            return
        await asyncio.sleep(_LOOK_SECONDS)


def _act(
    app: App, t: Texts, talk: Conversation, act: str, *, turn: int | None, column: str | None, text: str, to: int,
    own: dict[str, float],
) -> None:  # fmt: skip
    """Raises UserError for what cannot be done now."""
    columns = [column] if column else None
    match act:
        case "stop":
            talk.stop(column)
        case "retry":
            answering.ask(app, t, talk, None, columns=columns, place=turn)
        case "continue":
            answering.ask(app, t, talk, None, columns=columns, place=turn, keep=True)
        case "edit":
            answering.ask(app, t, talk, text, place=turn)
        case "rewrite" | "delete" | "branch":
            done = (
                talk.rewrite(turn or 0, column or "", text)
                if act == "rewrite"
                else talk.delete(turn or 0)
                if act == "delete"
                else talk.choose(turn or 0, to)
            )
            if not done:
                raise UserError("chat_tab.busy" if talk.answering else "chat_tab.no_such_turn")
        case "own":
            from workbench.chat.prompts import ChatOptions

            values = {name: value for name, value in own.items() if name in answering.SAMPLING}
            checked = check(ChatOptions, values).model_dump()  # 0.0 tokens and the like are refused here
            talk.set_own(column or "", {name: checked[name] for name in values})
        case _:
            raise UserError("chat_tab.unknown_act", value=act[:40])
