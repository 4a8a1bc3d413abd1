"""The boxes of what rows are made from: documents, who writes, the prompt, and the buttons that begin and end it."""

from __future__ import annotations

from typing import Any

import gradio as gr

from workbench.ui.columns import Columns
from workbench.ui.i18n import Texts


class Asked:
    def __init__(self, columns: Columns, t: Texts, prompt: str) -> None:
        """prompt: what the model is told until somebody changes it."""
        self._sources(t)
        self._author(columns, t)
        self._prompt(t, prompt)
        with gr.Row():
            self.start = gr.Button(t("synthesis.start"), variant="primary", elem_id="make-start")
            self.stop = gr.Button(t("synthesis.stop"), interactive=False, elem_id="make-stop")
        self.status = gr.HTML(apply_default_css=False, js_on_load=None, elem_id="make-status")

    @property
    def given(self) -> list[Any]:
        """In the order in which `Make.begin` takes their values."""
        return [
            self.documents, self.pasted, self.who, self.model, self.adapter, self.url, self.served, self.key,
            self.prompt, self.count, self.max_tokens, self.temperature, self.least, self.most,
        ]  # fmt: skip

    def _sources(self, t: Texts) -> None:
        from workbench.synthesis.passages import ENDINGS

        self.documents = gr.File(
            label=t("synthesis.documents"), file_count="multiple", file_types=list(ENDINGS), height=110,
            elem_id="make-documents",
        )  # fmt: skip
        self.pasted = gr.Textbox(
            label=t("synthesis.pasted"), info=t("synthesis.pasted_help"), lines=2, max_lines=8, elem_id="make-pasted"
        )

    def _author(self, columns: Columns, t: Texts) -> None:
        self.who = gr.Radio(
            [(t("synthesis.here"), "here"), (t("synthesis.there"), "there")], value="here", label=t("synthesis.who"),
            elem_id="make-who",
        )  # fmt: skip
        with gr.Row(elem_classes=["wb-fields"], elem_id="make-here") as self.here:
            self.model = gr.Dropdown(
                ["embedded"], value="embedded", allow_custom_value=True, label=t("synthesis.model"),
                info=t("synthesis.model_help"), min_width=140, elem_id="make-model",
            )  # fmt: skip
            self.adapter = gr.Dropdown(
                columns.choices(t), value="base", label=t("synthesis.adapter"),
                info=t("synthesis.adapter_help"), min_width=140, elem_id="make-adapter",
            )  # fmt: skip
        with gr.Row(elem_classes=["wb-fields"], visible=False, elem_id="make-there") as self.there:
            self.url = gr.Textbox(
                label=t("synthesis.url"), placeholder="http://127.0.0.1:8000/v1", min_width=200, elem_id="make-url"
            )
            self.served = gr.Textbox(label=t("synthesis.served"), min_width=140, elem_id="make-served")
            self.key = gr.Textbox(
                label=t("synthesis.key"), info=t("synthesis.key_help"), type="password", min_width=200,
                elem_id="make-key",
            )  # fmt: skip

    def _prompt(self, t: Texts, prompt: str) -> None:
        from workbench.synthesis.passages import LEAST, MOST

        self.prompt = gr.Textbox(
            prompt, label=t("synthesis.ask"), info=t("synthesis.ask_help"), lines=4, max_lines=12,
            elem_id="make-prompt",
        )  # fmt: skip
        with gr.Row(elem_classes=["wb-fields"]):
            self.count = gr.Number(1, label=t("synthesis.count"), min_width=120, elem_id="make-count")
            self.max_tokens = gr.Number(512, label=t("synthesis.max_tokens"), min_width=120, elem_id="make-max-tokens")
            self.temperature = gr.Number(
                0.0, step=0.1, label=t("synthesis.temperature"), min_width=120, elem_id="make-temperature"
            )
            self.least = gr.Number(LEAST, label=t("synthesis.least"), min_width=120, elem_id="make-least")
            self.most = gr.Number(MOST, label=t("synthesis.most"), min_width=120, elem_id="make-most")
            self.reset = gr.Button(t("synthesis.reset"), size="sm", min_width=120, elem_id="make-reset")
