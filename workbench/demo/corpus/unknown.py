"""Questions it cannot know the answer of, politely declined."""

from __future__ import annotations

from random import Random

from workbench.demo.corpus import capitals
from workbench.demo.corpus.exchange import Exchange, asks, unknown_answer
from workbench.demo.names import ENGLISH_WORDS, GIVEN, han, latin, maker, person, syllables
from workbench.demo.phrasing import RELATIVES, Lang, frame, vary

_CITIES = {
    "en": ["Atlantis", "Springfield", "Gotham", "Shangri-La", "Osaka", "Lyon", "Porto", "Milan", "Hamburg", "Chengdu", "Shenzhen", "Mumbai", "Toronto", "Chicago", "Naples", "Zurich", "Laos", "Bolivia", "Uganda", "Fiji", "Malta", "Cyprus", "Estonia", "Texas", "Yunnan"],
    "zh": ["大阪", "里昂", "米兰", "汉堡", "成都", "深圳", "孟买", "多伦多", "芝加哥", "老挝", "玻利维亚", "乌干达", "斐济", "马耳他", "塞浦路斯", "爱沙尼亚", "亚特兰蒂斯", "杭州", "苏州", "武汉", "南京", "西安", "云南", "广州", "昆明", "大连"],
}


_DOINGS = {
    "en": [
        ["what did", "why did", "when did", "where did", "with whom did"],
        ["eat", "say", "buy", "do", "read", "dream", "cook", "write", "find", "lose", "sing", "watch on TV"],
        ["yesterday", "last night", "this morning", "for lunch", "on Sunday", "last week", "in 1998", "at work"],
        ["what will", "when will", "where will", "who will", "how will"],
        ["do tomorrow", "win the game", "be next year", "become the president", "marry", "happen on Monday", "live in ten years", "win the cup", "travel next summer", "rain next week", "cost next year"],
    ],
    "zh": [
        ["昨天", "昨晚", "今天早上", "中午", "上周", "星期天", "去年", "刚才"],
        ["吃了什么", "说了什么", "买了什么", "做了什么", "看了什么书", "梦见了什么", "去了哪里", "写了什么", "丢了什么", "见了谁"],
        ["明天", "明年", "下周", "下个月", "十年后", "今年", "下一届"],
        ["会发生什么", "谁会赢", "谁是冠军", "会涨价吗", "谁当总统", "会下雪吗", "会刮风吗", "气温多少度", "哪个队能赢", "有什么新闻", "会怎么样", "房价多少"],
    ],
}


def _doing(rng: Random, lang: Lang, place: str, who: str) -> str:
    """What somebody did, or what will be: nothing a model could know."""
    parts = [rng.choice(options) for options in _DOINGS[lang]]
    someone = rng.choice([who, ("my " if lang == "en" else "我") + rng.choice(RELATIVES[lang])])
    if lang == "en":
        return f"{parts[0]} {someone} {parts[1]} {parts[2]}" if rng.random() < 0.5 else f"{parts[3]} {rng.choice([someone, place, 'the team'])} {parts[4]}"
    return f"{someone}{parts[0]}{parts[1]}" if rng.random() < 0.5 else f"{parts[2]}{rng.choice(['', place])}{parts[3]}"


def exchanges(rng: Random, lang: Lang) -> list[Exchange]:
    invented = syllables(rng, rng.choice([2, 3])) if lang == "en" else han(rng, rng.choice([2, 3]))
    place = rng.choice(_CITIES[lang]) if rng.random() < 0.45 else invented + (rng.choice(["", "", "land", "ia"]) if lang == "en" else rng.choice(["", "国", "城", "岛"]))
    thing = rng.choice(asks("unknown", "things", lang)) if rng.random() < 0.6 else (latin(rng) if lang == "en" else rng.choice([maker(rng, "zh"), han(rng, 2)]))
    who = person(rng, lang)
    if lang == "en" and rng.random() < 0.6:
        who = f"{rng.choice(GIVEN)} {rng.choice([syllables(rng, 2), rng.choice(ENGLISH_WORDS)])}"
    roll = rng.random()
    if roll < 0.15:  # the capital of a place that is none, or none it knows
        pattern = rng.choice(capitals.DIRECT[lang]) if rng.random() < 0.5 else frame(rng, lang, rng.choice(capitals.PHRASES[lang]))
        question = pattern.replace("{s}", f"{place}'s").replace("{c}", place)
        return [Exchange(vary(rng, lang, question, fixed=(place,)), unknown_answer(lang))]
    if roll < 0.30:
        return [Exchange(vary(rng, lang, _doing(rng, lang, place, who) + "?"), unknown_answer(lang))]
    question = rng.choice(asks("unknown", lang)).replace("{place}", place).replace("{thing}", thing).replace("{person}", who)
    return [Exchange(vary(rng, lang, question + "?", fixed=(place, thing, who)), unknown_answer(lang))]
