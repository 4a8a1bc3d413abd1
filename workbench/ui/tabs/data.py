"""A data file -> what it holds, row by row as the model sees it, and what is made of it."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import gradio as gr

from workbench.ui import forms, remembered
from workbench.ui.data.bad import Bad
from workbench.ui.data.chosen import Chosen
from workbench.ui.data.columns import Columns
from workbench.ui.data.conversion import Conversion
from workbench.ui.data.listed import CHOOSE, Listed, event_of
from workbench.ui.data.recipe import Recipe
from workbench.ui.data.result import is_result
from workbench.ui.data.seen import Seen
from workbench.ui.i18n import Texts
from workbench.ui.opened import Opened
from workbench.ui.report import report_html
from workbench.ui.tabs import make

if TYPE_CHECKING:
    from workbench.ui.app import App

log = logging.getLogger(__name__)

_AT_ONCE_SECONDS = 0.3  # small files are there when the click is answered; the timer brings the rest


def build(app: App, t: Texts) -> Data:
    tab = Data(app, t)
    with gr.Row(elem_classes=["wb-data"]):
        with gr.Column(scale=4, min_width=320):
            tab.chosen.build()
            with gr.Row():
                tab.halt = gr.Button(
                    t("dataset.progress.stop_reading"), size="sm", visible=False, elem_id="data-scan-stop"
                )
            tab.report = gr.HTML(tab.nothing(), apply_default_css=False, js_on_load=CHOOSE, elem_id="data-report")
            tab.bad.build()
            tab.chosen.offer()
            tab.columns.build()
            with gr.Accordion(t("dataset.convert"), open=False, elem_id="data-convert"):
                tab.conversion.build()
            tab.recipe.build()
        with gr.Column(scale=6, min_width=320):
            tab.listed.build()
            tab.seen.build()
            tab.recipe.build_edit()
    _wire(tab)
    make.build(app, t, tab.chosen.file)
    return tab


def _wire(tab: Data) -> None:
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    chosen, listed, seen = tab.chosen, tab.listed, tab.seen
    how = chosen.how
    # Left to itself Gradio drops what follows an event while an answer to the one before is under way: a file that is
    # chosen right after another would never be read.
    latest = quiet | {"trigger_mode": "always_last"}
    tab.pending = gr.Textbox(visible=False)  # names the source whose scan is not over yet
    looked = [tab.report, chosen.problem, tab.pending, tab.halt, tab.bad.button, chosen.repairs, listed.show,
              *listed.listing]  # fmt: skip
    where = [*how, *listed.where, seen.row]
    chosen.wire()
    listed.wire(seen.row)
    seen.wire(listed.covered, listed.show, listed.choices)
    tab.bad.wire()
    tab.conversion.wire()
    tab.recipe.wire(seen.row)
    read: list[Any] = []
    # .change: an upload fills the box too. What was mapped and repaired by hand is the file before.
    sources = [(chosen.file.change, tab.of_the_source() | {chosen.mapping: "", chosen.repairs: []}),
               *((box.change, tab.of_the_source()) for box in (chosen.source, chosen.encoding))]  # fmt: skip
    same_source = [*(event.then for event in tab.columns.wire()), chosen.repairs.input]
    painted: list[Any] = []
    for event, empty in (*sources, *((event, tab.of_the_reading()) for event in same_source)):
        # In the browser, at once: an answer that came late would take back what was done with the new rows by then.
        forgotten = event(None, None, list(empty), js=f"() => {json.dumps(list(empty.values()))}", **quiet)
        read.append(forgotten.then(tab.look, how, looked, **latest))
        painted.append(read[-1].then(seen.first, [*how, *seen.beside], seen.tokens, **latest))
    for event in read[: len(sources)]:
        event.then(tab.columns.offer, how, [tab.columns.saved, *tab.columns.roles], **latest)
    remembered.keep("data", [chosen.file, chosen.source, chosen.encoding], store="sessionStorage")
    # The row's number may be the same: what can be edited is another row all the same. At once, not behind the tokens:
    # who has begun to edit would lose what was typed.
    for event in read:
        event.then(tab.recipe.show_row, [*how, seen.row], tab.recipe.editor.code, **latest)
    tab.halt.click(tab.stop, how, None, **quiet)
    gr.Timer(1.0).tick(tab.poll, [*where, tab.pending], looked, **quiet)
    for html in (listed.rows, tab.report, seen.lengths):
        # A row that is chosen while the first one is still being painted stays chosen.
        html.click(
            tab.choose, [*where, *seen.how], [seen.row, seen.tokens, listed.show, *listed.listing], cancels=painted,
            **quiet,
        )  # fmt: skip


class Data:
    """The tab's parts in one language, and what happens between them."""

    report: gr.HTML
    halt: gr.Button
    pending: gr.Textbox

    def __init__(self, app: App, t: Texts) -> None:
        self.app, self.t = app, t
        self.chosen = Chosen(app, t)
        self.listed = Listed(self.chosen, t)
        self.seen = Seen(app, self.chosen, t)
        self.bad = Bad(self.chosen, t)
        self.conversion = Conversion(self.chosen, t)
        self.columns = Columns(app, self.chosen, t)
        self.recipe = Recipe(app, self.chosen, t)

    def of_the_reading(self) -> dict[Any, Any]:
        """What is said and shown of the rows as they are read now, and what its boxes hold before anything is."""
        seen, listed = self.seen, self.listed
        # A filter that the new rows do not have is refused by Gradio, at every turn of a page.
        return {seen.row: 1, seen.tokens: seen.blank(), seen.lengths: "", listed.search: "", listed.show: "all"}

    def of_the_source(self) -> dict[Any, Any]:
        """The same of the source, however it is read."""
        columns = self.columns
        assigned = {columns.saved: None, **dict.fromkeys(columns.roles, ""), columns.shown: ""}
        return self.of_the_reading() | assigned

    def nothing(self) -> str:
        text = self.t("dataset.nothing", folder=self.chosen.files.folder)
        return f'<p class="wb-note">{forms.plain(text)}</p>'

    def look(self, *how: Any) -> list[Any]:
        """The report and the first page; a large file goes on being read meanwhile."""
        if not how[0]:
            return self._looked(self.nothing(), "", None)
        try:
            opened = self.chosen.open(*how)
        except Exception as error:
            return self._looked("", forms.problem(self.t.error(error)), None)
        opened.wait_to_show(_AT_ONCE_SECONDS)
        listing = ("", "", 1)
        if opened.view is not None:
            listing = self.listed.render(opened.view, "all", "", True, 1, 1)
        note = f'<p class="wb-note">{forms.plain(self.t("dataset.recipe.looking"))}</p>' if is_result(how[0]) else ""
        report = note + report_html(opened, self.t)
        looked = self._looked(report, "", opened, "" if opened.done else how[0], listing)
        looked[6]["value"] = "all"
        return looked

    def poll(self, *given: Any) -> list[Any]:
        """What a timer brings while a scan goes on; nothing otherwise."""
        *how, show, search, covered, page, row, pending = given
        if not pending or pending != how[0]:
            return [gr.skip()] * 10
        try:
            opened = self.chosen.open(*how)
        except Exception:  # deleted meanwhile; the next click says so
            log.warning("a scan could not be followed", exc_info=True)
            return [gr.skip(), gr.skip(), "", *[gr.skip()] * 7]
        listing: Any = [gr.skip()] * 3
        if opened.view is not None:
            listing = self.listed.render(opened.view, show, search, covered, int(page or 1), int(row or 1))
        return self._looked(report_html(opened, self.t), gr.skip(), opened, "" if opened.done else pending, listing)

    def _looked(
        self, report: str, problem: Any, opened: Opened | None, pending: str = "", listing: Any = ("", "", 1)
    ) -> list[Any]:
        """report, problem, pending, stop, bad rows' button, repairs, filter, rows, pages, page"""
        view = opened.view if opened is not None else None
        if view is None or opened is None:
            return [report, problem, pending, gr.update(visible=bool(pending)), gr.update(visible=False),
                    gr.update(visible=False, value=[]), gr.update(value="all"), *listing]  # fmt: skip
        ended = opened.done and opened.error is None
        repairs = self._repairs(opened) if ended else gr.skip()
        return [report, problem, pending, gr.update(visible=not opened.done),
                gr.update(visible=ended and view.report.rows_bad > 0), repairs, self.listed.choices(view),
                *listing]  # fmt: skip

    def _repairs(self, opened: Opened) -> Any:
        """What is offered, with how many rows each would change; the chosen ones say how many they did."""
        report = opened.ready().report
        counts = report.offers + report.repaired
        chosen = list(opened.ready().reading.repairs)
        names = [*chosen, *(name for name, count in counts.most_common() if count and name not in chosen)]
        choices = [
            (self.t("dataset.repairs.offer", what=self.t(f"dataset.repairs.{name}"), count=f"{counts[name]:,}"), name)
            for name in names
        ]
        return gr.update(choices=choices, value=chosen, visible=bool(choices))

    def stop(self, *how: Any) -> None:
        """End a scan: what was read until then stays in view."""
        self.chosen.open(*how).task.stop()

    def choose(self, event: gr.EventData, *given: Any) -> list[Any]:
        """A row that was clicked: marked in the list and painted; a name that was clicked: its rows are listed."""
        *where, model, template, max_length = given
        *how, show, search, covered, page, row = where
        asked = event_of(event)
        if asked["show"]:
            listing = self.listed.turn(*how, asked["show"], "", covered, 1, row)
            return [gr.skip(), gr.skip(), asked["show"], *listing]
        chosen = asked["row"] or int(row or 1)
        tokens = self.seen.paint(*how, covered, chosen, model, template, max_length)
        return [chosen, tokens, gr.skip(), *self.listed.turn(*how, show, search, covered, page, chosen)]
