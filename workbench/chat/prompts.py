"""What a person asked -> messages -> the token ids that the model continues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.data.records import ROLES, Message
from workbench.errors import UserError
from workbench.specs.knob import Section, knob

Prompt = str | Sequence[Any]  # a question, alternating turns that begin with the user's, or messages


class ChatOptions(Section):
    """How a question is answered; the same for every column."""

    system: str = knob("", "System prompt", "What the model is told before the conversation.")
    temperature: float = knob(0.0, "Temperature", "0 always takes the likeliest token; 1 draws as the model weighs them.", ge=0.0, le=10.0)  # noqa: E501
    top_p: float = knob(1.0, "Top-p", "Draw only from the likeliest tokens that together have this probability.", gt=0.0, le=1.0)  # noqa: E501
    max_tokens: int = knob(256, "Longest answer", "An answer is cut off after this many tokens.", ge=1, le=131_072, unit="tokens")  # noqa: E501
    seed: int = knob(0, "Seed", "Same seed, same answers; every column gets the same random numbers.", ge=0, le=2**53)
    logprobs: int = knob(-1, "Probabilities", "With every token its probability and this many of the likeliest; -1: none.", ge=-1, le=20)  # noqa: E501
    template: str = knob("", "Prompt style", "Empty: the model's own chat template. Otherwise the name of a style.")


def messages(prompt: Prompt, system: str = "") -> tuple[Message, ...]:
    """Raises UserError for a dialogue that does not end with a question."""
    given = [prompt] if isinstance(prompt, str) else list(prompt)
    turns = [_message(turn, place) for place, turn in enumerate(given)]
    if not turns or turns[-1].role not in ("user", "tool") or not turns[-1].content.strip():
        raise UserError("engine.no_question")
    if system.strip() and turns[0].role != "system":
        turns.insert(0, Message("system", system))
    return tuple(turns)


def _message(turn: Any, place: int) -> Message:
    if isinstance(turn, Message):
        return turn
    if isinstance(turn, str):
        return Message("assistant" if place % 2 else "user", turn)
    if not isinstance(turn, Mapping) or turn.get("role") not in ROLES:
        raise UserError("engine.bad_message", number=place + 1, value=str(turn)[:80])
    content = turn.get("content")
    if isinstance(content, list):  # OpenAI's parts
        texts = [part.get("text") for part in content if isinstance(part, Mapping) and part.get("type") == "text"]
        content = "\n".join(texts) if len(texts) == len(content) and all(isinstance(t, str) for t in texts) else None
    if content is None and turn.get("tool_calls"):
        content = ""
    if not isinstance(content, str):
        raise UserError("engine.bad_message", number=place + 1, value=str(turn)[:80])
    try:
        return Message.from_row({**turn, "content": content})
    except (KeyError, TypeError):
        raise UserError("engine.bad_message", number=place + 1, value=str(turn)[:80]) from None


def window(model: Any) -> int:
    """How many tokens the model can look at; very many when its config does not say."""
    return int(getattr(model.config.get_text_config(), "max_position_embeddings", 0) or 2**31)


def fit(
    turns: Sequence[Message], tokenizer: Any, tokens: int, answer_tokens: int, template: str = "", tools: Any = None
) -> tuple[list[int], int]:
    """(prompt ids, messages left out): the oldest turns go until prompt and answer fit into `tokens`.

    The system prompt and the last question always stay; the answer's share is at most half of the window.
    Raises UserError when they alone are too long.
    """
    from workbench.data.render import prompt_ids

    style = template or own_template(tokenizer)
    room = tokens - min(answer_tokens, tokens // 2)
    head = list(turns[:1]) if turns[0].role == "system" else []
    rest, cut = list(turns[len(head) :]), 0
    while True:
        ids = prompt_ids([*head, *rest], tokenizer, template=style, tools=tools)
        if len(ids) <= room:
            return ids, cut
        following = next((place for place, turn in enumerate(rest) if place and turn.role == "user"), None)
        if following is None:
            raise UserError("engine.too_long", tokens=len(ids), room=room, window=tokens)
        rest, cut = rest[following:], cut + following


def own_template(tokenizer: Any) -> str:
    """The tokenizer's chat template; to answer, it need not mark what is trained. Raises UserError without one."""
    own = tokenizer.chat_template
    if isinstance(own, Mapping):
        own = own.get("default")
    if own:
        return own
    from workbench.data.styles import names

    raise UserError("data.no_template", styles=", ".join(names()))
