"""All bad rows of what is opened -> a file to download: row, line, reason and content of each."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from workbench.data.view import View
from workbench.errors import WorkbenchError
from workbench.ui import forms
from workbench.ui.data.chosen import Chosen
from workbench.ui.data.conversion import stem_of
from workbench.ui.i18n import Texts


class Bad:
    """A button that is there when some rows are bad, and the file it makes."""

    def __init__(self, chosen: Chosen, t: Texts) -> None:
        self.chosen, self.t = chosen, t

    def build(self) -> None:
        self.button = gr.Button(self.t("dataset.bad_rows"), size="sm", visible=False, elem_id="data-bad")
        self.told = gr.HTML(apply_default_css=False, js_on_load=None, elem_id="data-bad-told")
        self.result = gr.File(
            label=self.t("dataset.bad_rows"), visible=False, interactive=False, elem_id="data-bad-file"
        )

    def wire(self) -> None:
        self.button.click(self.write, self.chosen.how, [self.told, self.result], api_visibility="private")
        self.chosen.file.change(
            lambda: ["", gr.update(visible=False)], None, [self.told, self.result], api_visibility="private",
            show_progress="hidden",
        )  # fmt: skip

    def write(self, *how: Any) -> list[Any]:
        try:
            view = self.chosen.open(*how).ready()
        except WorkbenchError as error:
            return [forms.problem(self.t.error(error)), gr.update(visible=False)]
        out = Path(tempfile.mkdtemp(dir=self.chosen.files.exports)) / f"{stem_of(how[0])}.bad.jsonl"
        with out.open("w", encoding="utf-8") as file:
            for row in bad_rows(view, self.t.language):
                file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
        return ["", gr.update(value=str(out), visible=True)]


def bad_rows(view: View, language: str) -> Iterator[dict[str, Any]]:
    """{"row", "line", "reason", "content"} of every bad row; content as the source has it, nothing covered."""
    for item in view.iterate(view.select(["bad"]) or ()):
        if item.reason is not None:
            reason = item.reason.text(language)
            yield {"row": item.row, "line": item.line, "reason": reason, "content": item.value}
