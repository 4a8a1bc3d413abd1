"""One row as the model sees it, and how long all rows are for that model: what is cut off, what would teach nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr

from workbench.data import styles
from workbench.data.load import Item
from workbench.data.reading import Seeing
from workbench.data.row_set import RowSet
from workbench.data.view import View
from workbench.errors import UserError, WorkbenchError
from workbench.ui import forms
from workbench.ui.data.chosen import Chosen
from workbench.ui.data.listed import CHOOSE
from workbench.ui.data.progress import updates
from workbench.ui.i18n import Texts
from workbench.ui.opened import Opened
from workbench.ui.report import lengths_html, raw_html
from workbench.ui.tasks import Task
from workbench.ui.tokens import token_html

if TYPE_CHECKING:
    from workbench.ui.app import App

_ROWS_AT_ONCE = 256


class Seen:
    """`how` are the components that say what the model is and where rows are cut off."""

    def __init__(self, app: App, chosen: Chosen, t: Texts) -> None:
        self.app, self.chosen, self.t = app, chosen, t
        self._loaded: set[str] = set()  # models that a row was painted for

    def build(self) -> None:
        t = self.t
        gr.Markdown(f"**{t('dataset.seen')}** {t('dataset.seen_help')}", elem_classes=["wb-note"])
        with gr.Row(elem_classes=["wb-fields"], elem_id="data-seen-how"):
            self.row = gr.Number(1, precision=0, minimum=1, label=t("dataset.row"), min_width=90, elem_id="data-row")
            self.model = gr.Dropdown(
                ["embedded"], value="embedded", allow_custom_value=True, label=t("dataset.model"), min_width=130,
                elem_id="data-model",
            )  # fmt: skip
            self.template = gr.Dropdown(
                [(t("dataset.own_template"), ""), *((name, name) for name in styles.names())], value="",
                label=t("dataset.template"), min_width=130, elem_id="data-seen-template",
            )  # fmt: skip
            self.max_length = gr.Number(
                1024, precision=0, minimum=8, label=t("dataset.max_length"), min_width=110, elem_id="data-max-length"
            )
        self.tokens = gr.HTML(self.blank(), apply_default_css=False, js_on_load=None, elem_id="data-tokens")
        with gr.Row():
            self.measure = gr.Button(t("dataset.lengths.measure"), size="sm", elem_id="data-measure")
            self.halt = gr.Button(t("dataset.progress.stop"), size="sm", visible=False, elem_id="data-measure-stop")
        self.lengths = gr.HTML(apply_default_css=False, js_on_load=CHOOSE, elem_id="data-lengths")

    @property
    def how(self) -> list[Any]:
        return [self.model, self.template, self.max_length]

    @property
    def beside(self) -> list[Any]:
        """What `first` is told behind `chosen.how`."""
        return [self._covered, *self.how]

    def wire(self, covered: gr.Checkbox, show: gr.Dropdown, choices: Any) -> None:
        """choices: a view -> the update of the filter, which knows the measured rows afterwards."""
        self._choices, self._covered = choices, covered
        painting = [*self.chosen.how, covered, self.row, *self.how]
        shown: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
        for trigger in (self.row.submit, self.model.input, self.template.input, self.max_length.submit,
                        self.max_length.blur, covered.input):  # fmt: skip
            trigger(self.paint, painting, self.tokens, **shown)
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        measuring = [*self.chosen.how, *self.how]
        self.measure.click(self.count, measuring, [self.halt, self.lengths, show], concurrency_limit=None, **quiet)
        self.halt.click(self.stop, measuring, None, **quiet)

    # -- one row ------------------------------------------------------------------------------------------------------

    def blank(self) -> str:
        return f'<p class="wb-note">{forms.plain(self.t("dataset.choose_row"))}</p>'

    def first(self, *given: Any) -> str:
        """A source's first row, painted where that loads no library and no model: a page that is opened again reads the
        file that stood in it."""
        *how, covered, model, template, max_length = given
        try:
            item = self.chosen.open(*how).ready().item(1)
        except Exception:  # the report says so
            return self.blank()
        if item is None or (item.record is not None and model not in self._loaded):
            return self.blank()
        return self._painted(item, covered, model, template, max_length)

    def paint(self, *given: Any) -> str:
        """The row's tokens from the same `render` that the trainer is fed by; a bad row's reason instead."""
        *how, covered, row, model, template, max_length = given
        try:
            view = self.chosen.open(*how).ready()
            item = view.item(int(row or 1))
            if item is None:
                raise UserError("dataset.no_row", row=int(row or 1), count=f"{view.count:,}")
        except WorkbenchError as error:
            return forms.problem(self.t.error(error))
        return self._painted(item, covered, model, template, max_length)

    def _painted(self, item: Item, covered: bool, model: str, template: str, max_length: float) -> str:
        from workbench.data.render import preview

        raw = raw_html(item, self.t, covered=covered)
        if item.record is None:
            if item.reason is None:
                return f'<p class="wb-note">{forms.plain(self.t("dataset.part_help"))}</p>{raw}'
            return forms.problem(item.reason.text(self.t.language)) + raw
        try:
            seeing = Seeing.of({"model": model, "template": template, "max_length": max_length})
            tokenizer = self.app.hub.tokenizer(seeing.model)
            self._loaded.add(model)
            document = preview(item.record, tokenizer, seeing.max_length, template=seeing.template, row=item.row)
        except Exception as error:
            return forms.problem(self.t.error(error)) + raw
        special = control_tokens(tokenizer)
        shown = token_html(document, self.t, special, covered=covered)
        if other := document.get("rejected"):
            names = [forms.plain(self.t(f"dataset.columns.{side}")) for side in ("chosen", "rejected")]
            other_shown = token_html(other, self.t, special, covered=covered)
            shown = f'<div class="wb-report"><h4>{names[0]}</h4>{shown}<h4>{names[1]}</h4>{other_shown}</div>'
        elif "label" in document:
            label = self.t("dataset.liked" if document["label"] else "dataset.disliked")
            shown = f'<p class="wb-note">{forms.plain(label)}</p>{shown}'
        return shown + raw

    # -- all rows -----------------------------------------------------------------------------------------------------

    def count(self, *given: Any) -> Iterator[list[Any]]:
        """Token lengths of all good rows, in the background: with progress, a stop, and what came of it so far."""
        *how, model, template, max_length = given
        try:
            opened = self.chosen.open(*how)
            view = opened.ready()
            task = self.chosen.files.tasks.start(
                _key(opened, *given[len(how) :]),
                lambda task: self._measure(view, model, template, max_length, task),
            )
        except WorkbenchError as error:
            yield [gr.update(visible=False), forms.problem(self.t.error(error)), gr.skip()]
            return
        for bar in updates(task, self.t):
            yield [gr.update(visible=True), bar, gr.skip()]
        if task.error is not None:
            yield [gr.update(visible=False), forms.problem(self.t.error(task.error)), gr.skip()]
            return
        if task.stopped or task.result is None:
            note = forms.plain(self.t("dataset.progress.stopped"))
            yield [gr.update(visible=False), f'<p class="wb-note">{note}</p>', gr.skip()]
            return
        figures, why = task.result
        for name, rows in why.items():  # another measurement may have replaced them
            view.found[name] = rows
        yield [gr.update(visible=False), lengths_html(figures, self.t), self._choices(view)]

    def _measure(self, view: View, model: str, template: str, max_length: float, task: Task) -> tuple[Any, Any]:
        from workbench.data.lengths import measure

        task.tell(None)
        seeing = Seeing.of({"model": model, "template": template, "max_length": max_length})
        good = view.select(["good"]) or RowSet()

        def items() -> Iterator[Item]:
            rows, done = iter(good), 0
            while some := list(itertools.islice(rows, _ROWS_AT_ONCE)):
                task.tell(done / len(good), done)
                yield from view.iterate(some)
                done += len(some)

        lengths = measure(items(), self.app.hub.tokenizer(seeing.model), seeing)
        found = {"truncated": lengths.truncated, "untrained": lengths.untrained, "refused": lengths.refused}
        return lengths.statistics(), found

    def stop(self, *given: Any) -> None:
        *how, model, template, max_length = given
        task = self.chosen.files.tasks.find(_key(self.chosen.open(*how), model, template, max_length))
        if task is not None:
            task.stop()


def _key(opened: Opened, *how: Any) -> tuple[Any, ...]:
    return ("lengths", opened.key, *how)


def control_tokens(tokenizer: Any) -> frozenset[int]:
    """Ids that are no text: the named ones (end of text …) and those that the template writes."""
    added = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    return frozenset(added | set(tokenizer.all_special_ids))
