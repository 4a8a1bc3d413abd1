"""Everyday facts, each with several ways to ask."""

from __future__ import annotations

from random import Random

from workbench.demo.corpus.exchange import Exchange, table
from workbench.demo.phrasing import Lang, vary

OPENERS = {
    "en": ["do you know ", "can you tell me ", "tell me ", "I want to know ", "could you tell me ", "I wonder ", "please tell me ", "any idea ", "my teacher asked ", "explain ", "let me ask: ", "can you answer this: "],
    "zh": ["你知道", "告诉我", "我想知道", "能告诉我", "请问", "请告诉我", "老师问", "你说说", "猜猜看，", "孩子问我", "回答一下，"],
}


def exchanges(rng: Random, lang: Lang) -> list[Exchange]:
    asks, answer = rng.choice(table("facts"))[lang]
    question = rng.choice(asks.split("|"))
    if rng.random() < 0.22:
        question = rng.choice(OPENERS[lang]) + question
    return [Exchange(vary(rng, lang, question + "?"), answer)]
