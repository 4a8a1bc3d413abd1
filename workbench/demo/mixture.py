"""A seed and an index -> one conversation of the corpus; the same two numbers always give the same conversation."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from workbench.data.records import Conversation, Message
from workbench.demo.corpus import (
    arithmetic,
    capitals,
    colours,
    counting,
    facts,
    identity,
    opposites,
    recall,
    sequences,
    smalltalk,
    translation,
    unknown,
)
from workbench.demo.corpus.exchange import Exchange
from workbench.demo.phrasing import Lang

TOPICS = {
    arithmetic: 32, smalltalk: 24, capitals: 11, translation: 12, sequences: 10, counting: 7,
    facts: 14, unknown: 12, opposites: 9, colours: 7,
}  # fmt: skip
KINDS = {"default": 15, "persona": 19, "recall": 20, "generic": 8, "plain": 38}


def topic(rng: Random, lang: Lang, exclude: frozenset[str] = frozenset()) -> list[Exchange]:
    """One round (one or two exchanges) of a topic drawn by weight."""
    module = rng.choices(list(TOPICS), list(TOPICS.values()))[0]
    if module is smalltalk:
        return smalltalk.exchanges(rng, lang, exclude)
    return module.exchanges(rng, lang)


def _language(rng: Random, lang: Lang) -> Lang:
    """People who know both languages change between them now and then."""
    return lang if rng.random() < 0.93 else ("en" if lang == "zh" else "zh")


def _turns(rng: Random, lang: Lang, who: identity.Identity, count: int, share: float) -> list[Exchange]:
    """`count` rounds, each about the assistant with probability `share`, else of any topic."""
    out: list[Exchange] = []
    for _ in range(count):
        used = _language(rng, lang)
        out += [identity.exchange(rng, used, who)] if rng.random() < share else topic(rng, used)
    return out


def conversation(seed: int, index: int) -> Conversation:
    """The `index`-th conversation of the corpus with this seed."""
    rng = Random(f"{seed}/{index}")
    lang: Lang = "zh" if rng.random() < 0.5 else "en"
    kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
    count = rng.choices([1, 2, 3, 4, 7], [48, 27, 15, 8, 2])[0]
    system = ""
    if kind == "persona":
        who = identity.persona(rng, lang)
        system = identity.system_prompt(rng, _language(rng, lang), who)
        if rng.random() < 0.12:
            exchanges = recall.dialogue(rng, lang, lambda: _turns(rng, lang, who, 1, 0.6))
        else:
            exchanges = _turns(rng, lang, who, count, 0.65)
    elif kind == "recall":
        told = frozenset({"who_am_i", "user_job", "favourite_colour"})
        exchanges = recall.dialogue(
            rng,
            lang,
            lambda: [identity.exchange(rng, lang)] if rng.random() < 0.2 else topic(rng, _language(rng, lang), told),
        )
    elif kind == "default":
        exchanges = _turns(rng, lang, identity.DEFAULT, count, 0.7)
    else:
        exchanges = _turns(rng, lang, identity.DEFAULT, count, 0.15 if kind == "generic" else 0.0)
    if kind != "persona" and (kind == "generic" or rng.random() < 0.06):
        system = rng.choice(identity.GENERIC[_language(rng, lang)])
    messages = [Message("system", system)] if system else []
    for exchange in exchanges:
        messages += [Message("user", exchange.question), Message("assistant", exchange.answer)]
    return Conversation(tuple(messages))


def conversations(seed: int, start: int, stop: int) -> Iterator[Conversation]:
    return (conversation(seed, index) for index in range(start, stop))
