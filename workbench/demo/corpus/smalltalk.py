"""Greetings, moods, thanks and the other things people say to a chat program."""

from __future__ import annotations

from random import Random

from workbench.demo.corpus.exchange import Exchange, table
from workbench.demo.phrasing import Lang, vary

# Moods and greetings are asked more often: they carry the negations ("not happy") that are easily misread.
_HEAVY = {"greeting": 3, "user_sad": 5, "user_happy": 3, "how_are_you": 2, "who_am_i": 2, "thanks": 2, "goodbye": 2, "capabilities": 2}
_INTENSIFIERS = {
    "en": [("I am ", "I am very "), ("I am ", "I am really "), ("I am ", "I'm "), ("I feel ", "I feel so "), ("I am ", "today I am "), ("I am not ", "I am really not "), ("I am not ", "I'm not "), ("I feel ", "right now I feel "), ("I don't ", "I do not ")],
    "zh": [("我", "我今天"), ("我", "我现在"), ("我", "其实我"), ("我", "最近我"), ("我很", "我真的很"), ("我好", "我真的好"), ("不太", "不怎么"), ("不", "真的不"), ("我", "唉，我"), ("我很", "我非常")],
}


def exchanges(rng: Random, lang: Lang, exclude: frozenset[str] = frozenset()) -> list[Exchange]:
    """One exchange; `exclude` names intents that would be wrong here (asking one's name after having told it)."""
    intents = [item for item in table("smalltalk") if item["intent"] not in exclude]
    item = rng.choices(intents, [_HEAVY.get(item["intent"], 1) for item in intents])[0]
    ask = rng.choice(item[lang]["ask"].split("|"))
    if item["intent"].startswith("user_") and rng.random() < 0.35:
        plain, strong = rng.choice(_INTENSIFIERS[lang])
        ask = ask.replace(plain, strong, 1) if ask.startswith(plain) or plain.startswith("不") else ask
    questioning = ask.split(" ")[0].lower() in {"what", "who", "how", "are", "do", "can", "which", "where", "when", "will", "is", "did", "have"} or ask[-1] in "吗呢"
    return [Exchange(vary(rng, lang, ask + ("?" if questioning else ""), fixed=(ask,) if item["intent"].startswith("user_") else ()), item[lang]["answer"])]
