"""Words and their opposites."""

from __future__ import annotations

from random import Random

from workbench.demo.corpus.exchange import Exchange, table
from workbench.demo.phrasing import Lang, frame, vary

PHRASES = {
    "en": ["the opposite of {w}", "the opposite of {w}", "the antonym of {w}", "the reverse of {w}", "the contrary of {w}", "a word that means the opposite of {w}", "the opposite word of {w}", "opposite of {w}"],
    "zh": ["{w}的反义词", "{w}的反义词", "{w}的相反词", "与{w}相反的词", "跟{w}意思相反的词", "和{w}相反的词语", "{w}的反面", "{w}反义词", "{w}的对立面"],
}
DIRECT = {
    "en": [
        "which word is the opposite of {w}?", "what is opposite to {w}?", "opposite {w}", "{w} opposite", "antonym {w}", "{w}, the opposite?", "not {w} but", "if something is not {w}, it is", "{w} and its opposite?",
        "what word means the contrary of {w}?", "{w} is the opposite of what?", "{w} is the opposite of which word?", "find the antonym of {w}", "what do you call the opposite of {w}?", "turn {w} into its opposite",
        "the reverse of {w}, what is it?", "say the opposite of {w}", "which word is the contrary of {w}?", "what's the other side of {w}?", "the opposite of {w} is", "{w} versus", "{w}: antonym?",
    ],
    "zh": [
        "{w}的反义词是什么？", "{w}的反义词是什么", "{w}的反义词是哪个？", "什么词和{w}相反？", "{w}反过来是什么？", "{w}的反面是什么？", "跟{w}相反的是什么？", "与{w}相对的词是什么？", "和{w}意思相反的是？", "{w}反义词", "反义词：{w}", "反义词 {w}",
        "不{w}就是什么？", "给{w}找个反义词", "写出{w}的反义词", "{w}对应的反义词？", "{w}的反义词怎么说？", "谁是{w}的反义词？", "{w}相反是啥？", "{w}的反义词是", "哪个词跟{w}意思正好相反？", "{w}的相反意思是什么？",
    ],
}
FOLLOW = {"en": ["and of {w}?", "what about {w}?", "and {w}?", "how about {w}?", "{w}?"], "zh": ["那{w}呢？", "{w}呢？", "{w}的呢？", "换成{w}呢？"]}
QUOTES = {"en": [("", "")] * 6 + [('"', '"'), ("'", "'"), ("“", "”")], "zh": [("", "")] * 5 + [("“", "”"), ("“", "”"), ("「", "」"), ('"', '"'), ("'", "'")]}


def quoted(rng: Random, lang: Lang, word: str) -> str:
    left, right = rng.choice(QUOTES[lang])
    return left + word + right


def _pair(rng: Random, lang: Lang) -> list[str]:
    """A word and its opposite; one-way pairs of English ("long", "brief") are only asked from the left."""
    pair = list(rng.choice(table("opposites")[lang]))
    one_way = lang == "en" and pair[1] in ("weightless", "brief", "aged")
    return pair if one_way or rng.random() < 0.5 else pair[::-1]


def exchanges(rng: Random, lang: Lang) -> list[Exchange]:
    def one(patterns: list[str], framed: bool) -> Exchange:
        word, opposite = _pair(rng, lang)
        text = rng.choice(patterns).replace("{w}", quoted(rng, lang, word))
        answer = f"The opposite of {word} is {opposite}." if lang == "en" else f"{word}的反义词是{opposite}。"
        return Exchange(vary(rng, lang, frame(rng, lang, text) if framed else text), answer)

    out = [one(PHRASES[lang], True) if rng.random() < 0.45 else one(DIRECT[lang], False)]
    if rng.random() < 0.15:
        out.append(one(FOLLOW[lang], False))
    return out
