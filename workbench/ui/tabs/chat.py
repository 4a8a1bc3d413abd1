"""A question -> the answers of up to eight models side by side, streamed from one batch."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from workbench.errors import UserError
from workbench.ui import forms
from workbench.ui.chat import answering, feed, mix, options, residents
from workbench.ui.columns import Columns
from workbench.ui.conversations import Conversations
from workbench.ui.i18n import Texts

if TYPE_CHECKING:
    from workbench.ui.app import App

log = logging.getLogger(__name__)

SLOTS = 8
CHIPS = ("one", "two", "three", "four", "five", "six")
_REFRESH_SECONDS = 3.0
# The first input of every event is the conversation's id, which the browser tab keeps; a field that the page's load
# event fills would be empty for whoever is faster than that event. Nor may it need the page's own script: whoever
# asks at once is faster than that too.
_KEY = """(() => {
  let id = sessionStorage.getItem('workbench-chat');
  if (!id) {
    id = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
    sessionStorage.setItem('workbench-chat', id);
  }
  return id;
})()"""
_OWN_ID = f"(_, ...values) => [{_KEY}, ...values]"
# The view follows at once: it waits on the server for the answer that is about to begin.
_ASKING = f"(_, ...values) => {{ window.workbench?.chat?.follow(true); return [{_KEY}, ...values]; }}"
# A page that is being loaded tells of its empty box before it has what was chosen: that is not the visitor's wish. What
# else stands in the box by then is one, and waits until the page has loaded.
_SHOWING = f"""(_, columns) => {{
  const opened = window.workbenchChatOpened;
  if (!opened && columns?.some((name) => name !== 'base')) window.workbenchChatWish = columns;
  return [{_KEY}, opened ? columns : null];
}}"""
_OPENED = f"() => {{ window.workbenchChatOpened = true; return [{_KEY}, window.workbenchChatWish ?? null]; }}"
_FOLLOW = "() => { window.workbench?.chat?.follow(); }"


def build(app: App, t: Texts) -> Chat:
    tab = Chat(app, t)
    with gr.Column(elem_classes=["wb-chat"]):
        tab.id = gr.Textbox(visible=False)
        tab.mark = gr.Textbox(visible=False)
        tab.reopen = gr.Button("↻", elem_classes=["wb-unseen"], elem_id="chat-reopen")  # static/archive.js presses it
        tab.columns = gr.Dropdown(
            tab.found.choices(t),
            value=["base"],
            multiselect=True,
            allow_custom_value=True,
            label=t("chat.columns"),
            info=t("chat.columns_help"),
            elem_id="chat-columns",
        )
        tab.crowded = gr.HTML(apply_default_css=False, js_on_load=None, elem_id="chat-crowded")
        feed.view()
        with gr.Row(elem_classes=["wb-chips"], elem_id="chat-chips"):
            chips = [gr.Button(t(f"chat.chips.{name}"), size="sm") for name in CHIPS]
        tab.problem = gr.HTML(apply_default_css=False, js_on_load=None, elem_id="chat-problem")
        with gr.Row(elem_classes=["wb-ask"]):
            tab.question = gr.Textbox(
                label=t("chat.question"),
                show_label=False,
                placeholder=t("chat.placeholder"),
                lines=1,
                max_lines=8,
                container=False,
                scale=8,
                min_width=200,
                elem_id="chat-question",
            )
            tab.send = gr.Button(t("chat.send"), variant="primary", size="md", min_width=64, elem_id="chat-send")
            tab.stop = gr.Button(t("chat.stop"), size="md", min_width=64, elem_id="chat-stop")
            tab.retry = gr.Button(t("chat.retry"), size="md", min_width=64, elem_id="chat-retry")
            tab.clear = gr.Button(t("chat.clear"), size="md", min_width=64, elem_id="chat-clear")
        with gr.Accordion(t("chat.options"), open=False, elem_id="chat-options"):
            tab.options = options.build(t)
        with gr.Accordion(t("chat.mix"), open=False, elem_id="chat-mix"):
            mixing = mix.build(tab.found, t)
        with gr.Accordion(t("chat.memory"), open=False, elem_id="chat-memory"):
            residents.view()
    _wire(tab, chips)
    mix.wire(mixing, tab.columns)
    return tab


def _wire(tab: Chat, chips: Sequence[gr.Button]) -> None:
    # Nothing here waits for an answer, so nothing needs the queue and its connection.
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
    own, asking = quiet | {"js": _OWN_ID}, quiet | {"js": _ASKING}
    boxes = [tab.columns, *tab.options.fields]
    said = [tab.question, tab.problem]
    asked = [
        trigger(tab.ask, [tab.id, question, *boxes], said, **asking)
        for trigger, question in (
            (tab.send.click, tab.question),
            (tab.question.submit, tab.question),
            *((chip.click, chip) for chip in chips),
        )
    ]
    for event in asked:
        event.then(None, None, None, js="() => { window.workbench?.chat?.begun(); }", **quiet)
    for button, act in ((tab.stop, "stop"), (tab.retry, "retry"), (tab.clear, "clear")):
        button.click(None, None, None, js=f"() => {{ window.workbench?.chat?.act('{act}'); }}", **quiet)
    shown = [tab.columns, tab.crowded]
    changed = tab.columns.change(tab.show, [tab.id, tab.columns], shown, **quiet | {"js": _SHOWING})
    changed.then(None, None, None, js=_FOLLOW, **quiet)
    for field in tab.options.fields:  # what a button of the conversation asks again, it asks with these
        leave = field.blur if isinstance(field, gr.Textbox | gr.Number) else field.change
        leave(tab.remember, [tab.id, *tab.options.fields], None, **own)
    gr.Timer(_REFRESH_SECONDS).tick(tab.refresh, tab.mark, [tab.columns, tab.mark], **quiet)
    # A page that was loaded has the columns and options of what was said before.
    load = gr.context.Context.root_block.load
    opened = load(tab.open, tab.id, [tab.columns, *tab.options.fields], **own)
    wished = opened.then(tab.show, [tab.id, tab.columns], shown, **quiet | {"js": _OPENED})
    wished.then(None, None, None, js=_FOLLOW, **quiet)
    tab.reopen.click(tab.take, tab.id, [tab.columns, *tab.options.fields], **own)


class Chat:
    """The tab's components and handlers in one language."""

    id: gr.Textbox
    mark: gr.Textbox  # of the choices that the page has
    reopen: gr.Button
    columns: gr.Dropdown
    crowded: gr.HTML  # one column too many
    question: gr.Textbox
    problem: gr.HTML
    send: gr.Button
    stop: gr.Button
    retry: gr.Button
    clear: gr.Button
    options: options.Options

    def __init__(self, app: App, t: Texts) -> None:
        self.app, self.t = app, t
        self.found: Columns = app.columns
        self.talks: Conversations = app.conversations

    def open(self, key: str) -> list[Any]:
        """A page that was loaded: its columns and options."""
        talk = self.talks.get(key)
        # A fresh conversation leaves the boxes alone: the visitor may have chosen before this answer arrives.
        kept = {} if talk.columns == ["base"] else {"value": talk.columns}
        choices = self.found.choices(self.t)
        return [gr.update(choices=choices, **kept), *self.options.shown(talk)]

    def take(self, key: str) -> list[Any]:
        """Another conversation in this browser tab: its columns and options, whatever the boxes have."""
        talk = self.talks.get(key)
        talk.options = talk.options or dict(answering.DEFAULTS)  # or the boxes would keep the other conversation's
        choices = self.found.choices(self.t)
        return [gr.update(choices=choices, value=talk.columns), *self.options.shown(talk)]

    def show(self, key: str, columns: list[str] | None) -> tuple[Any, Any]:
        """Other columns; None from a page that is still being loaded. One too many is taken back, and said."""
        if columns is None:
            return gr.skip(), gr.skip()
        kept, more = list(columns)[:SLOTS], list(columns)[SLOTS:]
        self.talks.get(key).show(kept)
        if more:
            return gr.update(value=kept), forms.problem(self.t("chat.too_many", names=", ".join(more), limit=SLOTS))
        # Taking it back comes here once more, with as many as there may be: the sentence stays.
        return gr.skip(), gr.skip() if len(kept) == SLOTS else ""

    def remember(self, key: str, *values: Any) -> None:
        self.options.keep(self.talks.get(key), values)

    def refresh(self, mark: str) -> tuple[Any, Any]:
        """The columns to choose from, if they are others than the page has: an open list would close at every update.

        Nothing is sent when reading them fails, the next tick tries again.
        """
        try:
            choices = self.found.choices(self.t, live=self.app.live_steps())
        except OSError:
            log.warning("the workspace could not be read for chat columns", exc_info=True)
            return gr.skip(), gr.skip()
        now = hashlib.sha256(repr(choices).encode()).hexdigest()[:16]
        return (gr.skip(), gr.skip()) if now == mark else (gr.update(choices=choices), now)

    def ask(self, key: str, question: str, columns: list[str], *values: Any) -> tuple[Any, str]:
        """A new question to all columns; the box is emptied once the question stands in the conversation."""
        talk = self.talks.get(key)
        try:
            if talk.answering:
                busy = self.t.error(UserError("chat_tab.busy"))
                return gr.skip(), f'<div class="wb-until-end">{forms.problem(busy)}</div>'
            self.options.keep(talk, values)
            talk.show(list(columns or [])[:SLOTS])
            answering.ask(self.app, self.t, talk, question or "")
        except UserError as error:
            return gr.skip(), forms.problem(self.t.error(error))
        return "", ""
