"""Run directories -> their list, and the curve, answers, stop and resume of the chosen one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gradio as gr

from workbench.ui import live
from workbench.ui.i18n import Texts

if TYPE_CHECKING:
    from workbench.ui.app import App


def build(app: App, t: Texts) -> None:
    with gr.Column(elem_classes=["wb-tab"]):
        live.runs_table("runs")
        live.view("runs")
