"""A question -> the answers of up to four models side by side, streamed from one batch."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gradio as gr

from workbench.errors import UserError
from workbench.models.adapters import base_of
from workbench.ui import forms
from workbench.ui.columns import Columns
from workbench.ui.conversations import Answer, Conversation, Conversations
from workbench.ui.i18n import Texts

if TYPE_CHECKING:
    from workbench.ui.app import App

log = logging.getLogger(__name__)

SLOTS = 4
CHIPS = ("one", "two", "three", "four", "five", "six")
_REFRESH_SECONDS = 3.0
_UPDATE_SECONDS = 0.1  # faster updates arrive late: the browser cannot draw them
# Each browser tab keeps an id of its own through reloads; the conversation itself stays on the server. Every event asks
# the browser for it: a field that the page's load event fills would be empty for whoever is faster than that event.
_OWN_ID = """(_, ...values) => {
  let id = sessionStorage.getItem('workbench-chat');
  if (!id) {
    id = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
    sessionStorage.setItem('workbench-chat', id);
  }
  return values.length ? [id, ...values] : id;
}"""


def build(app: App, t: Texts) -> Chat:
    tab = Chat(app, t)
    with gr.Column(elem_classes=["wb-chat"]):
        tab.id = gr.Textbox(visible=False)
        with gr.Row():
            tab.columns = gr.Dropdown(
                tab.found.choices(t("chat.base")),
                value=["base"],
                multiselect=True,
                max_choices=SLOTS,
                label=t("chat.columns"),
                info=t("chat.columns_help"),
                elem_id="chat-columns",
                scale=4,
            )
        with gr.Row(elem_classes=["wb-columns"]):
            for number in range(SLOTS):
                with gr.Column(min_width=240, visible=number == 0, elem_id=f"chat-slot-{number}") as box:
                    tab.bots.append(_bot(t, number))
                    tab.stats.append(gr.HTML(apply_default_css=False, js_on_load=None, elem_id=f"chat-stats-{number}"))
                tab.boxes.append(box)
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
            tab.stop = gr.Button(t("chat.stop"), interactive=False, size="md", min_width=64, elem_id="chat-stop")
            tab.retry = gr.Button(t("chat.retry"), size="md", min_width=64, elem_id="chat-retry")
            tab.clear = gr.Button(t("chat.clear"), size="md", min_width=64, elem_id="chat-clear")
        with gr.Accordion(t("chat.options"), open=False, elem_id="chat-options"):
            _options(tab, t)
    _wire(tab, chips)
    return tab


def _bot(t: Texts, number: int) -> gr.Chatbot:
    return gr.Chatbot(
        label="base",
        height="max(300px, 48vh)",
        placeholder=t("chat.empty"),
        buttons=[],
        layout="panel",
        feedback_options=None,
        allow_tags=False,  # a tag in an answer is text
        allow_file_downloads=False,
        elem_id=f"chat-column-{number}",
        elem_classes=["wb-bot"],
    )


def _options(tab: Chat, t: Texts) -> None:
    tab.system = gr.Textbox(
        label=t("chat.system"), info=t("chat.system_help"), lines=2, max_lines=6, elem_id="chat-system"
    )
    with gr.Row(elem_classes=["wb-fields"]):
        tab.temperature = gr.Slider(
            0, 2, 0, step=0.05, label=t("chat.temperature"), info=t("chat.temperature_help"), elem_id="chat-temperature"
        )
        tab.top_p = gr.Slider(
            0.05, 1, 1, step=0.05, label=t("chat.top_p"), info=t("chat.top_p_help"), elem_id="chat-top-p"
        )
        tab.max_tokens = gr.Number(
            256, precision=0, label=t("chat.max_tokens"), info=t("chat.max_tokens_help"), elem_id="chat-max-tokens"
        )
        tab.seed = gr.Number(42, precision=0, label=t("chat.seed"), info=t("chat.seed_help"), elem_id="chat-seed")
        tab.model = gr.Dropdown(
            [(t("chat.auto_model"), ""), ("embedded", "embedded")],
            value="",
            allow_custom_value=True,
            label=t("chat.model"),
            info=t("chat.model_help"),
            elem_id="chat-model",
        )


def _wire(tab: Chat, chips: Sequence[gr.Button]) -> None:
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    own = quiet | {"js": _OWN_ID}  # events whose first input is the conversation's id
    view = [*tab.boxes, *tab.bots, *tab.stats]
    # Visitors do not wait for each other here; the engine puts their requests in order.
    asking = own | {"concurrency_limit": None}
    outputs = [tab.question, tab.problem, tab.stop, tab.send, *tab.bots, *tab.stats]
    options = [tab.columns, tab.system, tab.temperature, tab.top_p, tab.max_tokens, tab.seed, tab.model]
    for trigger in (tab.send.click, tab.question.submit):
        trigger(tab.ask, [tab.id, tab.question, *options], outputs, **asking)
    for chip in chips:
        chip.click(tab.ask, [tab.id, chip, *options], outputs, **asking)
    tab.retry.click(tab.ask_again, [tab.id, *options], outputs, **asking)
    tab.stop.click(tab.stop_asking, tab.id, None, queue=False, **own)
    tab.clear.click(tab.begin_afresh, [tab.id, tab.columns], [tab.problem, *view], **own)
    tab.columns.change(tab.show, [tab.id, tab.columns], view, **own)
    gr.Timer(_REFRESH_SECONDS).tick(tab.refresh, None, tab.columns, **quiet)
    # A page that was loaded shows what was said before, and goes on with what is being answered.
    opened = gr.context.Context.root_block.load(tab.open, tab.id, [tab.columns, *view], **own)
    opened.then(tab.follow, tab.id, outputs, **asking)


class Chat:
    """The tab's components and handlers in one language."""

    id: gr.Textbox
    columns: gr.Dropdown
    question: gr.Textbox
    problem: gr.HTML
    send: gr.Button
    stop: gr.Button
    retry: gr.Button
    clear: gr.Button
    system: gr.Textbox
    temperature: gr.Slider
    top_p: gr.Slider
    max_tokens: gr.Number
    seed: gr.Number
    model: gr.Dropdown

    def __init__(self, app: App, t: Texts) -> None:
        self.app, self.t = app, t
        self.boxes: list[gr.Column] = []
        self.bots: list[gr.Chatbot] = []
        self.stats: list[gr.HTML] = []
        self.found: Columns = app.columns
        self.talks: Conversations = app.conversations

    # -- what is shown --------------------------------------------------------------------------------------------
    def open(self, key: str) -> list[Any]:
        """A page that was loaded: its columns and what was said under its id."""
        talk = self.talks.get(key)
        choices = self.found.choices(self.t("chat.base"))
        # A fresh conversation leaves the box alone: the visitor may have chosen columns before this answer arrives.
        kept = {} if talk.columns == ["base"] else {"value": talk.columns}
        return [gr.update(choices=choices, **kept), *self.show(key, talk.columns)]

    def show(self, key: str, columns: list[str]) -> list[Any]:
        """Boxes, dialogues and figures of the chosen columns."""
        talk = self.talks.get(key)
        chosen = talk.columns = list(columns or [])[:SLOTS]
        labels = {column: label for label, column in self.found.choices(self.t("chat.base"))}
        boxes = [gr.update(visible=number < max(1, len(chosen))) for number in range(SLOTS)]
        bots = [gr.update(value=self._messages(talk, name), label=labels.get(name, name)) for name in chosen]
        stats = [self._figures(talk, name) for name in chosen]
        spare = SLOTS - len(chosen)
        return [*boxes, *bots, *[gr.update(value=[])] * spare, *stats, *[""] * spare]

    def refresh(self) -> Any:
        """The columns to choose from, now; nothing is sent when reading them fails, the next tick tries again."""
        try:
            return gr.update(choices=self.found.choices(self.t("chat.base")))
        except OSError:
            log.warning("the workspace could not be read for chat columns", exc_info=True)
            return gr.skip()

    def begin_afresh(self, key: str, columns: list[str]) -> list[Any]:
        self.talks.clear(key)
        return ["", *self.show(key, columns)]

    def stop_asking(self, key: str) -> None:
        self.talks.get(key).stop()

    # -- asking -----------------------------------------------------------------------------------------------------
    def ask(self, key: str, question: str, columns: list[str], *options: Any) -> Iterator[list[Any]]:
        """A new question to all columns; the box is emptied once the question stands in the dialogue."""
        question = question.strip()
        if not question:
            yield self._refused(UserError("chat_tab.no_question"))
            return
        yield from self._asked(key, question, columns, options)

    def ask_again(self, key: str, columns: list[str], *options: Any) -> Iterator[list[Any]]:
        """The last question once more, with other random numbers."""
        if not self.talks.get(key).turns:
            yield self._refused(UserError("chat_tab.no_question"))
            return
        yield from self._asked(key, None, columns, options)

    def _asked(self, key: str, question: str | None, columns: list[str], options: Sequence[Any]) -> Iterator[list[Any]]:
        if not columns:
            yield self._refused(UserError("chat_tab.no_columns"))
            return
        talk = self.talks.get(key)
        talk.columns = list(columns)[:SLOTS]
        cancel = talk.begin(question, talk.columns)
        if cancel is None:
            yield self._refused(UserError("chat_tab.busy"))
            return
        work = threading.Thread(
            target=self._answer, args=(talk, talk.columns, options, cancel), name="chat answer", daemon=True
        )
        work.start()
        first = ["" if question else gr.skip(), ""]  # the question box and the last refusal are emptied
        for update in self.follow(key):
            yield first + update[2:]
            first = update[:2]

    def follow(self, key: str) -> Iterator[list[Any]]:
        """What is being answered, about ten times a second and only what changed, until it is whole."""
        talk = self.talks.get(key)
        seen: dict[tuple[int, str], Answer | None] = {}
        begun, running = False, True
        while running:
            running, version = talk.answering, talk.version
            shown = list(enumerate(talk.columns))
            news = {slot: name for slot, name in shown if not begun or seen.get((slot, name)) is not talk.last(name)}
            seen = {(slot, name): talk.last(name) for slot, name in shown}
            # The buttons change at the beginning and at the end only.
            buttons = [gr.update(interactive=running), gr.update(interactive=not running)]
            if not begun or not running:
                yield [gr.skip(), gr.skip(), *buttons, *self._drawn(talk, news)]
            elif news:
                yield [gr.skip()] * 4 + self._drawn(talk, news)
            begun = True
            if running:
                time.sleep(_UPDATE_SECONDS)
                talk.wait(version, 1.0)

    def _answer(self, talk: Conversation, columns: list[str], options: Sequence[Any], cancel: threading.Event) -> None:
        """In a thread of its own: the page may be closed or reloaded meanwhile."""
        try:
            system, temperature, top_p, max_tokens, seed, model = options
            section = model_section(model or base_of(ref for ref in self.found.refs() if ref.name in columns))
            sampling = {
                "system": system or "",
                "temperature": temperature,
                "top_p": top_p,
                "max_tokens": max_tokens,
                "seed": (seed or 0) + talk.turns[-1].tries,
            }
            histories = [talk.history(name) for name in columns]
            for delta in self.app.engine.compare(histories, columns, sampling, section, cancel=cancel):
                error = self.t.error(delta.problem) if delta.problem is not None else ""
                answer = Answer(delta.text, error, delta.done, delta.tokens, delta.seconds, delta.cut)
                talk.put(columns[delta.column], answer)
        except Exception as error:
            text = self.t.error(error)
            for name in columns:
                so_far = talk.last(name) or Answer()
                if not so_far.done:
                    talk.put(name, replace(so_far, error=text, done=True))
        finally:
            talk.end()

    # -- drawing ----------------------------------------------------------------------------------------------------
    def _drawn(self, talk: Conversation, news: Mapping[int, str]) -> list[Any]:
        """Updates of dialogues and figures for the slots with news; the others are left alone."""
        bots = [self._messages(talk, news[slot]) if slot in news else gr.skip() for slot in range(SLOTS)]
        return bots + [self._figures(talk, news[slot]) if slot in news else gr.skip() for slot in range(SLOTS)]

    def _refused(self, error: UserError) -> list[Any]:
        text = self.t.error(error)
        return [gr.skip(), forms.problem(text), *[gr.skip()] * (2 + 2 * SLOTS)]

    def _messages(self, talk: Conversation, column: str) -> list[dict[str, str]]:
        messages = []
        for question, answer in talk.answers(column):
            messages.append({"role": "user", "content": escaped_markdown(question)})
            messages.append({"role": "assistant", "content": self._said(answer)})
        return messages

    def _said(self, answer: Answer | None) -> str:
        if answer is None:
            return f"*{self.t('chat.not_asked')}*"
        if answer.error:
            return f"{without_tags(answer.text)}\n\n⚠ {escaped_markdown(answer.error)}".strip()
        if not answer.text:
            return f"*{self.t('chat.nothing_said')}*" if answer.done else self.t("chat.waiting")
        return without_tags(answer.text)

    def _figures(self, talk: Conversation, column: str) -> str:
        """Tokens, seconds and tokens per second of the last answer."""
        answer = talk.last(column)
        if answer is None or not answer.tokens or not answer.seconds:
            return ""
        speed = f"{answer.tokens / answer.seconds:.0f}"
        text = self.t("chat.stats", tokens=answer.tokens, seconds=f"{answer.seconds:.1f}", speed=speed)
        if answer.cut:
            text += " · " + self.t("chat.cut", count=answer.cut)
        return f'<p class="wb-note">{forms.plain(text)}</p>'


def model_section(path: str) -> Any:
    """The model section of a chat: everything but the path as it comes."""
    from workbench.specs import parse

    return parse({"model": {"path": path.strip()}}).model


def escaped_markdown(text: str) -> str:
    """Text as it was typed, or an error with a path in it, for a Markdown view."""
    return "".join(f"\\{sign}" if sign in _MARKDOWN else sign for sign in text)


def without_tags(text: str) -> str:
    """A model's Markdown in which tags and pictures are text: a picture would be fetched from wherever it says."""
    pieces = _CODE.split(text)  # code stands at odd places and shows as it is
    pieces[::2] = [piece.replace("<", "\\<").replace("![", "!\\[") for piece in pieces[::2]]
    return "".join(pieces)


_MARKDOWN = frozenset(r"\`*_{}[]<>()#+-.!|~$&:")
_CODE = re.compile(r"(^```.*?(?:^```|\Z)|`[^`\n]+`)", re.DOTALL | re.MULTILINE)
