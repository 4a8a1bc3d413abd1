"""A question in a conversation -> answers of its columns, made in a thread of their own: the page may be closed."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.chat import columns as naming
from workbench.errors import UserError
from workbench.ui.chat.conversation import Conversation
from workbench.ui.chat.probabilities import ALTERNATIVES
from workbench.ui.chat.turns import Answer
from workbench.ui.i18n import Texts

if TYPE_CHECKING:
    from workbench.ui.app import App

SAMPLING = ("temperature", "top_p", "max_tokens", "seed")
DEFAULTS = {"system": "", "temperature": 0.0, "top_p": 1.0, "max_tokens": 256, "seed": 42, "template": "", "model": ""}


def ask(
    app: App,
    t: Texts,
    talk: Conversation,
    question: str | None,
    *,
    columns: Sequence[str] | None = None,
    place: int | None = None,
    keep: bool = False,
) -> None:
    """Begin to answer a new question, or (None) one of the path again; `keep`: the answers go on where they ended.

    columns: those that answer, by default all that are shown. place: a turn of the path; a new question there begins
    a branch. Raises UserError for what cannot be asked.
    """
    names = list(columns if columns is not None else talk.columns)
    if not names:
        raise UserError("chat_tab.no_columns")
    if question is not None and not question.strip():
        raise UserError("chat_tab.no_question")
    if question is None and not talk.turns:
        raise UserError("chat_tab.no_question")
    events = talk.begin(question and question.strip(), names, place=place, keep=keep)
    if events is None:
        raise UserError("chat_tab.busy")
    if question is not None:  # whatever becomes of the server, the question stays; the first word does not wait for it
        threading.Thread(target=talk.save, name="chat question", daemon=True).start()
    work = threading.Thread(target=_answer, args=(app, t, talk, names, events, keep), name="chat answer", daemon=True)
    work.start()


def options_of(talk: Conversation, column: str) -> dict[str, Any]:
    """Everything that decides a column's answer: the page's options with the column's own over them."""
    return DEFAULTS | talk.options | talk.overrides.get(column, {})


def _answer(
    app: App, t: Texts, talk: Conversation, names: Sequence[str], events: Mapping[str, threading.Event], keep: bool
) -> None:
    try:
        place = talk.open_place
        tries = talk.turns[place].tries
        options = [options_of(talk, name) for name in names]
        path = options[0]["model"] or naming.base_of(app.home, names, foreign=False)
        before = [talk.current(name) if keep else Answer() for name in names]
        asked = [
            {key: value for key, value in own.items() if key != "model"}
            | {"seed": own["seed"] + tries, "logprobs": ALTERNATIVES}
            for own in options
        ]
        stream = app.engine.compare(
            [talk.history(name, place) for name in names],
            names,
            asked,
            model_section(path),
            cancel=[events[name] for name in names],
            endpoint=talk.endpoint,
            begun=[_beginning(answer) for answer in before] if keep else None,
        )
        for delta in stream:
            name, old = names[delta.column], before[delta.column]
            talk.put(
                name,
                Answer(
                    text=delta.text or old.text,
                    error=t.error(delta.problem) if delta.problem is not None else "",
                    done=delta.done,
                    tokens=len(old.scored) + delta.tokens,
                    seconds=old.seconds + delta.seconds,
                    cut=delta.cut,
                    first_seconds=old.first_seconds or delta.first_seconds,
                    prompt_tokens=delta.prompt_tokens or old.prompt_tokens,
                    finish=delta.finish,
                    step=delta.step,
                    scored=old.scored + delta.scored,
                    base=delta.base or old.base,
                    own=tuple(sorted(talk.overrides.get(name, {}).items())),
                    when=delta.when,
                ),
            )
    except Exception as error:
        text = t.error(error)
        for name in names:
            so_far = talk.current(name)
            if not so_far.done or keep:
                talk.put(name, replace(so_far, error=text, done=True))
    finally:
        talk.end()


def _beginning(answer: Answer) -> str | tuple[int, ...]:
    """The ids that were drawn, so that the answer goes on as if it had never ended; the text after an edit."""
    return tuple(score.token for score in answer.scored) or answer.text


def model_section(path: str) -> Any:
    """The model section of a chat: everything but the path as it comes."""
    from workbench.specs import parse

    return parse({"model": {"path": path.strip()}}).model
