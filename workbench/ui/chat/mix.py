"""Adapters and sliders -> a column's name: one adapter at a strength, or a weighted mix of several."""

from __future__ import annotations

from typing import Any

import gradio as gr

from workbench.ui.columns import Columns
from workbench.ui.i18n import Texts

AT_MOST = 4


def name_of(adapters: list[str], strengths: list[float]) -> str:
    """RUN@0.7+OTHER@0.3"""
    return "+".join(f"{adapter}@{strength:g}" for adapter, strength in zip(adapters, strengths, strict=False))


class Mix:
    chosen: gr.Dropdown
    sliders: list[gr.Slider]
    name: gr.Textbox
    add: gr.Button


def build(found: Columns, t: Texts) -> Mix:
    made = Mix()
    made.chosen = gr.Dropdown(
        found.adapters(),
        value=[],
        multiselect=True,
        max_choices=AT_MOST,
        label=t("chat.mix_of"),
        info=t("chat.mix_help"),
        elem_id="chat-mix-of",
    )
    with gr.Row(elem_classes=["wb-fields"]):
        made.sliders = [
            gr.Slider(-2, 2, 1.0, step=0.05, label="–", visible=False, elem_id=f"chat-mix-{number}")
            for number in range(AT_MOST)
        ]
    with gr.Row():
        made.name = gr.Textbox(
            label=t("chat.mix_name"), interactive=False, max_lines=1, scale=6, elem_id="chat-mix-name"
        )
        made.add = gr.Button(t("chat.mix_add"), size="md", scale=1, min_width=120, elem_id="chat-mix-add")
    return made


def wire(made: Mix, columns: gr.Dropdown) -> None:
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}

    def choose(adapters: list[str], *strengths: float) -> list[Any]:
        shown = [
            gr.update(visible=number < len(adapters), label=adapters[number] if number < len(adapters) else "–")
            for number in range(AT_MOST)
        ]
        return [*shown, name_of(adapters, list(strengths))]

    def add(name: str, now: list[str]) -> Any:
        if not name or name in now:
            return gr.skip()
        return gr.update(value=[*now, name])

    made.chosen.change(choose, [made.chosen, *made.sliders], [*made.sliders, made.name], **quiet)
    for slider in made.sliders:
        slider.change(
            lambda adapters, *strengths: name_of(adapters, list(strengths)),
            [made.chosen, *made.sliders],
            made.name,
            **quiet,
        )
    made.add.click(add, [made.name, columns], columns, **quiet)
