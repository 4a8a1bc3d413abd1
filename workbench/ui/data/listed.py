"""The rows of what is opened, by page: filtered by what is wrong with them, and searched; a row can be chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import gradio as gr

from workbench.data.view import View
from workbench.errors import WorkbenchError
from workbench.ui import forms
from workbench.ui.data.chosen import Chosen
from workbench.ui.data.progress import updates
from workbench.ui.i18n import Texts
from workbench.ui.opened import Opened
from workbench.ui.pager import Pager
from workbench.ui.report import rows_html

PAGE_ROWS = 15
# A click on anything with data-row chooses that row; one with data-show lists the rows of that name.
CHOOSE = """element.addEventListener('click', (event) => {
  const target = event.target.closest('[data-row], [data-show]');
  if (target) trigger('click', {row: Number(target.dataset.row || 0), show: target.dataset.show || ''});
});"""


class Listed:
    """`where` are the components that say which page of which rows."""

    def __init__(self, chosen: Chosen, t: Texts) -> None:
        self.chosen, self.t = chosen, t

    def build(self) -> None:
        t = self.t
        with gr.Row(equal_height=True, elem_classes=["wb-pager"]):
            self.show = gr.Dropdown(
                [(t("dataset.all"), "all")], value="all", show_label=False, container=False, min_width=130,
                elem_id="data-show", label=t("dataset.show"),
            )  # fmt: skip
            self.search = gr.Textbox(
                placeholder=t("dataset.search"), show_label=False, container=False, min_width=120,
                elem_id="data-search", label=t("dataset.search"), max_lines=1,
            )  # fmt: skip
            self.halt = gr.Button(
                t("dataset.progress.stop"), size="sm", min_width=50, elem_id="data-search-stop", visible=False
            )
            self.pager = Pager(t, "data")
            self.covered = gr.Checkbox(
                True, label=t("dataset.covered"), container=False, min_width=60, elem_id="data-covered"
            )
        self.rows = gr.HTML(apply_default_css=False, js_on_load=CHOOSE, elem_id="data-rows")

    @property
    def where(self) -> list[Any]:
        return [self.show, self.search, self.covered, self.pager.page]

    @property
    def listing(self) -> list[Any]:
        return [self.rows, self.pager.where, self.pager.page]

    def wire(self, row: gr.Number) -> None:
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        given = [*self.chosen.how, *self.where, row]
        for trigger in (self.pager.page.submit, self.pager.page.blur, self.covered.input):
            trigger(self.turn, given, self.listing, **quiet)
        self.show.input(lambda *given: self.turn(*given[:-2], 1, given[-1]), given, self.listing, **quiet)
        for button, step in ((self.pager.back, -1), (self.pager.forth, 1)):
            button.click(lambda *given, step=step: self.turn(*given, step=step), given, self.listing, **quiet)
        self.search.submit(self.find, given, [self.halt, *self.listing], concurrency_limit=None, **quiet)
        self.halt.click(self.stop, [*self.chosen.how, self.search], None, **quiet)

    # -- handlers -----------------------------------------------------------------------------------------------------

    def turn(self, *given: Any, step: int = 0) -> list[Any]:
        """Another page, or other rows of the same source."""
        *how, show, search, covered, page, row = given
        try:
            view = self.chosen.open(*how).ready()
        except WorkbenchError:
            return [gr.skip()] * 3
        return list(self.render(view, show, search, covered, int(page or 1) + step, int(row or 1)))

    def find(self, *given: Any) -> Iterator[list[Any]]:
        """The rows that hold a text, in the whole source; with progress and a stop where that takes long."""
        *how, show, search, covered, _, row = given
        try:
            opened = self.chosen.open(*how)
            view = opened.ready()
        except WorkbenchError as error:
            yield [gr.update(visible=False), gr.skip(), forms.problem(self.t.error(error)), gr.skip()]
            return
        needle = search.strip()
        if needle:
            task = self.chosen.files.tasks.start(
                _key(opened, needle), lambda task: view.search(needle, task.tell), afresh=not _known(view, needle)
            )
            for bar in updates(task, self.t):
                yield [gr.update(visible=True), gr.skip(), bar, gr.skip()]
            if task.error is not None:
                yield [gr.update(visible=False), gr.skip(), forms.problem(self.t.error(task.error)), gr.skip()]
                return
        yield [gr.update(visible=False), *self.render(view, show, needle, covered, 1, int(row or 1))]

    def stop(self, *given: Any) -> None:
        *how, search = given
        task = self.chosen.files.tasks.find(_key(self.chosen.open(*how), search.strip()))
        if task is not None:
            task.stop()

    # -- what they show -----------------------------------------------------------------------------------------------

    def render(self, view: View, show: str, search: str, covered: bool, page: int, chosen: int) -> tuple[str, str, int]:
        """(the rows, where they stand, the page's number brought into its bounds)"""
        needle = search.strip()
        names = [show, f"search:{needle}" if needle and _known(view, needle) else ""]
        items, count = view.page(page, PAGE_ROWS, names)
        pages = max(1, -(-count // PAGE_ROWS))
        if not 1 <= page <= pages:
            page = min(max(1, page), pages)
            items, _ = view.page(page, PAGE_ROWS, names)
        text = self.t("dataset.pages", pages=f"{pages:,}", count=f"{count:,}")
        listed = rows_html(items, chosen, self.t, covered=covered)
        return listed, f'<span class="wb-note">{forms.plain(text)}</span>', page

    def choices(self, view: View) -> Any:
        """The filter's choices with how many rows each has; nothing else of it changes."""
        counts = view.names()
        found = [(self.t("dataset.all"), "all")]
        for name, count in counts.items():
            if not name.startswith("search:"):
                found.append((f"{self.named(name, view)} ({count:,})", name))
        return gr.update(choices=found)

    def named(self, name: str, view: View) -> str:
        """A set of rows as a person reads it."""
        group, _, value = name.partition(":")
        if group == "kind":
            return self.t(f"dataset.kinds.{value}")
        if group == "format":
            return value
        if group == "code":
            return self.t(f"dataset.codes.{value}")
        return self.t(f"dataset.sets.{name}")


def _key(opened: Opened, needle: str) -> tuple[Any, ...]:
    return ("search", opened.key, needle)


def _known(view: View, needle: str) -> bool:
    return f"search:{needle}" in view.found


def event_of(event: Any) -> Mapping[str, Any]:
    """What CHOOSE sent: {"row", "show"}."""
    return {"row": int(getattr(event, "row", 0) or 0), "show": str(getattr(event, "show", "") or "")}
