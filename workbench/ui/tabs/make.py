"""Documents -> question-answer rows: written by a model, read and changed by a person, then a data file (data tab)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from workbench.errors import WorkbenchError
from workbench.ui import forms
from workbench.ui.drafts import Drafts, Progress
from workbench.ui.i18n import Texts

if TYPE_CHECKING:
    from workbench.synthesis.rows import Draft
    from workbench.ui.app import App

PAGE_DRAFTS = 12
_SHOWN = 220  # characters of a question or an answer in the list
_CHOOSE = """element.addEventListener('click', (event) => {
  const target = event.target.closest('[data-row]');
  if (target) trigger('click', {row: Number(target.dataset.row)});
});"""


def build(app: App, t: Texts, file: gr.Dropdown) -> Make:
    """The folded part of the data tab. file: the box of data files, where what was saved is chosen."""
    tab = Make(app, t, file)
    with gr.Accordion(t("synthesis.title"), open=False, elem_id="make"):
        gr.Markdown(t("synthesis.intro"), elem_classes=["wb-note"])
        with gr.Row():
            with gr.Column(scale=4, min_width=320):
                _sources(tab, t)
                _author(tab, t)
                _prompt(tab, t)
                with gr.Row():
                    tab.start = gr.Button(t("synthesis.start"), variant="primary", elem_id="make-start")
                    tab.stop = gr.Button(t("synthesis.stop"), interactive=False, elem_id="make-stop")
                tab.status = gr.HTML(apply_default_css=False, js_on_load=None, elem_id="make-status")
            with gr.Column(scale=6, min_width=320):
                _review(tab, t)
    _wire(tab)
    return tab


def _sources(tab: Make, t: Texts) -> None:
    from workbench.synthesis.passages import ENDINGS

    tab.documents = gr.File(
        label=t("synthesis.documents"), file_count="multiple", file_types=list(ENDINGS), height=110,
        elem_id="make-documents",
    )  # fmt: skip
    tab.pasted = gr.Textbox(
        label=t("synthesis.pasted"), info=t("synthesis.pasted_help"), lines=2, max_lines=8, elem_id="make-pasted"
    )


def _author(tab: Make, t: Texts) -> None:
    tab.who = gr.Radio(
        [(t("synthesis.here"), "here"), (t("synthesis.there"), "there")], value="here", label=t("synthesis.who"),
        elem_id="make-who",
    )  # fmt: skip
    with gr.Row(elem_classes=["wb-fields"], elem_id="make-here") as tab.here:
        tab.model = gr.Dropdown(
            ["embedded"], value="embedded", allow_custom_value=True, label=t("synthesis.model"),
            info=t("synthesis.model_help"), min_width=140, elem_id="make-model",
        )  # fmt: skip
        tab.adapter = gr.Dropdown(
            tab.app.columns.choices(t("chat.base")), value="base", label=t("synthesis.adapter"),
            info=t("synthesis.adapter_help"), min_width=140, elem_id="make-adapter",
        )  # fmt: skip
    with gr.Row(elem_classes=["wb-fields"], visible=False, elem_id="make-there") as tab.there:
        tab.url = gr.Textbox(
            label=t("synthesis.url"), placeholder="http://127.0.0.1:8000/v1", min_width=200, elem_id="make-url"
        )
        tab.served = gr.Textbox(label=t("synthesis.served"), min_width=140, elem_id="make-served")
        tab.key = gr.Textbox(
            label=t("synthesis.key"), info=t("synthesis.key_help"), type="password", min_width=200, elem_id="make-key"
        )


def _prompt(tab: Make, t: Texts) -> None:
    from workbench.synthesis.passages import LEAST, MOST

    tab.prompt = gr.Textbox(
        tab.standard(), label=t("synthesis.ask"), info=t("synthesis.ask_help"), lines=4, max_lines=12,
        elem_id="make-prompt",
    )  # fmt: skip
    with gr.Row(elem_classes=["wb-fields"]):
        tab.count = gr.Number(1, label=t("synthesis.count"), min_width=120, elem_id="make-count")
        tab.max_tokens = gr.Number(512, label=t("synthesis.max_tokens"), min_width=120, elem_id="make-max-tokens")
        tab.temperature = gr.Number(
            0.0, step=0.1, label=t("synthesis.temperature"), min_width=120, elem_id="make-temperature"
        )
        tab.least = gr.Number(LEAST, label=t("synthesis.least"), min_width=120, elem_id="make-least")
        tab.most = gr.Number(MOST, label=t("synthesis.most"), min_width=120, elem_id="make-most")
        tab.reset = gr.Button(t("synthesis.reset"), size="sm", min_width=120, elem_id="make-reset")


def _review(tab: Make, t: Texts) -> None:
    with gr.Row(equal_height=True, elem_classes=["wb-pager"]):
        gr.Markdown(f"**{t('synthesis.rows')}**")
        tab.back = gr.Button(t("dataset.previous"), size="sm", min_width=36, elem_id="make-back")
        tab.page = gr.Number(
            1, precision=0, minimum=1, show_label=False, container=False, min_width=70, elem_id="make-page",
            label=t("dataset.page"),
        )  # fmt: skip
        tab.forth = gr.Button(t("dataset.next"), size="sm", min_width=36, elem_id="make-forth")
        tab.pages = gr.HTML(apply_default_css=False, js_on_load=None, elem_id="make-pages")
    tab.list = gr.HTML(tab.listed(1)[0], apply_default_css=False, js_on_load=_CHOOSE, elem_id="make-list")
    tab.source = gr.HTML(apply_default_css=False, js_on_load=None, elem_id="make-source")
    tab.question = gr.Textbox(label=t("synthesis.question"), lines=2, max_lines=8, elem_id="make-question")
    tab.answer = gr.Textbox(label=t("synthesis.answer"), lines=3, max_lines=16, elem_id="make-answer")
    with gr.Row():
        tab.change = gr.Button(t("synthesis.change"), size="sm", min_width=100, elem_id="make-change")
        tab.delete = gr.Button(t("synthesis.delete"), size="sm", min_width=100, elem_id="make-delete")
        tab.tidy = gr.Button(t("synthesis.delete_unusable"), size="sm", min_width=100, elem_id="make-tidy")
        tab.clear = gr.Button(t("synthesis.clear"), size="sm", min_width=100, elem_id="make-clear")
    tab.problem = gr.HTML(apply_default_css=False, js_on_load=None, elem_id="make-problem")
    with gr.Row(elem_classes=["wb-fields"]):
        tab.name = gr.Textbox("rows", label=t("synthesis.name"), min_width=160, elem_id="make-name")
        tab.with_passage = gr.Checkbox(
            label=t("synthesis.with_passage"), info=t("synthesis.with_passage_help"), min_width=200,
            elem_id="make-with-passage",
        )  # fmt: skip
        tab.save = gr.Button(t("synthesis.save"), variant="primary", min_width=100, elem_id="make-save")
    tab.told = gr.HTML(apply_default_css=False, js_on_load=None, elem_id="make-told")


def _wire(tab: Make) -> None:
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    tab.seen = gr.Number(-1, visible=False)  # the version of the drafts that this page shows
    tab.chosen = gr.Number(0, visible=False)  # the number of the draft in the boxes; 0: none
    shown = [tab.status, tab.list, tab.pages, tab.page, tab.start, tab.stop, tab.seen]
    boxes = [tab.chosen, tab.source, tab.question, tab.answer, tab.problem]
    view = [*shown, *boxes]
    tab.who.input(
        lambda who: [gr.update(visible=who == "here"), gr.update(visible=who == "there")],
        tab.who, [tab.here, tab.there], queue=False, **quiet,
    )  # fmt: skip
    tab.adapter.focus(tab.adapters, None, tab.adapter, **quiet)
    tab.reset.click(tab.standard, None, tab.prompt, queue=False, **quiet)
    given = [
        tab.documents, tab.pasted, tab.who, tab.model, tab.adapter, tab.url, tab.served, tab.key, tab.prompt, tab.count,
        tab.max_tokens, tab.temperature, tab.least, tab.most,
    ]  # fmt: skip
    tab.start.click(tab.begin, [tab.page, *given], shown, **quiet)
    tab.stop.click(tab.end, tab.page, shown, **quiet)
    gr.Timer(1.0).tick(tab.poll, [tab.page, tab.seen], shown, **quiet)
    for trigger in (tab.page.submit, tab.page.blur):
        trigger(tab.turn, tab.page, shown, **quiet)
    for button, step in ((tab.back, -1), (tab.forth, 1)):
        button.click(lambda page, step=step: tab.turn(page, step), tab.page, shown, **quiet)
    tab.list.click(tab.choose, None, boxes, **quiet)
    tab.change.click(tab.rewrite, [tab.page, tab.chosen, tab.question, tab.answer], view, **quiet)
    tab.delete.click(tab.remove, [tab.page, tab.chosen], view, **quiet)
    tab.tidy.click(lambda page: tab.sweep(page, unusable=True), tab.page, view, **quiet)
    tab.clear.click(lambda page: tab.sweep(page, unusable=False), tab.page, view, **quiet)
    tab.save.click(tab.store, [tab.name, tab.with_passage, tab.page], [tab.told, tab.file, *view], **quiet)


class Make:
    """The part's components and handlers in one language."""

    documents: gr.File
    pasted: gr.Textbox
    who: gr.Radio
    here: gr.Row
    there: gr.Row
    model: gr.Dropdown
    adapter: gr.Dropdown
    url: gr.Textbox
    served: gr.Textbox
    key: gr.Textbox
    prompt: gr.Textbox
    count: gr.Number
    max_tokens: gr.Number
    temperature: gr.Number
    least: gr.Number
    most: gr.Number
    reset: gr.Button
    start: gr.Button
    stop: gr.Button
    status: gr.HTML
    back: gr.Button
    forth: gr.Button
    page: gr.Number
    pages: gr.HTML
    list: gr.HTML
    source: gr.HTML
    question: gr.Textbox
    answer: gr.Textbox
    change: gr.Button
    delete: gr.Button
    tidy: gr.Button
    clear: gr.Button
    problem: gr.HTML
    name: gr.Textbox
    with_passage: gr.Checkbox
    save: gr.Button
    told: gr.HTML
    seen: gr.Number
    chosen: gr.Number

    def __init__(self, app: App, t: Texts, file: gr.Dropdown) -> None:
        self.app, self.t, self.file = app, t, file
        self.drafts: Drafts = app.drafts

    def adapters(self) -> Any:
        """What can write besides the base model, as it is now."""
        return gr.update(choices=self.app.columns.choices(self.t("chat.base")))

    # -- writing --------------------------------------------------------------------------------------------------
    def standard(self) -> str:
        from workbench.synthesis.rows import default_prompt

        return default_prompt(self.t.language)

    def begin(
        self, page: float | None, documents: list[str] | None, pasted: str, who: str, model: str, adapter: str,
        url: str, served: str, key: str, prompt: str, count: float | None, max_tokens: float | None,
        temperature: float | None, least: float | None, most: float | None,
    ) -> list[Any]:  # fmt: skip
        """Check what can be checked now, then read and write in the background."""
        from workbench.chat.prompts import ChatOptions
        from workbench.specs import check
        from workbench.synthesis import passages, rows

        try:
            rows.check_prompt(prompt)
            least, most = passages.check_lengths(least, most)
            asked = rows.check_count(count)
            chosen = check(ChatOptions, {"max_tokens": max_tokens, "temperature": temperature})
            options = {"max_tokens": chosen.max_tokens, "temperature": chosen.temperature}
            author = self._remote(url, served, key, options) if who == "there" else self._local(model, adapter, options)
            files = [Path(path) for path in documents or []]

            def read() -> list[Any]:
                found = [passage for path in files for passage in passages.read(path, least=least, most=most)]
                if pasted.strip() or not files:
                    found += passages.split(pasted, name=self.t("synthesis.pasted_name"), least=least, most=most)
                return found

            self.drafts.start(read, author, prompt, asked)
        except Exception as error:
            return [forms.problem(self.t.error(error)), *self._view(page)[1:]]
        return self._view(page)

    def _remote(self, url: str, served: str, key: str, options: dict[str, Any]) -> Any:
        from workbench.synthesis.authors import Endpoint, environment_key

        author = Endpoint(url, served, key.strip() or environment_key(url), options)
        return lambda: author

    def _local(self, model: str, adapter: str, options: dict[str, Any]) -> Any:
        from workbench.specs import parse
        from workbench.synthesis.authors import Resident

        section = parse({"model.path": model}).model
        return lambda: Resident(self.app.engine, adapter or "base", section, options)

    def end(self, page: float | None) -> list[Any]:
        self.drafts.stop()
        return self._view(page)

    def poll(self, page: float | None, seen: float | None) -> list[Any]:
        """What a timer brings when something changed; nothing otherwise."""
        return [gr.skip()] * 7 if self.drafts.version == seen else self._view(page)

    # -- reviewing ------------------------------------------------------------------------------------------------
    def turn(self, page: float | None, step: int = 0) -> list[Any]:
        return self._view(int(page or 1) + step)

    def choose(self, event: gr.EventData) -> list[Any]:
        """A draft that was clicked: its passage, question and answer, to be read and changed."""
        return self._boxes(int(getattr(event, "row", 0) or 0))

    def rewrite(self, page: float | None, chosen: float | None, question: str, answer: str) -> list[Any]:
        number = int(chosen or 0)
        try:
            self.drafts.change(number, question, answer)
        except WorkbenchError as error:
            return [*self._view(page), *[gr.skip()] * 4, forms.problem(self.t.error(error))]
        return [*self._view(page), *self._boxes(number)]

    def remove(self, page: float | None, chosen: float | None) -> list[Any]:
        """The chosen draft goes; the one after it is chosen, so that a review goes on by itself."""
        number = int(chosen or 0)
        following = self.drafts.after(number)
        try:
            self.drafts.delete(number)
        except WorkbenchError as error:
            return [*self._view(page), *[gr.skip()] * 4, forms.problem(self.t.error(error))]
        return [*self._view(page), *self._boxes(following)]

    def sweep(self, page: float | None, *, unusable: bool) -> list[Any]:
        self.drafts.keep((lambda draft: draft.usable) if unusable else (lambda draft: False))
        return [*self._view(page), *self._boxes(0)]

    def store(self, name: str, with_passage: bool, page: float | None) -> list[Any]:
        """The usable drafts become a file of the workspace, which the data tab opens at once."""
        try:
            path, rows = self.drafts.save(name, with_passage=with_passage)
        except Exception as error:
            return [forms.problem(self.t.error(error)), gr.skip(), *self._view(page), *[gr.skip()] * 5]
        left = self.drafts.progress().unusable
        told = forms.plain(self.t("synthesis.saved", rows=f"{rows:,}", path=path, left=left))
        chosen = gr.update(choices=self.app.opened.choices(), value=path)
        return [f'<p class="wb-note" role="status">{told}</p>', chosen, *self._view(page), *self._boxes(0)]

    # -- what is shown --------------------------------------------------------------------------------------------
    def _view(self, page: float | None) -> list[Any]:
        version, progress = self.drafts.version, self.drafts.progress()
        listed, pages, number = self.listed(int(page or 1))
        buttons = [gr.update(interactive=not progress.busy), gr.update(interactive=progress.busy)]
        return [self._status(progress), listed, pages, number, *buttons, version]

    def _status(self, progress: Progress) -> str:
        if progress.phase == "idle":
            return ""
        if progress.phase == "failed":
            return forms.problem(self.t.error(progress.error or RuntimeError()))
        key = {"preparing": "loading", "writing": "progress"}.get(progress.phase, progress.phase)
        left = "–" if progress.seconds_left is None else duration(progress.seconds_left)
        text = self.t(
            f"synthesis.{key}", done=progress.done, total=progress.total, left=left, usable=progress.usable,
            unusable=progress.unusable, repeated=progress.repeated, mended=progress.mended,
        )  # fmt: skip
        share = progress.done / progress.total if progress.total else 0.0
        bar = f'<div class="wb-bar-line"><i style="width:{100 * share:.1f}%"></i></div>' if progress.busy else ""
        return f'<p class="wb-note" role="status">{forms.plain(text)}</p>{bar}'

    def listed(self, page: int) -> tuple[str, str, int]:
        """(a page of drafts, where it stands, its number brought into its bounds)"""
        items, number, count = self.drafts.page(page, PAGE_DRAFTS)
        if not items:
            return f'<p class="wb-note">{forms.plain(self.t("synthesis.empty"))}</p>', "", 1
        rows = "".join(self._row(place, draft) for place, draft in items)
        head = "".join(f"<th>{forms.plain(self.t(f'synthesis.{name}'))}</th>" for name in ("question", "answer"))
        where = self.t("synthesis.page", page=number, pages=-(-count // PAGE_DRAFTS), count=f"{count:,}")
        return (
            f'<div class="wb-runs wb-drafts"><table class="wb-list"><thead><tr><th></th>{head}</tr></thead>'
            f"<tbody>{rows}</tbody></table></div>",
            f'<span class="wb-note">{forms.plain(where)}</span>',
            number,
        )

    def _row(self, place: int, draft: Draft) -> str:
        number = f'<td class="wb-num"><button type="button" class="wb-link" data-row="{place}">{place}</button></td>'
        if draft.usable:
            mark = f' <span class="wb-note">{forms.plain(self.t("synthesis.mended"))}</span>' if draft.mended else ""
            cells = f"<td>{_shortened(draft.question)}{mark}</td><td>{_shortened(draft.answer)}</td>"
        else:
            label = f'<span class="wb-poor">{forms.plain(self.t("synthesis.unusable"))}</span>'
            cells = f"<td>{label}</td><td>{_shortened(self._why(draft) or draft.reply)}</td>"
        return f'<tr data-row="{place}">{number}{cells}</tr>'

    def _why(self, draft: Draft) -> str:
        return draft.problem.text(self.t.language) if draft.problem else ""

    def _boxes(self, number: int) -> list[Any]:
        """The chosen draft's boxes; number 0 empties them."""
        try:
            draft = self.drafts.get(number)
        except WorkbenchError:
            return [0, "", "", "", ""]
        passage = draft.passage
        key = "synthesis.on_page" if passage.page else "synthesis.place"
        where = self.t(key, file=passage.file, page=passage.page or "", number=passage.number)
        parts = [f"<h4>{forms.plain(self.t('synthesis.chosen', number=number))} · {forms.plain(where)}</h4>"]
        parts.append(f'<pre class="wb-passage">{forms.plain(passage.text)}</pre>')
        if draft.reply and not (draft.usable and not draft.mended):
            title = forms.plain(self.t("synthesis.reply"))
            parts.append(f'<h4>{title}</h4><pre class="wb-passage">{forms.plain(draft.reply)}</pre>')
        if why := self._why(draft):
            parts.append(forms.problem(why))
        return [number, f'<div class="wb-report">{"".join(parts)}</div>', draft.question, draft.answer, ""]


def _shortened(text: str) -> str:
    text = " ".join(text[: _SHOWN * 4].split())
    return forms.plain(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")


def duration(seconds: float) -> str:
    """75 -> "1:15", 3700 -> "1:01:40"."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
