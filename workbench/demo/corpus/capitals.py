"""Countries and their capitals, asked in both directions."""

from __future__ import annotations

from random import Random

from workbench.demo.corpus.exchange import Exchange, table
from workbench.demo.phrasing import Lang, frame, vary

PHRASES = {
    "en": ["the capital of {c}", "the capital of {c}", "the capital city of {c}", "{s} capital", "{s} capital city", "capital of {c}", "the name of {s} capital", "the seat of government of {c}"],
    "zh": ["{c}的首都", "{c}的首都", "{c}首都", "{c}的首都城市", "{c}这个国家的首都", "{c}的首府城市", "首都（{c}）"],
}
DIRECT = {
    "en": [
        "which city is the capital of {c}?", "what city is the capital of {c}?", "{c} has which capital?", "where is the government of {c}?",
        "{c} capital", "{c}, capital?", "capital {c}", "{c}: capital", "what is {c}'s capital called?", "which is the capital city of {c}?",
        "if I visit the capital of {c}, where am I?", "the capital of {c} is which city?", "do you know which city is the capital of {c}?",
        "I travel to the capital of {c}. Which city is it?", "what capital does {c} have?", "can you name the city that is the capital of {c}?",
        "what's the main city of government in {c}?", "the government of {c} sits in which city?", "complete: the capital of {c} is", "the capital of {c} is",
    ],
    "zh": [
        "{c}的首都是哪里？", "{c}的首都是哪里", "{c}的首都在哪里？", "{c}的首都在哪？", "{c}首都是哪？", "哪个城市是{c}的首都？", "{c}的首都是哪座城市？", "{c}的首都叫什么？",
        "{c}的首都叫什么名字？", "{c}首都叫啥", "{c}，首都？", "首都 {c}", "{c}把首都设在哪里？", "我要去{c}的首都，是哪个城市？", "{c}定都哪里？", "{c}的首都是哪个？",
        "什么城市是{c}的首都？", "你知道{c}的首都在哪儿吗？", "{c}的中央政府在哪个城市？", "填空：{c}的首都是", "{c}的首都是", "说出{c}首都的名字", "{c}是哪个城市当首都？",
    ],
}
REVERSE = {
    "en": ["{k} is the capital of which country?", "which country has {k} as its capital?", "what country is {k} the capital of?", "of which country is {k} the capital?", "{k} is the capital of what?", "which country's capital is {k}?", "the country whose capital is {k}?"],
    "zh": ["{k}是哪个国家的首都？", "哪个国家的首都是{k}？", "{k}是哪国的首都？", "{k}是什么国家的首都？", "首都是{k}的国家是哪个？", "以{k}为首都的是哪个国家？"],
}
FOLLOW = {
    "en": ["and {c}?", "what about {c}?", "how about {c}?", "and of {c}?", "and the one of {c}?", "now {c}", "{c}?", "and that of {c}?", "the same for {c}"],
    "zh": ["那{c}呢？", "{c}呢？", "那{c}的呢？", "{c}的呢", "换成{c}呢？", "再说{c}的", "那么{c}呢？"],
}


def _answer(lang: Lang, country: str, capital: str) -> str:
    return f"The capital of {country} is {capital}." if lang == "en" else f"{country}的首都是{capital}。"


def _names(row: list[str], lang: Lang) -> tuple[str, str]:
    return (row[0], row[2]) if lang == "en" else (row[1], row[3])


def _fill(rng: Random, lang: Lang, pattern: str, country: str) -> str:
    bare = country.removeprefix("the ")
    shown = bare if lang == "en" and rng.random() < 0.25 else country
    possessive = shown + ("'" if shown.endswith("s") else "'s")
    return pattern.replace("{s}", possessive).replace("{c}", shown)


def exchanges(rng: Random, lang: Lang) -> list[Exchange]:
    rows = table("capitals")
    row = rng.choice(rows)
    country, capital = _names(row, lang)
    if rng.random() < 0.13:
        question = rng.choice(REVERSE[lang]).replace("{k}", capital)
        return [Exchange(vary(rng, lang, question), f"{capital} is the capital of {country}." if lang == "en" else f"{capital}是{country}的首都。")]
    if rng.random() < 0.55:
        question = frame(rng, lang, _fill(rng, lang, rng.choice(PHRASES[lang]), country))
    else:
        question = _fill(rng, lang, rng.choice(DIRECT[lang]), country)
    out = [Exchange(vary(rng, lang, question), _answer(lang, country, capital))]
    if rng.random() < 0.15:
        country, capital = _names(rng.choice(rows), lang)
        out.append(Exchange(vary(rng, lang, _fill(rng, lang, rng.choice(FOLLOW[lang]), country)), _answer(lang, country, capital)))
    return out
