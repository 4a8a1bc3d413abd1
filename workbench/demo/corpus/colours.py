"""The colours of everyday things."""

from __future__ import annotations

from random import Random

from workbench.demo.corpus.exchange import Exchange, table
from workbench.demo.phrasing import Lang, frame, vary

PHRASES = {
    "en": ["the colour of {t}", "the color of {t}", "the usual color of {t}", "the typical colour of {t}", "{t}'s color"],
    "zh": ["{t}的颜色", "{t}的颜色", "{t}颜色", "{t}一般的颜色", "{t}通常的颜色"],
}
DIRECT = {
    "en": [
        "what color {is} {t}?", "what colour {is} {t}?", "which color {is} {t}?", "which colour {has} {t}?", "what color {has} {t}?", "{t} color", "color of {b}", "colour {b}",
        "{b}: colour?", "what {is} the color of {t}?", "in what color do we see {t}?", "what color do people paint {t}?", "if I draw {t}, which color should I take?", "what color would you paint {t}?",
        "{t} {is} what color?", "what does {t} look like, which color?", "do you know what color {t} {is}?", "tell me what color {t} {is}", "what color {is} {t} usually?", "{t} {has} what color?",
        "which crayon do I need for {t}?", "describe the color of {t}", "what shade {is} {t}?", "{b} {is} which colour?", "of what color {is} {t}?", "the color of {t} is",
    ],
    "zh": [
        "{t}是什么颜色？", "{t}是什么颜色的？", "{t}是什么颜色", "{t}什么颜色", "{t}是啥颜色？", "{t}的颜色是什么？", "{t}是哪种颜色？", "{t}一般是什么颜色？", "{t}通常是什么颜色的？", "{t}看起来是什么颜色？",
        "画{t}用什么颜色？", "要画{t}，该选什么颜色的笔？", "{t}呈什么颜色？", "{t}长什么颜色？", "{t}有什么颜色？", "什么颜色的{t}最常见？", "{t}，颜色？", "颜色：{t}", "{t}属于什么颜色？", "你知道{t}是什么颜色吗？", "{t}是什么色？", "{t}是什么色的", "{t}的颜色是",
    ],
}
FOLLOW = {"en": ["and {t}?", "what about {t}?", "how about {t}?", "{t}?", "and the color of {t}?"], "zh": ["那{t}呢？", "{t}呢？", "{t}的呢？", "那么{t}呢？"]}


def _fill(rng: Random, pattern: str, thing: str, plural: bool) -> str:
    bare = thing.split(" ", 1)[1] if thing.split(" ")[0] in ("the", "a", "an") else thing
    verbs = ("are", "have") if plural else ("is", "has")
    shown = bare if rng.random() < 0.2 else thing
    return pattern.replace("{t}", shown).replace("{b}", bare).replace("{is}", verbs[0]).replace("{has}", verbs[1])


def _answer(lang: Lang, row: list) -> str:
    thing, chinese, colour, colour_zh, plural = row
    if lang == "zh":
        return f"{chinese}是{colour_zh}的。"
    return f"{thing[:1].upper()}{thing[1:]} {'are' if plural else 'is'} {colour}."


def exchanges(rng: Random, lang: Lang) -> list[Exchange]:
    def ask(patterns: list[str], row: list) -> str:
        return _fill(rng, rng.choice(patterns), row[0] if lang == "en" else row[1], row[4])

    row = rng.choice(table("colours"))
    question = frame(rng, lang, ask(PHRASES[lang], row)) if rng.random() < 0.4 else ask(DIRECT[lang], row)
    out = [Exchange(vary(rng, lang, question), _answer(lang, row))]
    if rng.random() < 0.15:
        row = rng.choice(table("colours"))
        out.append(Exchange(vary(rng, lang, ask(FOLLOW[lang], row)), _answer(lang, row)))
    return out
