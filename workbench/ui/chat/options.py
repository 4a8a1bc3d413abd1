"""The chat's boxes -> the options of a conversation: system prompt, style, sampling, base model, remote address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from workbench.chat import remote
from workbench.data import styles
from workbench.ui.chat.answering import DEFAULTS
from workbench.ui.i18n import Texts

if TYPE_CHECKING:
    from workbench.ui.chat.conversation import Conversation

NAMES = ("system", "template", "temperature", "top_p", "max_tokens", "seed", "model")


class Options:
    """The boxes in the order of NAMES, then the remote address and its key."""

    def __init__(self) -> None:
        self.fields: list[Any] = []

    def keep(self, talk: Conversation, values: Sequence[Any]) -> None:
        """Into the conversation, checked. The key stays in memory. Raises UserError for a value no answer can have."""
        from workbench.chat.prompts import ChatOptions
        from workbench.specs import check

        given = dict(zip(NAMES, values, strict=False))
        filled = {name: DEFAULTS[name] if value is None else value for name, value in given.items()}
        sampling = {name: value for name, value in filled.items() if name != "model"}
        checked = check(ChatOptions, sampling).model_dump()
        url, key = (str(value or "").strip() for value in values[len(NAMES) :])
        talk.endpoint = remote.endpoint(url, key) if url or key else None
        talk.options = {name: checked.get(name, filled[name]) for name in NAMES}

    def shown(self, talk: Conversation) -> list[Any]:
        """Updates of the boxes for a page that was loaded; a key is never sent back."""
        if not talk.options:
            return [gr.skip()] * len(self.fields)
        url, options = talk.endpoint.url if talk.endpoint else "", DEFAULTS | talk.options
        return [*[gr.update(value=options[name]) for name in NAMES], gr.update(value=url), gr.skip()]


def build(t: Texts) -> Options:
    made = Options()
    system = gr.Textbox(label=t("chat.system"), info=t("chat.system_help"), lines=2, max_lines=6, elem_id="chat-system")
    with gr.Row(elem_classes=["wb-fields"]):
        temperature = gr.Slider(
            0, 2, 0, step=0.05, label=t("chat.temperature"), info=t("chat.temperature_help"), elem_id="chat-temperature"
        )
        top_p = gr.Slider(0.05, 1, 1, step=0.05, label=t("chat.top_p"), info=t("chat.top_p_help"), elem_id="chat-top-p")
        max_tokens = gr.Number(
            256, precision=0, label=t("chat.max_tokens"), info=t("chat.max_tokens_help"), elem_id="chat-max-tokens"
        )
        seed = gr.Number(42, precision=0, label=t("chat.seed"), info=t("chat.seed_help"), elem_id="chat-seed")
    with gr.Row(elem_classes=["wb-fields"]):
        template = gr.Dropdown(
            [(t("chat.own_template"), ""), *((name, name) for name in styles.names())],
            value="",
            label=t("chat.template"),
            info=t("chat.template_help"),
            elem_id="chat-template",
        )
        model = gr.Dropdown(
            [(t("chat.auto_model"), ""), ("embedded", "embedded")],
            value="",
            allow_custom_value=True,
            label=t("chat.model"),
            info=t("chat.model_help"),
            elem_id="chat-model",
        )
        url = gr.Textbox(
            label=t("chat.remote_url"),
            info=t("chat.remote_url_help"),
            placeholder="http://HOST:PORT/v1",
            max_lines=1,
            elem_id="chat-remote-url",
        )
        key = gr.Textbox(
            label=t("chat.remote_key"), info=t("chat.remote_key_help"), type="password", max_lines=1,
            elem_id="chat-remote-key",
        )  # fmt: skip
    made.fields = [system, template, temperature, top_p, max_tokens, seed, model, url, key]
    return made
