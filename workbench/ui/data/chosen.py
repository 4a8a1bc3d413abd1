"""What the data tab looks at and how it is read: a file, several, a folder, a registry's entry, a data set of a hub."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import gradio as gr

from workbench.data.reading import Reading
from workbench.errors import UserError
from workbench.ui import forms
from workbench.ui.data.result import is_result
from workbench.ui.i18n import Texts
from workbench.ui.opened import Opened, OpenedFiles

if TYPE_CHECKING:
    from workbench.ui.app import App

# A click on what offers a file opens it.
OFFER = """element.addEventListener('click', (event) => {
  const target = event.target.closest('[data-open]');
  if (target) trigger('click', {open: target.dataset.open});
});"""
_ENCODINGS = ("utf-8", "gb18030", "big5", "utf-16")
_HUBS = ("hf", "ms")


class Chosen:
    """`how` are the components that say what is opened; `open` takes their values in the same order."""

    file: gr.Dropdown
    upload: gr.UploadButton
    source: gr.Dropdown
    encoding: gr.Dropdown
    mapping: gr.Textbox
    repairs: gr.CheckboxGroup
    problem: gr.HTML

    def __init__(self, app: App, t: Texts) -> None:
        self.t = t
        self.files: OpenedFiles = app.opened

    def build(self) -> None:
        t, files = self.t, self.files.choices()
        with gr.Row():
            self.file = gr.Dropdown(
                files, value=None, allow_custom_value=True, label=t("dataset.file"), info=t("dataset.file_help"),
                elem_id="data-file", scale=3, min_width=180,
            )  # fmt: skip
            with gr.Column(scale=0, min_width=110, elem_id="data-beside"):
                self.upload = gr.UploadButton(
                    t("dataset.upload"), size="sm", elem_id="data-upload", file_count="multiple"
                )
                self.train = gr.Button(t("dataset.train"), size="sm", elem_id="data-train")
        self.problem = gr.HTML(apply_default_css=False, js_on_load=None, elem_id="data-problem")
        with gr.Accordion(t("dataset.more_sources"), open=False, elem_id="data-more-sources") as self.more:
            self._more()
        with gr.Accordion(t("dataset.read_as"), open=False, elem_id="data-read-as"), gr.Row():
            auto = (t("dataset.auto"), "")
            self.source = gr.Dropdown(
                [auto, *((slug, slug) for slug in _slugs())], value="", label=t("dataset.source"),
                info=t("dataset.source_help"), elem_id="data-source",
            )  # fmt: skip
            self.encoding = gr.Dropdown(
                [auto, *((name, name) for name in _ENCODINGS)], value="", allow_custom_value=True,
                label=t("dataset.encoding"), info=t("dataset.encoding_help"), elem_id="data-encoding",
            )  # fmt: skip
        self.mapping = gr.Textbox(visible=False)  # JSON of the columns mapped by hand

    def _more(self) -> None:
        t = self.t
        with gr.Row(elem_classes=["wb-fields"]):
            self.together = gr.Dropdown(
                [], multiselect=True, label=t("dataset.together"), info=t("dataset.together_help"),
                elem_id="data-together", scale=3,
            )  # fmt: skip
            self.open_together = gr.Button(t("dataset.open_together"), size="sm", elem_id="data-open-together", scale=0)
        with gr.Row(elem_classes=["wb-fields"]):
            self.hub = gr.Dropdown(
                [(t(f"dataset.hub.{name}"), name) for name in _HUBS], value="hf", label=t("dataset.hub.which"),
                elem_id="data-hub", min_width=130,
            )  # fmt: skip
            self.name = gr.Textbox(
                label=t("dataset.hub.name"), placeholder="owner/name", elem_id="data-hub-name", min_width=160
            )
            self.subset = gr.Textbox(label=t("dataset.hub.subset"), elem_id="data-hub-subset", min_width=90)
            self.split = gr.Textbox(
                "train[:1000]", label=t("dataset.hub.split"), elem_id="data-hub-split", min_width=90
            )
        gr.Markdown(t("dataset.hub.help"), elem_classes=["wb-note"])
        self.open_hub = gr.Button(t("dataset.hub.open"), size="sm", elem_id="data-open-hub")

    def offer(self) -> None:
        """The box of repairs, where it stands in the page; invisible until a file offers some."""
        self.repairs = gr.CheckboxGroup(
            [], label=self.t("dataset.repairs.title"), info=self.t("dataset.repairs.help"), visible=False,
            elem_id="data-repairs",
        )  # fmt: skip

    @property
    def how(self) -> list[Any]:
        return [self.file, self.source, self.encoding, self.mapping, self.repairs]

    def wire(self) -> None:
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        self.file.focus(self.again, self.file, self.file, **quiet)
        self.more.expand(self.sources, None, self.together, **quiet)
        self.upload.upload(self.take, self.upload, [self.file, self.problem], api_visibility="private")
        self.open_together.click(self.join, self.together, [self.file, self.problem], **quiet)
        self.open_hub.click(
            self.address, [self.hub, self.name, self.subset, self.split], [self.file, self.problem], **quiet
        )

    # -- handlers -----------------------------------------------------------------------------------------------------

    def again(self, file: str | None) -> Any:
        """The data folder as it is now."""
        return gr.update(choices=self.choices(file))

    def choices(self, file: str | None) -> list[Any]:
        """The data folder, and what is in view where that is no file of a person's: called by what it is."""
        shown = [(self.t("dataset.recipe.result"), file)] if is_result(file) else []
        return [*self.files.choices(), *shown]

    def sources(self) -> Any:
        """All that can be opened together: files, folders and entries of registries."""
        return gr.update(choices=[*self.files.choices(), *self.files.folders()])

    def take(self, uploads: str | Sequence[str]) -> list[Any]:
        """Uploads become files of the workspace and are opened, several of them as one."""
        try:
            names = [self.files.add(path) for path in ([uploads] if isinstance(uploads, str) else uploads)]
        except OSError as error:
            return [gr.skip(), self._say(error)]
        return [gr.update(choices=self.files.choices(), value="; ".join(names)), ""]

    def take_offered(self, event: gr.EventData) -> Any:
        """A file that was just written, offered by `offered_html`."""
        path = str(getattr(event, "open", "") or "")
        return gr.update(choices=self.files.choices(), value=path) if path else gr.skip()

    def join(self, names: Sequence[str] | None) -> list[Any]:
        """Several sources are named in one box, as the training form and the command line name them."""
        if not names:
            return [gr.skip(), self._say(UserError("dataset.nothing_chosen"))]
        return ["; ".join(names), ""]

    def address(self, hub: str, name: str, subset: str, split: str) -> list[Any]:
        """A data set of a hub by its name."""
        name = name.strip().strip("/")
        if not name:
            return [gr.skip(), self._say(UserError("dataset.no_hub_name"))]
        query = {key: value.strip() for key, value in (("subset", subset), ("split", split)) if value.strip()}
        return [f"{hub}://{name}" + (f"?{urlencode(query, safe='[]:%')}" if query else ""), ""]

    # -- what they say ------------------------------------------------------------------------------------------------

    def reading(self, source: str, encoding: str, mapping: str, repairs: Sequence[str] | None) -> Reading:
        return Reading.of(
            {"from": source, "encoding": encoding, "map": json.loads(mapping or "{}"), "repair": repairs or []}
        )

    def open(self, file: str | None, *how: Any) -> Opened:
        """Raises UserError for a source that is nowhere, outside the workspace, or none."""
        if not file or not file.strip():
            raise UserError("dataset.nothing_chosen")
        return self.files.open(file, self.reading(*how))

    def trained(self, file: str | None, *how: Any) -> str:
        """What the training form names for what is in view.

        Raises UserError where a training would not read the same rows, or none.
        """
        opened = self.open(file, *how)
        if is_result(file):
            raise UserError("dataset.train_result")
        if self.reading(*how) != Reading():
            raise UserError("dataset.train_otherwise")
        if opened.done and (error := opened.error or opened.ready().report.error(file)):
            raise error
        return str(file).strip()

    def _say(self, error: Exception) -> str:
        return forms.problem(self.t.error(error))


def offered_html(text: str, path: str, t: Texts) -> str:
    """What was written, and a button that opens it."""
    button = f'<button type="button" class="wb-link" data-open="{forms.plain(path)}">{forms.plain(t("dataset.open"))}'
    return f'<p class="wb-note" role="status">{forms.plain(text)} {button}</button></p>'


def _slugs() -> tuple[str, ...]:
    from workbench.data.formats import slugs

    return slugs()
