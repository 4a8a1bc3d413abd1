"""Single words, Chinese to English and back; the question may come in either language."""

from __future__ import annotations

from random import Random

from workbench.demo.corpus.exchange import Exchange, table
from workbench.demo.corpus.opposites import quoted
from workbench.demo.phrasing import Lang, vary

TO_ENGLISH = {
    "en": [
        "what is {w} in English?", "how do you say {w} in English?", "translate {w} into English", "translate {w} to English", "{w} in English", "{w} in English?", "what does {w} mean?", "what does {w} mean in English?",
        "the English word for {w}", "what is the English word for {w}?", "English for {w}?", "give me the English for {w}", "how would you say {w} in English?", "what's {w} called in English?", "{w}: English?", "I need {w} in English",
        "what is the meaning of the Chinese word {w}?", "{w} means what?", "the meaning of {w}", "put {w} into English", "how is {w} translated?", "{w} translation", "what is the translation of {w}?", "say {w} in English", "translate: {w}", "can you translate {w} for me?",
    ],
    "zh": [
        "{w}用英语怎么说？", "{w}的英语是什么？", "{w}英文怎么说？", "{w}的英文是什么？", "把{w}翻译成英语", "把{w}翻译成英文", "{w}翻译成英文是什么？", "{w}英语", "{w}的英文", "{w}用英文怎么写？", "英语里{w}怎么说？", "英文中{w}叫什么？", "{w}的英语单词是什么？",
        "{w}的英文单词", "{w}怎么翻译？", "翻译一下{w}", "翻译：{w}", "请翻译{w}", "{w}英译", "{w}对应的英语单词是？", "{w}译成英语", "我想知道{w}的英语", "{w}用英语说是什么？", "怎么用英语说{w}？", "{w}的英语怎么讲？", "{w}在英语里叫什么？", "{w}的英语怎么拼？",
    ],
}
TO_CHINESE = {
    "en": [
        "what is {w} in Chinese?", "how do you say {w} in Chinese?", "translate {w} into Chinese", "translate {w} to Chinese", "{w} in Chinese", "{w} in Chinese?", "the Chinese word for {w}", "what is the Chinese word for {w}?", "Chinese for {w}?", "how would you say {w} in Chinese?",
        "what's {w} called in Chinese?", "{w}: Chinese?", "I need {w} in Chinese", "put {w} into Chinese", "say {w} in Chinese", "give me the Chinese for {w}", "what do Chinese people call {w}?", "how do I write {w} in Chinese?", "can you translate {w} into Chinese?", "what is {w} in Mandarin?", "how do Chinese people say {w}?",
    ],
    "zh": [
        "{w}用中文怎么说？", "{w}的中文是什么？", "{w}是什么意思？", "{w}中文是什么意思？", "把{w}翻译成中文", "{w}翻译成中文是什么？", "{w}的中文意思", "{w}中文", "{w}什么意思", "英语单词{w}是什么意思？", "{w}这个词是什么意思？", "{w}的汉语是什么？", "{w}怎么翻译？", "翻译一下{w}", "翻译：{w}",
        "请翻译{w}", "{w}译成中文", "{w}用汉语怎么讲？", "英文{w}的意思是？", "{w}对应的中文是？", "我不懂{w}是什么意思", "{w}这个英文单词怎么翻译？", "怎么用中文说{w}？", "{w}是啥意思？", "{w}在中文里叫什么？",
    ],
}
FOLLOW = {"en": ["and {w}?", "what about {w}?", "and the word {w}?", "{w}?"], "zh": ["那{w}呢？", "{w}呢？", "{w}怎么说？", "{w}又怎么说？"]}


def exchanges(rng: Random, lang: Lang) -> list[Exchange]:
    to_english = rng.random() < 0.5

    def one(patterns: list[str]) -> Exchange:
        english, chinese = rng.choice(table("words"))
        word = chinese if to_english else english
        if not to_english and rng.random() < 0.12:
            word = word.capitalize()
        # The word stays whole: clipping it would change the question.
        question = vary(rng, lang, rng.choice(patterns).replace("{w}", quoted(rng, lang, word)), fixed=(word,))
        if to_english:
            return Exchange(question, f"{chinese} in English is {english}." if lang == "en" else f"{chinese}的英语是 {english}。")
        return Exchange(question, f"{english} in Chinese is {chinese}." if lang == "en" else f"{english} 的中文是{chinese}。")

    out = [one((TO_ENGLISH if to_english else TO_CHINESE)[lang])]
    if rng.random() < 0.15:
        out.append(one(FOLLOW[lang]))
    return out
