"""A plain question -> the many ways a person might type it: framed, prefixed, cased, clipped, mistyped."""

from __future__ import annotations

from random import Random
from typing import Literal

Lang = Literal["zh", "en"]

# "{}" is a noun phrase such as "the capital of Italy" or "法国的首都".
FRAMES: dict[str, list[str]] = {
    "en": [
        "what is {}?", "what is {}?", "what's {}?", "what's {}?", "whats {}?", "tell me {}", "tell me {}, please",
        "please tell me {}", "do you know {}?", "can you tell me {}?", "could you tell me {}?", "{}?", "{}", "{} please",
        "give me {}", "name {}", "can you name {}?", "i want to know {}", "i need {}", "i'd like to know {}",
        "i would like to know what {} is", "tell me what {} is", "do you know what {} is?", "can you say what {} is?",
        "could you tell me what {} is?", "{} is what?", "{} is ...?", "{}: what is it?", "any idea what {} is?",
        "i forgot {}, help me", "remind me of {}", "i am looking for {}", "what would {} be?", "and what is {}?",
        "say {}", "i wonder what {} is", "what do you think is {}?", "my teacher asked me for {}", "so what is {}?",
        "i have to know {} for school", "let me know {}", "help me with {}", "question: {}", "find {}", "quiz: {}?",
        "now {}?", "is it true that you know {}?", "what is {} called?", "how about {}?", "guess {}", "what exactly is {}?",
        "my son wants to know {}", "can i get {}?", "we need {} here", "tell us {}", "just {}",
    ],
    "zh": [
        "{}是什么？", "{}是什么？", "{}是什么", "{}是啥？", "{}是啥", "请问{}是什么？", "告诉我{}", "请告诉我{}", "你知道{}吗？",
        "你知道{}是什么吗？", "{}？", "{}", "{}呢？", "说说{}", "说出{}", "我想知道{}", "我想问{}是什么", "我忘了{}，提醒我一下",
        "能告诉我{}吗？", "可以告诉我{}吗？", "帮我想想{}", "{}是……？", "{}是多少还是什么？", "问一下，{}是什么？", "{}应该是什么？",
        "你说{}是什么？", "老师问我{}，是什么呢？", "给我说一下{}", "{}，你知道吗？", "求{}", "猜猜{}", "考考你，{}是什么？",
        "快说{}", "我需要知道{}", "{}到底是什么？", "{}究竟是啥", "那么{}是什么？", "跟我讲讲{}", "麻烦说一下{}", "{}你清楚吗？",
        "我不记得{}了", "题目：{}", "孩子问我{}", "请说{}", "回答我：{}", "有谁知道{}", "{}怎么说", "查一下{}", "{}是个啥",
    ],
}
PREFIXES: dict[str, list[str]] = {
    "en": ["hey, ", "hi, ", "hello, ", "hi! ", "hello! ", "please, ", "quick question: ", "ok, ", "okay, ", "so, ", "well, ", "um, ", "now, ",
           "excuse me, ", "one more question: ", "i have a question. ", "question: ", "sorry, ", "hmm, ", "another one: ",
           "good. ", "thanks. ", "great, ", "by the way, ", "tell me, ", "listen, ", "alright, ", "just curious, ", "next: ", "and ", "but "],
    "zh": ["你好，", "您好，", "请问", "请问一下，", "嗨，", "那个，", "嗯，", "我想问一下，", "问个问题，", "帮个忙，", "再问一个，", "对了，",
           "不好意思，", "好的，", "谢谢，", "另外，", "话说，", "来，", "那", "请教一下，", "考考你：", "小问题：", "喂，", "顺便问下，", "哎，", "你说，", "我很好奇，"],
}
SUFFIXES: dict[str, list[str]] = {
    "en": [" please", ", please", " thanks", ", thanks", " thank you", ", can you tell me?", " for me", ", do you know?", " i forgot.",
           ", my friend", " i am curious.", ", quickly", " in short", " right now", ", if you know", " again", " today", ", any idea?"],
    "zh": ["呢", "呀", "啊", "谢谢", "，谢谢", "，你知道吗", "，告诉我", "，快告诉我", "，我忘了", "，请回答", "吧", "，帮我看看", "，拜托", "哦", "，可以吗", "，好奇", "嘛"],
}
# Words that change nothing; dropped in anywhere, they teach the model to read past what it does not know.
FILLERS = {
    "en": ["really", "just", "actually", "exactly", "now", "then", "maybe", "kindly", "simply", "again", "here", "basically", "even", "like", "perhaps", "quickly", "usually", "normally", "at all", "in fact", "of course", "once more", "right now", "for real", "these days", "over there", "again please"],
    "zh": ["到底", "究竟", "其实", "就", "来着", "那个", "现在", "大概", "一般", "通常", "应该", "会", "能", "咱们", "这个", "我说", "一般来说", "说实话", "好像", "真的", "又", "还", "平时", "给大家"],
}
_ANCHORS = "是的有叫用怎什哪在说等"  # a Chinese filler goes before one of these, so that it splits no word
RELATIVES = {
    "en": ["son", "daughter", "teacher", "friend", "mother", "father", "sister", "brother", "neighbour", "boss", "uncle", "aunt", "cousin", "wife", "husband", "grandma", "grandpa", "class", "kids", "colleague"],
    "zh": ["儿子", "女儿", "老师", "朋友", "妈妈", "爸爸", "妹妹", "弟弟", "邻居", "老板", "叔叔", "阿姨", "同学", "同桌", "爷爷", "奶奶", "哥哥", "姐姐", "孩子", "同事"],
}
ASIDES = {
    "en": ["my {r} wants to know, ", "my {r} asked me: ", "for my {r}: ", "my {r} is curious: ", "I am with my {r}. ", "help my {r}: ", "in the quiz: ", "at school they ask: ", "test: ", "one thing: ", "let me see, ", "if I may ask, ", "would you please say, ", "I am learning. ", "here is my question: ", "my {r} forgot, "],
    "zh": ["我{r}想知道，", "我{r}问：", "替我{r}问一下，", "{r}让我问你，", "考试题：", "说真的，", "小测验，", "麻烦你，", "劳驾，", "我在学习，", "如果可以的话，", "我的问题是，", "{r}忘了，", "请你说说，", "来回答，", "跟{r}打赌，"],
}
# Words a hurried person leaves out; dropping them teaches the keyword style ("capital Italy").
CLIPPED = {
    "en": {"the", "a", "an", "is", "are", "of", "what", "what's", "do", "does", "please", "me", "you", "to", "in", "it", "tell", "can", "i", "know"},
    "zh": set("的了吗呢是请问一下呀啊个"),
}


def frame(rng: Random, lang: Lang, phrase: str) -> str:
    """Put a noun phrase into one of the question frames."""
    return rng.choice(FRAMES[lang]).replace("{}", phrase)


def _clip(rng: Random, lang: Lang, text: str) -> str:
    if lang == "en":
        words = text.rstrip("?.! ").split(" ")
        kept = [word for word in words if word.lower() not in CLIPPED["en"] or rng.random() < 0.35]
        return " ".join(kept) if len(kept) >= 2 else text
    kept = [char for char in text.rstrip("？。！ ") if char not in CLIPPED["zh"] or rng.random() < 0.5]
    return "".join(kept) if len(kept) >= 3 else text


def _mistype(rng: Random, text: str) -> str:
    """Swap two neighbouring lower-case letters: the commonest slip, and one the tokenizer feels."""
    spots = [i for i in range(1, len(text) - 2) if text[i : i + 2].isascii() and text[i : i + 2].islower() and text[i : i + 2].isalpha()]
    if not spots:
        return text
    i = rng.choice(spots)
    return text[:i] + text[i + 1] + text[i] + text[i + 2 :]


def _fill(rng: Random, lang: Lang, text: str) -> str:
    filler = rng.choice(FILLERS[lang])
    if lang == "en":
        words = text.split(" ")
        spots = [i for i in range(1, len(words)) if words[i][:1].islower()]
        if not spots:
            return text
        words.insert(rng.choice(spots), filler)
        return " ".join(words)
    spots = [i for i in range(1, len(text)) if text[i] in _ANCHORS]
    i = rng.choice(spots) if spots else 0
    return text[:i] + filler + text[i:]


def vary(rng: Random, lang: Lang, text: str, *, fixed: tuple[str, ...] = ()) -> str:
    """Type `text` the way one of many people would.

    `fixed` are words (names, the words asked about) that must stay exactly as they are: where one of them
    would be touched by a slip or by casing, that change is left out.
    """
    bare = text.rstrip("?？.。!！ ")
    asks = text.endswith(("?", "？"))
    roll = rng.random()
    if roll < 0.10:
        clipped = _clip(rng, lang, bare)
        if all(word in clipped for word in fixed):
            bare = clipped
    for chance in (0.17, 0.05):
        if rng.random() < chance:
            filled = _fill(rng, lang, bare)
            if all(word in filled for word in fixed):
                bare = filled
    roll = rng.random()
    if roll < 0.20:
        bare = rng.choice(PREFIXES[lang]) + bare
    elif roll < 0.26:
        bare = rng.choice(ASIDES[lang]).replace("{r}", rng.choice(RELATIVES[lang])) + bare
    if rng.random() < 0.14:
        suffix = rng.choice(SUFFIXES[lang])
        bare += ("? " + suffix.strip(", ") if lang == "en" and asks and rng.random() < 0.4 else suffix)
        asks = asks and lang == "zh"
    if lang == "en" and not fixed and rng.random() < 0.03:
        bare = _mistype(rng, bare)
    if lang == "en":
        style = rng.random()
        if style < 0.62:
            bare = bare[:1].upper() + bare[1:]
            bare = bare.replace(" i ", " I ").replace(" i'", " I'")
        elif style < 0.74 and not fixed:
            bare = bare.lower()
        elif style < 0.76 and not fixed:
            bare = bare.upper()
        end = rng.choice(["?", "?", "?", "?", "", "", "??", " ?"]) if asks else rng.choice([".", ".", "", "", "!"])
    else:
        end = rng.choice(["？", "？", "？", "？", "?", "", "", ""]) if asks else rng.choice(["。", "。", "", "", "", "！"])
    if bare[-1:] in "?？.。!！…":
        end = ""
    return bare + end
