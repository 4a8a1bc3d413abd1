"""A data file -> what it holds, row by row as the model sees it, and the same rows in another format."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from workbench.data import styles
from workbench.errors import UserError, WorkbenchError
from workbench.ui import forms
from workbench.ui.i18n import Texts
from workbench.ui.opened import ROWS_KEPT, Opened, OpenedFiles
from workbench.ui.report import raw_html, report_html, rows_html
from workbench.ui.tabs import make
from workbench.ui.tokens import token_html

if TYPE_CHECKING:
    from workbench.ui.app import App

log = logging.getLogger(__name__)

PAGE_ROWS = 15
_AT_ONCE_SECONDS = 1.0  # small files are there when the click is answered; the timer brings the rest
_ENCODINGS = ("utf-8", "gb18030", "big5", "utf-16")
# A click on anything with data-row chooses that row.
_CHOOSE = """element.addEventListener('click', (event) => {
  const target = event.target.closest('[data-row]');
  if (target) trigger('click', {row: Number(target.dataset.row)});
});"""


def build(app: App, t: Texts) -> Data:
    tab = Data(app, t)
    with gr.Row(elem_classes=["wb-data"]):
        with gr.Column(scale=4, min_width=320):
            files = tab.files.choices()
            with gr.Row():
                tab.file = gr.Dropdown(
                    files,
                    value=None,
                    label=t("dataset.file"),
                    info=t("dataset.file_help"),
                    elem_id="data-file",
                    scale=3,
                    min_width=180,
                )
                tab.upload = gr.UploadButton(t("dataset.upload"), size="sm", min_width=100, elem_id="data-upload")
            with gr.Accordion(t("dataset.read_as"), open=False, elem_id="data-read-as"), gr.Row():
                auto = (t("dataset.auto"), "")
                tab.source = gr.Dropdown(
                    [auto, *((slug, slug) for slug in known_slugs())],
                    value="",
                    label=t("dataset.source"),
                    info=t("dataset.source_help"),
                    elem_id="data-source",
                )
                tab.encoding = gr.Dropdown(
                    [auto, *((name, name) for name in _ENCODINGS)],
                    value="",
                    allow_custom_value=True,
                    label=t("dataset.encoding"),
                    info=t("dataset.encoding_help"),
                    elem_id="data-encoding",
                )
            tab.problem = gr.HTML(apply_default_css=False, js_on_load=None, elem_id="data-problem")
            tab.report = gr.HTML(tab.nothing(), apply_default_css=False, js_on_load=_CHOOSE, elem_id="data-report")
            with gr.Accordion(t("dataset.convert"), open=False, elem_id="data-convert"):
                _conversion(tab, t)
        with gr.Column(scale=6, min_width=320):
            _rows(tab, t)
    _wire(tab)
    make.build(app, t, tab.file)
    return tab


def _rows(tab: Data, t: Texts) -> None:
    shows = [(t("dataset.all"), "all"), (t("dataset.only_good"), "good"), (t("dataset.only_bad"), "bad")]
    with gr.Row(equal_height=True, elem_classes=["wb-pager"]):
        tab.show = gr.Dropdown(
            shows,
            value="all",
            show_label=False,
            container=False,
            min_width=130,
            elem_id="data-show",
            label=t("dataset.show"),
        )
        tab.back = gr.Button(t("dataset.previous"), size="sm", min_width=36, elem_id="data-back")
        tab.page = gr.Number(
            1, precision=0, minimum=1, show_label=False, container=False, min_width=70, elem_id="data-page",
            label=t("dataset.page"),
        )  # fmt: skip
        tab.forth = gr.Button(t("dataset.next"), size="sm", min_width=36, elem_id="data-forth")
        tab.pages = gr.HTML(apply_default_css=False, js_on_load=None, elem_id="data-pages")
    tab.rows = gr.HTML(apply_default_css=False, js_on_load=_CHOOSE, elem_id="data-rows")
    gr.Markdown(f"**{t('dataset.seen')}** {t('dataset.seen_help')}", elem_classes=["wb-note"])
    with gr.Row(elem_classes=["wb-fields"]):
        tab.row = gr.Number(1, precision=0, minimum=1, label=t("dataset.row"), min_width=90, elem_id="data-row")
        tab.model = gr.Dropdown(
            ["embedded"],
            value="embedded",
            allow_custom_value=True,
            label=t("dataset.model"),
            min_width=130,
            elem_id="data-model",
        )
        tab.template = gr.Dropdown(
            [(t("dataset.own_template"), ""), *((name, name) for name in styles.names())],
            value="",
            label=t("dataset.template"),
            min_width=130,
            elem_id="data-seen-template",
        )
        tab.max_length = gr.Number(
            1024, precision=0, minimum=8, label=t("dataset.max_length"), min_width=110, elem_id="data-max-length"
        )
    tab.tokens = gr.HTML(
        f'<p class="wb-note">{forms.plain(t("dataset.choose_row"))}</p>',
        apply_default_css=False,
        js_on_load=None,
        elem_id="data-tokens",
    )


def _conversion(tab: Data, t: Texts) -> None:
    from workbench.data.targets import names
    from workbench.data.writers import CONTAINERS

    with gr.Row(elem_classes=["wb-fields"]):
        tab.to = gr.Dropdown(
            list(names()), value="messages", label=t("dataset.to"), info=t("dataset.to_help"), elem_id="data-to"
        )
        tab.container = gr.Dropdown(
            list(CONTAINERS), value=".jsonl", label=t("dataset.container"), min_width=110, elem_id="data-container"
        )
        tab.every_turn = gr.Checkbox(
            label=t("dataset.every_turn"), info=t("dataset.every_turn_help"), elem_id="data-every-turn"
        )
    with gr.Row():
        tab.download = gr.Button(t("dataset.download"), elem_id="data-download")
        tab.keep = gr.Button(t("dataset.keep"), elem_id="data-keep")
    tab.told = gr.HTML(apply_default_css=False, js_on_load=None, elem_id="data-told")
    tab.result = gr.File(label=t("dataset.result"), visible=False, interactive=False, elem_id="data-result")


def _wire(tab: Data) -> None:
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    how = [tab.file, tab.source, tab.encoding]
    tab.pending = gr.Textbox(visible=False)  # names the file whose scan is not over yet
    listed = [tab.rows, tab.pages, tab.page]
    looked = [tab.report, tab.problem, tab.pending, *listed]
    seen = [*how, tab.row, tab.model, tab.template, tab.max_length]
    tab.upload.upload(tab.take, tab.upload, [tab.file, tab.problem], api_visibility="private")
    for field in how:  # .change: an upload fills the box too
        field.change(tab.look, how, looked, **quiet).then(tab.first, how, [tab.row, tab.tokens], **quiet)
    tab.file.focus(tab.again, None, tab.file, **quiet)
    gr.Timer(1.0).tick(tab.poll, [*how, tab.pending], looked, **quiet)
    for trigger in (tab.show.input, tab.page.submit, tab.page.blur):
        trigger(tab.turn, [*how, tab.show, tab.page, tab.row], listed, **quiet)
    for button, step in ((tab.back, -1), (tab.forth, 1)):
        button.click(
            lambda *given, step=step: tab.turn(*given, step=step), [*how, tab.show, tab.page, tab.row], listed, **quiet
        )
    for html in (tab.rows, tab.report):
        html.click(tab.choose, [*how, tab.show, tab.page, tab.row, *seen[4:]], [tab.row, tab.tokens, *listed], **quiet)
    for trigger in (tab.row.submit, tab.model.input, tab.template.input, tab.max_length.submit, tab.max_length.blur):
        trigger(tab.paint, seen, tab.tokens, api_visibility="private", show_progress="minimal")
    converting = [*how, tab.to, tab.container, tab.every_turn]
    for button, kept in ((tab.download, False), (tab.keep, True)):
        button.click(
            lambda *given, kept=kept: tab.convert(*given, kept=kept),
            converting,
            [tab.told, tab.result, tab.file],
            api_visibility="private",
        )


class Data:
    """The tab's components and handlers in one language."""

    file: gr.Dropdown
    upload: gr.UploadButton
    source: gr.Dropdown
    encoding: gr.Dropdown
    problem: gr.HTML
    report: gr.HTML
    show: gr.Dropdown
    back: gr.Button
    forth: gr.Button
    page: gr.Number
    pages: gr.HTML
    rows: gr.HTML
    row: gr.Number
    model: gr.Dropdown
    template: gr.Dropdown
    max_length: gr.Number
    tokens: gr.HTML
    to: gr.Dropdown
    container: gr.Dropdown
    every_turn: gr.Checkbox
    download: gr.Button
    keep: gr.Button
    told: gr.HTML
    result: gr.File
    pending: gr.Textbox

    def __init__(self, app: App, t: Texts) -> None:
        self.app, self.t = app, t
        self.files: OpenedFiles = app.opened

    # -- the file -------------------------------------------------------------------------------------------------
    def nothing(self) -> str:
        text = self.t("dataset.nothing", folder=self.files.folder)
        return f'<p class="wb-note">{forms.plain(text)}</p>'

    def again(self) -> Any:
        """The data folder as it is now."""
        return gr.update(choices=self.files.choices())

    def take(self, upload: str) -> list[Any]:
        """An upload becomes a file of the workspace and is chosen."""
        try:
            name = self.files.add(upload)
        except OSError as error:
            return [gr.skip(), self._say(error)]
        return [gr.update(choices=self.files.choices(), value=name), ""]

    def look(self, file: str | None, source: str, encoding: str) -> list[Any]:
        """The report and the first page; a large file goes on being read meanwhile."""
        if not file:
            return [self.nothing(), "", "", "", "", 1]
        try:
            opened = self._opened(file, source, encoding)
        except Exception as error:
            return ["", self._say(error), "", "", "", 1]
        opened.wait(_AT_ONCE_SECONDS)
        return self._looked(opened, file)

    def poll(self, file: str | None, source: str, encoding: str, pending: str) -> list[Any]:
        """What a timer brings while a scan goes on; nothing otherwise."""
        if not pending or pending != file:
            return [gr.skip()] * 6
        try:
            return self._looked(self._opened(file, source, encoding), file)
        except Exception:  # deleted meanwhile; the next click says so
            log.warning("a scan could not be followed", exc_info=True)
            return [*[gr.skip()] * 2, "", *[gr.skip()] * 3]

    def _looked(self, opened: Opened, file: str) -> list[Any]:
        rows, pages, page = self._page(opened, "all", 1, 1)
        return [report_html(opened, self.t), "", "" if opened.done else file, rows, pages, page]

    def _opened(self, file: str | None, source: str, encoding: str) -> Opened:
        if not file:
            raise UserError("dataset.nothing_chosen")
        return self.files.open(file, source=source or None, encoding=encoding or None)

    # -- rows -----------------------------------------------------------------------------------------------------
    def turn(
        self,
        file: str | None,
        source: str,
        encoding: str,
        show: str,
        page: float | None,
        row: float | None,
        step: int = 0,
    ) -> list[Any]:
        """Another page, or other rows of the same file."""
        try:
            opened = self._opened(file, source, encoding)
        except WorkbenchError:
            return [gr.skip()] * 3
        return list(self._page(opened, show, int(page or 1) + step, int(row or 1)))

    def _page(self, opened: Opened, show: str, page: int, chosen: int) -> tuple[str, str, int]:
        """(the rows, where they stand, the page's number brought into its bounds)"""
        _, count = opened.page(1, PAGE_ROWS, show)
        pages = max(1, -(-count // PAGE_ROWS))
        page = min(max(1, page), pages)
        items, _ = opened.page(page, PAGE_ROWS, show)
        text = self.t("dataset.pages", pages=f"{pages:,}", count=f"{count:,}")
        report = opened.report
        if report is not None and report.rows_good + report.rows_bad > ROWS_KEPT:
            rows = f"{report.rows_good + report.rows_bad:,}"
            text += " · " + self.t("dataset.kept", kept=f"{ROWS_KEPT:,}", rows=rows)
        return rows_html(items, chosen, self.t), f'<span class="wb-note">{forms.plain(text)}</span>', page

    def choose(
        self, file: str | None, source: str, encoding: str, show: str, page: float | None, row: float | None,
        model: str, template: str, max_length: float | None, event: gr.EventData,
    ) -> list[Any]:  # fmt: skip
        """A row that was clicked: marked in the list and painted."""
        chosen = int(getattr(event, "row", 0) or row or 1)
        tokens = self.paint(file, source, encoding, chosen, model, template, max_length)
        return [chosen, tokens, *self.turn(file, source, encoding, show, page, chosen)]

    def first(self, file: str | None, source: str, encoding: str) -> list[Any]:
        """Another file: nothing of the old one stays in view."""
        return [1, f'<p class="wb-note">{forms.plain(self.t("dataset.choose_row"))}</p>']

    def paint(
        self, file: str | None, source: str, encoding: str, row: float | None, model: str, template: str,
        max_length: float | None,
    ) -> str:  # fmt: skip
        """The row's tokens from the same `render` that the trainer is fed by; a bad row's reason instead."""
        from workbench.data.render import preview

        try:
            opened = self._opened(file, source, encoding)
            item = opened.item(int(row or 1))
            if item is None:
                raise UserError("dataset.no_row", row=int(row or 1), kept=f"{len(opened.items):,}")
        except WorkbenchError as error:
            return forms.problem(self.t.error(error))
        raw = raw_html(item, self.t)
        if item.record is None:
            return forms.problem(item.reason.text(self.t.language) if item.reason else "") + raw
        try:
            tokenizer = self.app.hub.tokenizer(_model(model))
            document = preview(item.record, tokenizer, int(max_length or 1024), template=template or None, row=item.row)
        except Exception as error:
            return forms.problem(self.t.error(error)) + raw
        return token_html(document, self.t, control_tokens(tokenizer)) + raw

    # -- conversion -----------------------------------------------------------------------------------------------
    def convert(
        self, file: str | None, source: str, encoding: str, to: str, container: str, every_turn: bool, *, kept: bool
    ) -> list[Any]:
        """The good rows in another format: as a download, or as a file beside the original."""
        from workbench.data.convert import convert

        try:
            if not file:
                raise UserError("dataset.nothing_chosen")
            path = self.files.locate(file)
            name = f"{path.name.split('.')[0]}.{to.removesuffix('.jinja')}{container}"
            folder = Path(tempfile.mkdtemp(dir=self.files.exports))
            report = convert(
                path, folder / name, to, source=source or None, encoding=encoding or None, every_turn=every_turn
            )
        except Exception as error:
            return [self._say(error), gr.update(visible=False), gr.skip()]
        shown: Any = name
        files = gr.skip()
        if kept:
            shown = self.files.add(folder / name)
            files = gr.update(choices=self.files.choices())
        text = self.t("dataset.kept_as", rows=f"{report.rows_good:,}", path=shown, bad=f"{report.rows_bad:,}")
        notes = "".join(f'<p class="wb-note">{forms.plain(item.text(self.t.language))}</p>' for item in report.warnings)
        result = gr.update(visible=False) if kept else gr.update(value=str(folder / name), visible=True)
        return [f"<p>{forms.plain(text)}</p>{notes}", result, files]

    def _say(self, error: Exception) -> str:
        return forms.problem(self.t.error(error))


def _model(path: str | None) -> Any:
    from workbench.specs import parse

    return parse({"model": {"path": (path or "").strip() or "embedded"}}).model


def control_tokens(tokenizer: Any) -> frozenset[int]:
    """Ids that are no text: the named ones (end of text …) and those that the template writes."""
    added = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    return frozenset(added | set(tokenizer.all_special_ids))


def known_slugs() -> tuple[str, ...]:
    from workbench.data.formats import slugs

    return slugs()
