"""What is opened -> the same rows in another format: as a download, or as a file beside the original."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from workbench.errors import WorkbenchError
from workbench.ui import forms
from workbench.ui.data.chosen import OFFER, Chosen, offered_html
from workbench.ui.data.progress import updates
from workbench.ui.data.result import is_result
from workbench.ui.i18n import Texts
from workbench.ui.tasks import Task


class Conversion:
    """The box below the report."""

    def __init__(self, chosen: Chosen, t: Texts) -> None:
        self.chosen, self.t = chosen, t

    def build(self) -> None:
        from workbench.data.targets import names
        from workbench.data.writers import CONTAINERS

        t = self.t
        with gr.Row(elem_classes=["wb-fields"]):
            self.to = gr.Dropdown(
                list(names()), value="messages", label=t("dataset.to"), info=t("dataset.to_help"), elem_id="data-to"
            )
            self.container = gr.Dropdown(
                list(CONTAINERS), value=".jsonl", label=t("dataset.container"), min_width=110, elem_id="data-container"
            )
            self.every_turn = gr.Checkbox(
                label=t("dataset.every_turn"), info=t("dataset.every_turn_help"), elem_id="data-every-turn"
            )
        with gr.Row():
            self.download = gr.Button(t("dataset.download"), size="sm", elem_id="data-download")
            self.keep = gr.Button(t("dataset.keep"), size="sm", elem_id="data-keep")
            self.halt = gr.Button(t("dataset.progress.stop"), size="sm", visible=False, elem_id="data-convert-stop")
        self.told = gr.HTML(apply_default_css=False, js_on_load=OFFER, elem_id="data-told")
        self.result = gr.File(label=t("dataset.result"), visible=False, interactive=False, elem_id="data-result")

    def wire(self) -> None:
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        given = [*self.chosen.how, self.to, self.container, self.every_turn]
        changed = [self.halt, self.told, self.result, self.chosen.file]
        for button, kept in ((self.download, False), (self.keep, True)):
            button.click(_bound(self.convert, kept), given, changed, concurrency_limit=None, **quiet)
        self.halt.click(self.stop, given, None, **quiet)
        self.told.click(self.chosen.take_offered, None, self.chosen.file, **quiet)

    def convert(self, *given: Any, kept: bool) -> Iterator[list[Any]]:
        *how, to, container, every_turn = given
        try:
            self.chosen.open(*how)  # refuses what is no source of the workspace
            task = self.chosen.files.tasks.start(
                _key(given), lambda task: self._write(how, to, container, every_turn, task), afresh=True
            )
        except WorkbenchError as error:
            yield self._refused(error)
            return
        for bar in updates(task, self.t):
            yield [gr.update(visible=True), bar, gr.update(visible=False), gr.skip()]
        if task.stopped:
            note = forms.plain(self.t("dataset.progress.stopped"))
            yield [gr.update(visible=False), f'<p class="wb-note">{note}</p>', gr.update(visible=False), gr.skip()]
        elif task.error is not None:
            yield self._refused(task.error)
        else:
            yield self._written(*task.result, how[0], kept)

    def _write(self, how: list[Any], to: str, container: str, every_turn: bool, task: Task) -> tuple[Any, Path]:
        from workbench.data.convert import convert_sources

        file, *reading = how
        folder = Path(tempfile.mkdtemp(dir=self.chosen.files.exports))
        out = folder / f"{stem_of(file)}.{to.removesuffix('.jinja')}{container}"
        found, read = self.chosen.files.parse(file), self.chosen.reading(*reading)
        return convert_sources(found, read, out, to, every_turn=every_turn, tell=task.tell), out

    def _written(self, report: Any, out: Path, file: str, kept: bool) -> list[Any]:
        files, shown = gr.skip(), out.name
        if kept:
            shown = self.chosen.files.add(out)
            files = self.chosen.again(file)
        text = self.t("dataset.kept_as", rows=f"{report.rows_written:,}", path=shown, bad=f"{report.rows_bad:,}")
        notes = "".join(f'<p class="wb-note">{forms.plain(item.text(self.t.language))}</p>' for item in report.warnings)
        result = gr.update(visible=False) if kept else gr.update(value=str(out), visible=True)
        told = offered_html(text, shown, self.t) if kept else f"<p>{forms.plain(text)}</p>"
        return [gr.update(visible=False), told + notes, result, files]

    def _refused(self, error: Exception) -> list[Any]:
        return [gr.update(visible=False), forms.problem(self.t.error(error)), gr.update(visible=False), gr.skip()]

    def stop(self, *given: Any) -> None:
        task = self.chosen.files.tasks.find(_key(given))
        if task is not None:
            task.stop()


def _bound(function: Any, kept: bool) -> Any:
    """Gradio tells a generator by its function: a lambda or a partial would be called as a plain one."""

    def handler(*given: Any) -> Iterator[list[Any]]:
        yield from function(*given, kept=kept)

    return handler


def _key(given: Any) -> tuple[Any, ...]:
    return ("convert", *(tuple(value) if isinstance(value, list) else value for value in given))


def stem_of(what: str) -> str:
    """A name for what is made of sources: "data/a.b.jsonl; data/c.json" -> "a-and-more"."""
    if is_result(what):
        return "result"
    first, _, rest = what.partition(";")
    name = re.split(r"[?#*]", first)[-1 if "#" in first else 0].strip().strip("/").rpartition("/")[2]
    stem = "".join(sign if sign.isalnum() or sign in "._- " else "_" for sign in name).strip(". ").split(".")[0]
    return (stem or "data") + ("-and-more" if rest.strip() else "")
