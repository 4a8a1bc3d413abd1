"""The chat tab's parts: chat, arena, prompt sets and the conversations that were kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gradio as gr

from workbench.ui import archive, arena, sets
from workbench.ui.i18n import Texts
from workbench.ui.tabs import chat

if TYPE_CHECKING:
    from workbench.ui.app import App


def build(app: App, t: Texts) -> chat.Chat:
    """The chat's components come back: the start tab leads to them."""
    parts = {"arena": arena.view, "sets": sets.view, "archive": archive.view}
    with gr.Tabs(elem_id="chat-parts"):
        with gr.Tab(t("ui.chat_part.chat"), id="talk", elem_id="part-chat"):
            talk = chat.build(app, t)
        for name, view in parts.items():
            with gr.Tab(t(f"ui.chat_part.{name}"), id=name, elem_id=f"part-{name}"):
                view()
    return talk
