"""The runs tab's own calls: list, comparison, notes, names, trash and clean-up, as JSON beside the Gradio mounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr
from fastapi import APIRouter, Body, Query
from fastapi.responses import JSONResponse

from workbench import notices, presets, runs
from workbench.errors import WorkbenchError
from workbench.history import compare, disk, lines, shelf
from workbench.specs import STAGES, Knob, knobs
from workbench.ui.i18n import Texts
from workbench.ui.live import answer, texts_of
from workbench.ui.look import part

if TYPE_CHECKING:
    from workbench.ui.app import App

_LANG = Body("en", embed=True)


def runs_table(view_name: str) -> gr.HTML:
    """The history; static/runs.js fills it. A click shows a run in the named view."""
    return part("runs", "mountRuns", "runs-table", view=view_name)


def about(view_name: str) -> gr.HTML:
    """Notes, checkpoints and spec of the run that the named view shows."""
    return part("about", "mountAbout", "runs-about", view=view_name)


def router(app: App) -> APIRouter:
    """/live/runs, /live/compare, /live/about and what changes runs."""
    routes = APIRouter(prefix="/live")
    home = app.home

    @routes.get("/runs")
    def every(seen: str = "") -> dict[str, Any]:
        """lines is null for a page that has seen this very list."""
        found = app.summaries.every()
        mark = lines.mark_of(found)
        return {"mark": mark, "lines": None if mark == seen else found}

    @routes.get("/compare")
    def compared(name: list[str] = Query(default=[]), lang: str = "en") -> JSONResponse:
        def action() -> dict[str, Any]:
            found = compare.comparison([runs.find(home, each) for each in name])
            t = texts_of(lang)
            for difference in found["differences"]:
                difference["label"] = _label(difference["path"], t)
            return found

        return answer(action, lang)

    @routes.get("/about")
    def one(name: str, lang: str = "en") -> JSONResponse:
        return answer(lambda: _about(runs.find(home, name)), lang)

    @routes.post("/notes")
    def notes(name: str = Body(embed=True), text: str = Body(embed=True), lang: str = _LANG) -> JSONResponse:
        return answer(lambda: shelf.write_notes(runs.find(home, name), text) or {}, lang)

    @routes.post("/rename")
    def rename(name: str = Body(embed=True), new: str = Body(embed=True), lang: str = _LANG) -> JSONResponse:
        return answer(lambda: {"run": shelf.rename(home, name, new).name}, lang)

    @routes.post("/delete")
    def delete(names: list[str] = Body(embed=True), lang: str = _LANG) -> JSONResponse:
        return answer(lambda: {"keys": shelf.throw_away_all(home, names)}, lang)

    @routes.get("/trash")
    def trash() -> dict[str, Any]:
        found = shelf.trash(home)
        return {"runs": [item.to_json() for item in found], "disk_bytes": sum(item.disk_bytes for item in found)}

    @routes.post("/restore")
    def restore(key: str = Body(embed=True), lang: str = _LANG) -> JSONResponse:
        return answer(lambda: {"run": shelf.take_back(home, key).name}, lang)

    @routes.post("/empty-trash")
    def empty_trash(lang: str = _LANG) -> JSONResponse:
        return answer(lambda: {"freed_bytes": shelf.empty_trash(home)}, lang)

    @routes.get("/notices")
    def told(lang: str = "en") -> JSONResponse:
        return answer(lambda: _notices(notices.read(home)), lang)

    @routes.post("/notices")
    def tell(webhook: str = Body(embed=True), lang: str = _LANG) -> JSONResponse:
        """Only the webhook: what runs on this machine is set on its command line."""
        return answer(lambda: _notices(notices.set_webhook(home, webhook, local=False)), lang)

    @routes.post("/notices-test")
    def try_out(lang: str = _LANG) -> JSONResponse:
        def action() -> dict[str, Any]:
            notices.send_test(home)
            return _notices(notices.read(home))

        return answer(action, lang)

    @routes.get("/cleanup")
    def preview(keep: str = "best_and_last", lang: str = "en") -> JSONResponse:
        return answer(lambda: _removals(disk.removable(home, keep)), lang)

    @routes.post("/cleanup")
    def clean_up(
        keep: str = Body(embed=True), chosen: list[tuple[str, str]] = Body(embed=True), lang: str = _LANG
    ) -> JSONResponse:
        """chosen: the pairs (run, checkpoint) of the preview that was shown; nothing else goes."""
        return answer(lambda: _removals(disk.remove(home, keep, chosen)), lang)

    return routes


def _about(run: runs.Run) -> dict[str, Any]:
    """What the page shows of one run beside its curve."""
    line = lines.line(run)
    checkpoints = [
        {"name": path.name, "step": int(path.name.rpartition("-")[2]), "disk_bytes": disk.folder_bytes(path)}
        for path in run.checkpoints()
    ]
    try:
        spec = presets.dump(run.spec())
    except (WorkbenchError, OSError):  # of another version: shown as it stands
        spec = run.spec_path.read_text(encoding="utf-8", errors="replace")
    return {"line": line, "notes": shelf.notes(run), "checkpoints": checkpoints, "spec": spec}


def _notices(now: notices.Notices) -> dict[str, Any]:
    """The host alone: the rest of a webhook's address is often a secret."""
    return {"webhook_host": now.host, "command": now.command[0] if now.command else ""}


def _removals(found: list[disk.Removal]) -> dict[str, Any]:
    chosen = [{"run": item.run, "checkpoint": item.checkpoint, "disk_bytes": item.disk_bytes} for item in found]
    return {"checkpoints": chosen, "disk_bytes": sum(item.disk_bytes for item in found)}


def _label(path: str, t: Texts) -> str:
    item = _known().get(path)
    return t.knob(item)[0] if item else path


def _known() -> dict[str, Knob]:
    return {item.path: item for stage in STAGES.values() for item in knobs(stage)}
