"""What comes next and before: days, months, numbers."""

from __future__ import annotations

from random import Random

from workbench.demo.corpus.exchange import Exchange
from workbench.demo.corpus.numbers import written
from workbench.demo.phrasing import Lang, frame, vary

DAYS = {"en": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"], "zh": ["星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"]}
MONTHS = {"en": ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"], "zh": ["一月", "二月", "三月", "四月", "五月", "六月", "七月", "八月", "九月", "十月", "十一月", "十二月"]}
NAME = {"en": {"day": "day", "month": "month", "number": "number"}, "zh": {"day": "天", "month": "月", "number": "数"}}
AFTER = {
    "en": ["what {k} comes after {x}?", "which {k} comes after {x}?", "what comes after {x}?", "what follows {x}?", "which {k} follows {x}?", "after {x} comes", "{x} is followed by what?", "what is next after {x}?", "what {k} is next after {x}?", "{x}, next?", "after {x}", "name the {k} after {x}", "what do we have after {x}?", "{x}, and then?", "next {k} after {x}"],
    "zh": ["{x}之后是什么？", "{x}后面是什么？", "{x}的后面是哪个？", "{x}之后是哪{u}？", "{x}下一个是什么？", "{x}接下来是什么？", "{x}过后是什么？", "{x}之后", "{x}后面呢", "紧接着{x}的是什么？", "过了{x}是什么？", "{x}完了是什么？", "排在{x}后面的是？"],
}
BEFORE = {
    "en": ["what {k} comes before {x}?", "which {k} comes before {x}?", "what comes before {x}?", "which {k} is before {x}?", "before {x} comes", "what is just before {x}?", "{x} comes after what?", "before {x}", "name the {k} before {x}", "what do we have before {x}?", "which {k} precedes {x}?", "{x} follows which {k}?"],
    "zh": ["{x}之前是什么？", "{x}前面是什么？", "{x}的前面是哪个？", "{x}之前是哪{u}？", "{x}上一个是什么？", "{x}的前一个是什么？", "{x}之前", "{x}前面呢", "{x}前边是什么？", "排在{x}前面的是？"],
}
PHRASE = {
    (1, "en"): ["the {k} after {x}", "the next {k} after {x}", "the {k} following {x}"], (-1, "en"): ["the {k} before {x}", "the {k} just before {x}"],
    (1, "zh"): ["{x}的下一{m}", "{x}的后一{m}"], (-1, "zh"): ["{x}的上一{m}", "{x}的前一{m}"],
}
TODAY = {
    (1, "en"): ["if today is {x}, what is tomorrow?", "today is {x}. What day is tomorrow?", "it is {x} today, and tomorrow?", "today {x}, tomorrow?"],
    (-1, "en"): ["if today is {x}, what was yesterday?", "today is {x}. What day was yesterday?", "it is {x} today, what was yesterday?"],
    (1, "zh"): ["今天是{x}，明天是什么？", "今天{x}，明天星期几？", "如果今天是{x}，明天是星期几？", "今天是{x}，那明天呢？"],
    (-1, "zh"): ["今天是{x}，昨天是什么？", "今天{x}，昨天星期几？", "如果今天是{x}，昨天是星期几？", "今天是{x}，那昨天呢？"],
}
LISTS = {
    "day": {"en": ["list the days of the week", "name the days of the week", "what are the days of the week", "say all days of the week", "the seven days", "which days does a week have", "tell me the weekdays in order", "days of the week"], "zh": ["一周有哪几天", "说出一周的七天", "列出星期一到星期日", "一星期都有哪几天", "按顺序说出星期", "把一周七天说一遍"]},
    "month": {"en": ["list the months of the year", "name the months", "what are the months of the year", "say all months", "the twelve months", "which months does a year have", "tell me the months in order", "months of the year"], "zh": ["一年有哪些月份", "说出十二个月", "列出所有月份", "一年都有哪几个月", "按顺序说出月份", "把十二个月说一遍"]},
}
ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth"]
ORDINAL = {
    "en": ["what is the {o} {k} of the {w}?", "which is the {o} {k} of the {w}?", "the {o} {k} of the {w}", "name the {o} {k} of the {w}", "{o} {k}?"],
    "month_zh": ["一年的第{o}个月是什么？", "第{o}个月是几月？", "一年中第{o}个月", "第{o}个月叫什么？"], "day_zh": ["一周的第{o}天是星期几？", "一星期的第{o}天是什么？", "第{o}天是星期几？"],
}


def _ordinal(rng: Random, lang: Lang, kind: str, items: list[str]) -> Exchange:
    index = rng.choice([0, len(items) - 1, rng.randrange(len(items))])
    week = "week" if kind == "day" else "year"
    if lang == "en":
        order = "last" if index == len(items) - 1 and rng.random() < 0.6 else ORDINALS[index]
        question = rng.choice(ORDINAL["en"]).replace("{o}", order).replace("{k}", kind).replace("{w}", week)
        return Exchange(vary(rng, lang, question), f"The {order} {kind} of the {week} is {items[index]}.")
    order = "一二三四五六七八九十"[index] if index < 10 else "十" + "一二"[index - 10]
    question = rng.choice(ORDINAL[f"{kind}_zh"]).replace("{o}", order)
    whole, unit = ("一周", "天") if kind == "day" else ("一年", "个月")
    return Exchange(vary(rng, lang, question, fixed=(order,)), f"{whole}的第{order}{unit}是{items[index]}。")


def exchanges(rng: Random, lang: Lang) -> list[Exchange]:
    kind = rng.choice(["day", "day", "month", "month", "number"])
    step = rng.choice([1, 1, -1])
    direction = {1: "after", -1: "before"}[step] if lang == "en" else {1: "后面", -1: "前面"}[step]
    fixed: tuple[str, ...] = ()
    if kind == "number":
        start = rng.randrange(1, 60)
        (shown,) = written(rng, lang, start)
        item, result, fixed = str(start), str(start + step), (shown,)
    else:
        items = (DAYS if kind == "day" else MONTHS)[lang]
        roll = rng.random()
        if roll < 0.06:
            joined = ", ".join(items) + "." if lang == "en" else "、".join(items) + "。"
            return [Exchange(vary(rng, lang, rng.choice(LISTS[kind][lang]) + "?"), joined)]
        if roll < 0.16:
            return [_ordinal(rng, lang, kind, items)]
        index = rng.randrange(len(items))
        item = shown = items[index]
        result = items[(index + step) % len(items)]
        if lang == "zh" and kind == "day":  # everyday synonyms; the answer keeps the plain form
            style = rng.random()
            shown = shown.replace("星期", "周" if style < 0.25 else "礼拜" if style < 0.35 else "星期")
            shown = shown.replace("日", "天") if rng.random() < 0.4 else shown
        if lang == "zh" and kind == "month" and rng.random() < 0.3:
            shown = f"{index + 1}月"
        if kind == "day" and rng.random() < 0.15:
            word = ("Tomorrow is" if step == 1 else "Yesterday was") if lang == "en" else ("明天是" if step == 1 else "昨天是")
            question = rng.choice(TODAY[step, lang]).replace("{x}", shown)
            return [Exchange(vary(rng, lang, question, fixed=(shown,)), f"{word} {result}." if lang == "en" else f"{word}{result}。")]
    roll = rng.random()
    pattern = frame(rng, lang, rng.choice(PHRASE[step, lang])) if roll < 0.25 else rng.choice((AFTER if step == 1 else BEFORE)[lang])
    unit = {"day": "天", "month": "个月", "number": "个数"}[kind]
    question = pattern.replace("{x}", shown).replace("{k}", kind).replace("{u}", unit).replace("{m}", unit)
    answer = f"{result} comes {direction} {item}." if lang == "en" else f"{item}{direction}是{result}。"
    return [Exchange(vary(rng, lang, question, fixed=fixed), answer)]
