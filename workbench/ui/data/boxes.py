"""The boxes and buttons of the steps, and those of the row that is looked at."""

from __future__ import annotations

import gradio as gr

from workbench.data import repairs
from workbench.ui.data.chosen import OFFER
from workbench.ui.data.steps import steps_html
from workbench.ui.i18n import Texts

_UNDO = """element.addEventListener('click', (event) => {
  const target = event.target.closest('[data-step]');
  if (target) trigger('click', {step: Number(target.dataset.step)});
});"""


class StepBoxes:
    """`steps` is the list as JSON."""

    def __init__(self, t: Texts) -> None:
        with gr.Accordion(t("dataset.recipe.title"), open=False, elem_id="data-recipe"):
            gr.Markdown(t("dataset.recipe.help"), elem_classes=["wb-note"])
            self.steps = gr.Textbox(visible=False, elem_id="data-recipe-list")
            self.listed = gr.HTML(
                steps_html([], None, t), apply_default_css=False, js_on_load=_UNDO, elem_id="data-steps"
            )
            self.problem = gr.HTML(apply_default_css=False, js_on_load=OFFER, elem_id="data-recipe-problem")
            with gr.Row():
                self.look = gr.Button(t("dataset.recipe.look"), size="sm", min_width=140, elem_id="data-recipe-look")
                self.halt = gr.Button(t("dataset.progress.stop"), size="sm", visible=False, elem_id="data-recipe-stop")
            with gr.Row(elem_classes=["wb-boxes"]):  # a grid: each box beside the button that takes it
                self.weight = gr.Number(1, label=t("dataset.recipe.weight"), min_width=60, elem_id="data-weight")
                self.take = gr.Button(t("dataset.recipe.take"), size="sm", min_width=60, elem_id="data-take")
                self.rows = gr.Textbox(
                    label=t("dataset.recipe.rows"), placeholder="3, 7-9", min_width=60, elem_id="data-delete-rows"
                )
                self.delete = gr.Button(t("dataset.recipe.delete"), size="sm", min_width=60, elem_id="data-delete")
                self.count = gr.Number(
                    1000, precision=0, label=t("dataset.recipe.count"), min_width=60, elem_id="data-cap-count"
                )
                self.cap = gr.Button(t("dataset.recipe.cap"), size="sm", min_width=60, elem_id="data-cap")
                self.fraction = gr.Number(
                    0.1, label=t("dataset.recipe.fraction"), min_width=60, elem_id="data-fraction", step=0.05
                )
                self.split = gr.Button(t("dataset.recipe.split"), size="sm", min_width=60, elem_id="data-split")
                self.seed = gr.Number(0, precision=0, label=t("dataset.recipe.seed"), min_width=60, elem_id="data-seed")
                self.shuffle = gr.Button(t("dataset.recipe.shuffle"), size="sm", min_width=60, elem_id="data-shuffle")
                self.deduplicate = gr.Button(
                    t("dataset.recipe.deduplicate"), size="sm", min_width=60, elem_id="data-deduplicate"
                )
                self.names = gr.Dropdown(
                    [(t(f"dataset.repairs.{name}"), name) for name in repairs.TEXT_REPAIRS], value=[], multiselect=True,
                    label=t("dataset.recipe.repairs"), min_width=60, elem_id="data-recipe-repairs",
                )  # fmt: skip
                self.repair = gr.Button(t("dataset.recipe.repair"), size="sm", min_width=60, elem_id="data-repair")
                self.name = gr.Textbox(label=t("dataset.recipe.name"), min_width=60, elem_id="data-recipe-name")
                self.save = gr.Button(
                    t("dataset.recipe.save"), variant="primary", size="sm", min_width=60, elem_id="data-recipe-save"
                )
                self.kept = gr.Dropdown(
                    [], value=None, label=t("dataset.recipe.kept"), min_width=60, elem_id="data-recipe-kept"
                )


class RowBoxes:
    """The row that is looked at, as a canonical row that can be changed."""

    def __init__(self, t: Texts) -> None:
        with gr.Accordion(t("dataset.recipe.edit"), open=False, elem_id="data-edit") as self.folded:
            self.code = gr.Code(language="json", label=t("dataset.recipe.row"), lines=6, elem_id="data-edit-row")
            with gr.Row():
                self.change = gr.Button(t("dataset.recipe.change"), size="sm", elem_id="data-edit-keep")
                self.drop = gr.Button(t("dataset.recipe.drop"), size="sm", elem_id="data-edit-delete")
            self.changed = gr.HTML(apply_default_css=False, js_on_load=None, elem_id="data-edit-told")
