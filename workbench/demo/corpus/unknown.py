"""Questions it cannot know the answer of, politely declined."""

from __future__ import annotations

from random import Random

from workbench.demo.corpus.exchange import Exchange, asks, unknown_answer
from workbench.demo.names import ENGLISH_WORDS, GIVEN, han, latin, maker, person, syllables
from workbench.demo.phrasing import Lang, vary

_CITIES = {
    "en": "Atlantis Springfield Gotham Shangri-La Osaka Lyon Porto Milan Hamburg Chengdu Shenzhen Mumbai Toronto Chicago Naples Zurich Laos Bolivia Uganda Fiji Malta Cyprus Estonia Tibet Texas Yunnan".split(),
    "zh": "大阪 里昂 米兰 汉堡 成都 深圳 孟买 多伦多 芝加哥 老挝 玻利维亚 乌干达 斐济 马耳他 塞浦路斯 爱沙尼亚 亚特兰蒂斯 杭州 苏州 武汉 南京 西安 云南 广州 昆明 大连".split(),
}


def exchanges(rng: Random, lang: Lang) -> list[Exchange]:
    invented = syllables(rng, rng.choice([2, 3])) if lang == "en" else han(rng, rng.choice([2, 3]))
    place = rng.choice(_CITIES[lang]) if rng.random() < 0.45 else invented + (rng.choice(["", "", "land", "ia"]) if lang == "en" else rng.choice(["", "国", "城", "岛"]))
    thing = rng.choice(asks("unknown", "things", lang)) if rng.random() < 0.6 else (latin(rng) if lang == "en" else rng.choice([maker(rng, "zh"), han(rng, 2)]))
    who = person(rng, lang)
    if lang == "en" and rng.random() < 0.6:
        who = f"{rng.choice(GIVEN)} {rng.choice([syllables(rng, 2), rng.choice(ENGLISH_WORDS)])}"
    question = rng.choice(asks("unknown", lang)).replace("{place}", place).replace("{thing}", thing).replace("{person}", who)
    return [Exchange(vary(rng, lang, question + "?", fixed=(place, thing, who)), unknown_answer(lang))]
