"""Documents -> question-answer rows: written by a model, read and changed by a person, then a data file (data tab)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from workbench.errors import WorkbenchError
from workbench.ui import forms
from workbench.ui.drafts import Drafts
from workbench.ui.i18n import Texts
from workbench.ui.make.asked import Asked
from workbench.ui.make.pictures import Pictures
from workbench.ui.make.review import Review

if TYPE_CHECKING:
    from workbench.ui.app import App


def build(app: App, t: Texts, file: gr.Dropdown) -> Make:
    """The folded part of the data tab. file: the box of data files, where what was saved is chosen."""
    tab = Make(app, t)
    with gr.Accordion(t("synthesis.title"), open=False, elem_id="make"):
        gr.Markdown(t("synthesis.intro"), elem_classes=["wb-note"])
        with gr.Row():
            with gr.Column(scale=4, min_width=320):
                asked = Asked(app.columns, t, tab.standard())
            with gr.Column(scale=6, min_width=320):
                review = Review(t, tab.listed())
    _wire(tab, asked, review, file)
    return tab


def _wire(tab: Make, asked: Asked, review: Review, file: gr.Dropdown) -> None:
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    pager, page, boxes = review.pager, review.pager.page, review.boxes
    shown = [asked.status, review.list, pager.where, page, asked.start, asked.stop, review.seen]
    view = [*shown, *boxes]
    asked.who.input(
        lambda who: [gr.update(visible=who == "here"), gr.update(visible=who == "there")],
        asked.who, [asked.here, asked.there], queue=False, **quiet,
    )  # fmt: skip
    asked.adapter.focus(tab.adapters, None, asked.adapter, **quiet)
    asked.reset.click(tab.standard, None, asked.prompt, queue=False, **quiet)
    asked.start.click(tab.begin, [page, *asked.given], shown, **quiet)
    asked.stop.click(tab.end, page, shown, **quiet)
    gr.Timer(1.0).tick(tab.poll, [page, review.seen], shown, **quiet)
    for trigger in (page.submit, page.blur):
        trigger(tab.turn, page, shown, **quiet)
    for button, step in ((pager.back, -1), (pager.forth, 1)):
        button.click(lambda number, step=step: tab.turn(number, step), page, shown, **quiet)
    review.list.click(tab.choose, None, boxes, **quiet)
    review.change.click(tab.rewrite, [page, review.chosen, review.question, review.answer], view, **quiet)
    review.delete.click(tab.remove, [page, review.chosen], view, **quiet)
    review.tidy.click(lambda number: tab.sweep(number, unusable=True), page, view, **quiet)
    review.clear.click(lambda number: tab.sweep(number, unusable=False), page, view, **quiet)
    review.save.click(tab.store, [review.name, review.with_passage, page], [review.told, file, *view], **quiet)


class Make:
    """The part's handlers in one language."""

    def __init__(self, app: App, t: Texts) -> None:
        self.app, self.t = app, t
        self.drafts: Drafts = app.drafts
        self._pictures = Pictures(app.drafts, t)

    def adapters(self) -> Any:
        """What can write besides the base model, as it is now."""
        return gr.update(choices=self.app.columns.choices(self.t))

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
        return self._pictures.boxes(int(getattr(event, "row", 0) or 0))

    def rewrite(self, page: float | None, chosen: float | None, question: str, answer: str) -> list[Any]:
        number = int(chosen or 0)
        try:
            self.drafts.change(number, question, answer)
        except WorkbenchError as error:
            return [*self._view(page), *[gr.skip()] * 4, forms.problem(self.t.error(error))]
        return [*self._view(page), *self._pictures.boxes(number)]

    def remove(self, page: float | None, chosen: float | None) -> list[Any]:
        """The chosen draft goes; the one after it is chosen, so that a review goes on by itself."""
        number = int(chosen or 0)
        following = self.drafts.after(number)
        try:
            self.drafts.delete(number)
        except WorkbenchError as error:
            return [*self._view(page), *[gr.skip()] * 4, forms.problem(self.t.error(error))]
        return [*self._view(page), *self._pictures.boxes(following)]

    def sweep(self, page: float | None, *, unusable: bool) -> list[Any]:
        self.drafts.keep((lambda draft: draft.usable) if unusable else (lambda draft: False))
        return [*self._view(page), *self._pictures.boxes(0)]

    def store(self, name: str, with_passage: bool, page: float | None) -> list[Any]:
        """The usable drafts become a file of the workspace, which the data tab opens at once."""
        try:
            path, rows = self.drafts.save(name, with_passage=with_passage)
        except Exception as error:
            return [forms.problem(self.t.error(error)), gr.skip(), *self._view(page), *[gr.skip()] * 5]
        left = self.drafts.progress().unusable
        told = forms.plain(self.t("synthesis.saved", rows=f"{rows:,}", path=path, left=left))
        chosen = gr.update(choices=self.app.opened.choices(), value=path)
        return [f'<p class="wb-note" role="status">{told}</p>', chosen, *self._view(page), *self._pictures.boxes(0)]

    # -- what is shown --------------------------------------------------------------------------------------------
    def _view(self, page: float | None) -> list[Any]:
        version, progress = self.drafts.version, self.drafts.progress()
        listed, pages, number = self._pictures.listed(int(page or 1))
        buttons = [gr.update(interactive=not progress.busy), gr.update(interactive=progress.busy)]
        return [self._pictures.status(progress), listed, pages, number, *buttons, version]

    def listed(self) -> str:
        """The first page of drafts."""
        return self._pictures.listed(1)[0]
