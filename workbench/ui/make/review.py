"""The boxes of a review: a page of drafts, the chosen one to be changed or deleted, and the file that they become."""

from __future__ import annotations

from typing import Any

import gradio as gr

from workbench.ui.i18n import Texts
from workbench.ui.pager import Pager

_CHOOSE = """element.addEventListener('click', (event) => {
  const target = event.target.closest('[data-row]');
  if (target) trigger('click', {row: Number(target.dataset.row)});
});"""


class Review:
    def __init__(self, t: Texts, listed: str) -> None:
        """listed: the first page of drafts."""
        self.seen = gr.Number(-1, visible=False)  # the version of the drafts that this page shows
        self.chosen = gr.Number(0, visible=False)  # the number of the draft in the boxes; 0: none
        with gr.Row(equal_height=True, elem_classes=["wb-pager"]):
            gr.Markdown(f"**{t('synthesis.rows')}**")
            self.pager = Pager(t, "make")
        self.list = gr.HTML(listed, apply_default_css=False, js_on_load=_CHOOSE, elem_id="make-list")
        self.source = gr.HTML(apply_default_css=False, js_on_load=None, elem_id="make-source")
        self.question = gr.Textbox(label=t("synthesis.question"), lines=2, max_lines=8, elem_id="make-question")
        self.answer = gr.Textbox(label=t("synthesis.answer"), lines=3, max_lines=16, elem_id="make-answer")
        with gr.Row():
            self.change = gr.Button(t("synthesis.change"), size="sm", min_width=100, elem_id="make-change")
            self.delete = gr.Button(t("synthesis.delete"), size="sm", min_width=100, elem_id="make-delete")
            self.tidy = gr.Button(t("synthesis.delete_unusable"), size="sm", min_width=100, elem_id="make-tidy")
            self.clear = gr.Button(t("synthesis.clear"), size="sm", min_width=100, elem_id="make-clear")
        self.problem = gr.HTML(apply_default_css=False, js_on_load=None, elem_id="make-problem")
        with gr.Row(elem_classes=["wb-fields"]):
            self.name = gr.Textbox("rows", label=t("synthesis.name"), min_width=160, elem_id="make-name")
            self.with_passage = gr.Checkbox(
                label=t("synthesis.with_passage"), info=t("synthesis.with_passage_help"), min_width=200,
                elem_id="make-with-passage",
            )  # fmt: skip
            self.save = gr.Button(t("synthesis.save"), variant="primary", min_width=100, elem_id="make-save")
        self.told = gr.HTML(apply_default_css=False, js_on_load=None, elem_id="make-told")

    @property
    def boxes(self) -> list[Any]:
        """Those of the chosen draft, in the order of `Pictures.boxes`."""
        return [self.chosen, self.source, self.question, self.answer, self.problem]
