"""The boxes that turn the pages of a list: back, the number of the page, forth, and where that stands."""

from __future__ import annotations

import gradio as gr

from workbench.ui.i18n import Texts


class Pager:
    """Stands in the row in which it is made; part: what the components' ids begin with."""

    def __init__(self, t: Texts, part: str) -> None:
        self.back = gr.Button(t("dataset.previous"), size="sm", min_width=36, elem_id=f"{part}-back")
        self.page = gr.Number(
            1, precision=0, minimum=1, show_label=False, container=False, min_width=70, elem_id=f"{part}-page",
            label=t("dataset.page"),
        )  # fmt: skip
        self.forth = gr.Button(t("dataset.next"), size="sm", min_width=36, elem_id=f"{part}-forth")
        self.where = gr.HTML(apply_default_css=False, js_on_load=None, elem_id=f"{part}-pages")
