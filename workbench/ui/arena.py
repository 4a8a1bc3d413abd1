"""Matches, votes, their results and the rows that come of them, as JSON beside the Gradio mounts; static/arena.js."""

from __future__ import annotations

import secrets
from collections import defaultdict
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import gradio as gr
from fastapi import APIRouter, Body
from fastapi.responses import JSONResponse

from workbench.chat import preferences, prompt_sets, votes
from workbench.chat.standings import standings
from workbench.ui.chat.growing import Growing
from workbench.ui.live import answer, texts_of
from workbench.ui.look import part

if TYPE_CHECKING:
    from workbench.chat.arena import Match
    from workbench.ui.app import App

_LANG = Body("en", embed=True)


def view() -> gr.HTML:
    """The arena; no data enters its template (it would be executed)."""
    return part("arena", "mountArena", "arena")


def router(app: App) -> APIRouter:
    """/live/arena/…: what can meet, a match, its vote, the table of results, and rows for training."""
    routes = APIRouter(prefix="/live/arena")
    table: dict[Any, dict[str, Any]] = {}  # the last results, by what they were made of
    drawings: WeakKeyDictionary[Match, dict[tuple[str, int], Growing]] = WeakKeyDictionary()

    def drawn(match: Match, lang: str) -> dict[str, Any]:
        """What a page may know of a match, each answer also as safe HTML."""
        t = texts_of(lang)
        shown = match.shown(t.error)
        mine = drawings.setdefault(match, defaultdict(Growing))
        for place, side in enumerate(shown["sides"]):
            side["html"] = mine[t.language, place].html(side["text"], t, side["done"]) if side["text"] else ""
        return shown

    @routes.get("/columns")
    def columns(lang: str = "en") -> JSONResponse:
        """What can be asked, which lists of questions there are, and where good answers can go."""

        def action() -> dict[str, Any]:
            choices = app.columns.choices(texts_of(lang))
            return {
                "choices": [{"label": label, "name": name} for label, name in choices],
                "sets": list(prompt_sets.shipped()),
                "datasets": preferences.datasets(app.home),
            }

        return answer(action, lang)

    @routes.post("/begin")
    def begin(
        pool: list[str] = Body(embed=True),
        prompt: str | list[Any] = Body(embed=True),
        options: dict[str, Any] = Body({}, embed=True),
        model: str = Body("", embed=True),
        sides: int = Body(2, embed=True),
        blind: bool = Body(True, embed=True),
        lang: str = _LANG,
    ) -> JSONResponse:
        def action() -> dict[str, Any]:
            chosen = model_of(app, model, pool)
            return drawn(app.arena.begin(pool, prompt, options, chosen, sides=sides, blind=blind), lang)

        return answer(action, lang)

    @routes.get("/match")
    def match(id: str, lang: str = "en") -> JSONResponse:
        return answer(lambda: drawn(app.arena.get(id), lang), lang)

    @routes.post("/stop")
    def stop(id: str = Body(embed=True), lang: str = _LANG) -> JSONResponse:
        return answer(lambda: app.arena.get(id).stop() or {}, lang)

    @routes.post("/vote")
    def vote(id: str = Body(embed=True), winner: int | str = Body(embed=True), lang: str = _LANG) -> JSONResponse:
        def action() -> dict[str, Any]:
            found = app.arena.get(id)
            found.judge(app.home, winner)
            return drawn(found, lang)

        return answer(action, lang)

    @routes.get("/draw")
    def draw(name: str, lang: str = "en") -> JSONResponse:
        """One question of a shipped list."""
        return answer(lambda: {"prompt": secrets.choice(prompt_sets.load(name))}, lang)

    @routes.get("/standings")
    def results(blind: bool = False, lang: str = "en") -> JSONResponse:
        """blind: of blind votes alone. The bootstrap takes a second or more, so the last answer is kept."""

        def action() -> dict[str, Any]:
            file = votes.path(app.home)
            mark = (file.stat().st_mtime_ns, file.stat().st_size, blind) if file.exists() else (0, 0, blind)
            if mark not in table:
                cast = [row for row in votes.read(app.home) if not blind or row.get("blind")]
                found = standings(cast)
                table.clear()
                table[mark] = found
            return table[mark]

        return answer(action, lang)

    @routes.post("/preferences")
    def make_rows(name: str = Body(preferences.DEFAULT_NAME, embed=True), lang: str = _LANG) -> JSONResponse:
        return answer(lambda: preferences.write(app.home, name), lang)

    @routes.post("/keep")
    def keep(
        name: str = Body(embed=True),
        prompt: str | list[Any] = Body(embed=True),
        text: str = Body(embed=True),
        instead_of: str = Body("", embed=True),
        column: str = Body("", embed=True),
        lang: str = _LANG,
    ) -> JSONResponse:
        """A good answer as a row of a data set; instead_of: what the model said, when the pair shall teach too."""
        return answer(
            lambda: preferences.keep(app.home, name, prompt, text, instead_of=instead_of, column=column), lang
        )

    return routes


def model_of(app: App, model: str, columns: list[str]) -> str:
    """The base model the page chose, else the one that the columns were trained on."""
    from workbench.chat import columns as naming

    return model.strip() or naming.base_of(app.home, columns, foreign=False)
