"""Run directories -> their history and comparison, and the curve, answers, notes and checkpoints of the chosen one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gradio as gr

from workbench.ui import history, live
from workbench.ui.i18n import Texts

if TYPE_CHECKING:
    from workbench.ui.app import App


def build(app: App, t: Texts) -> Runs:
    tab = Runs()
    with gr.Column(elem_classes=["wb-tab"]):
        history.runs_table("runs")
        live.view("runs")
        history.about("runs")
        # Clicked by the page's script: the chosen run's spec becomes the train tab's form.
        tab.duplicate = gr.Button(t("ui.runs.duplicate"), elem_classes=["wb-unseen"], elem_id="runs-duplicate")
        tab.chosen = gr.Textbox(visible=False)
        tab.chat = gr.Button(t("ui.live.talk"), elem_classes=["wb-unseen"], elem_id="runs-chat")
    return tab


class Runs:
    duplicate: gr.Button
    chosen: gr.Textbox
    chat: gr.Button
