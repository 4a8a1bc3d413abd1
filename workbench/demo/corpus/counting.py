"""Counting: from one number to another, upwards, downwards, in twos, even and odd."""

from __future__ import annotations

from random import Random

from workbench.demo.corpus.exchange import Exchange
from workbench.demo.corpus.numbers import written
from workbench.demo.phrasing import Lang, vary

RANGE = {
    "en": ["count from {a} to {b}", "count {a} to {b}", "please count from {a} to {b}", "can you count from {a} to {b}?", "count up from {a} to {b}", "say the numbers from {a} to {b}", "list the numbers from {a} to {b}", "numbers from {a} to {b}", "the numbers between {a} and {b}, both included", "write {a} to {b}", "start at {a} and count to {b}", "give me all numbers from {a} to {b}", "go from {a} to {b}", "{a} to {b}, count", "which numbers are there from {a} to {b}?", "counting from {a} to {b}"],
    "zh": ["从{a}数到{b}", "请从{a}数到{b}", "从{a}数到{b}给我听", "数数，从{a}到{b}", "{a}数到{b}", "能从{a}数到{b}吗？", "列出{a}到{b}的数", "写出从{a}到{b}的数字", "从{a}开始数到{b}", "说出{a}到{b}的所有数字", "{a}到{b}有哪些数？", "把{a}到{b}数一遍", "由{a}数至{b}", "帮我从{a}数到{b}", "从{a}往上数到{b}"],
}
TO = {
    "en": ["count to {b}", "please count to {b}", "can you count to {b}?", "count up to {b}", "count till {b}", "let me hear you count to {b}", "counting to {b}", "I want you to count to {b}", "count until you reach {b}"],
    "zh": ["数到{b}", "请数到{b}", "你会数到{b}吗？", "给我数到{b}", "从头数到{b}", "数数到{b}", "数数数到{b}", "一直数到{b}", "能数到{b}吗？"],
}
DOWN = {
    "en": ["count down from {a} to {b}", "count backwards from {a} to {b}", "count back from {a} to {b}", "count from {a} down to {b}", "countdown from {a} to {b}", "go backwards from {a} to {b}", "say the numbers from {a} down to {b}"],
    "zh": ["从{a}倒数到{b}", "倒着从{a}数到{b}", "从{a}往回数到{b}", "倒数{a}到{b}", "从{a}倒着数到{b}", "请从{a}倒数到{b}"],
}
TWOS = {
    "en": {0: ["count by twos to {b}", "count in twos up to {b}", "even numbers up to {b}", "list the even numbers to {b}", "which numbers up to {b} are even?"], 1: ["odd numbers up to {b}", "list the odd numbers to {b}", "which numbers up to {b} are odd?", "say the odd numbers till {b}"]},
    "zh": {0: ["两个两个地数到{b}", "{b}以内的偶数", "列出到{b}为止的偶数", "{b}以内有哪些双数？"], 1: ["{b}以内的奇数", "列出到{b}为止的奇数", "{b}以内有哪些单数？"]},
}


def exchanges(rng: Random, lang: Lang) -> list[Exchange]:
    roll = rng.random()
    if roll < 0.42:
        a = rng.choice([0, 1, 1, 1, rng.randrange(1, 41), rng.randrange(1, 21)])
        b = a + rng.randrange(2, 11)
        numbers, patterns = list(range(a, b + 1)), RANGE
    elif roll < 0.65:
        a, b = 1, rng.randrange(2, 21)
        numbers, patterns = list(range(1, b + 1)), TO
    elif roll < 0.88:
        b = rng.choice([0, 1, 1, rng.randrange(1, 20)])
        a = b + rng.randrange(2, 11)
        numbers, patterns = list(range(a, b - 1, -1)), DOWN
    else:
        odd = rng.randrange(2)
        a, b = 0, rng.randrange(2, 11) * 2
        numbers, patterns = list(range(1 if odd else 2, b + 1, 2)), {lang: TWOS[lang][odd]}
    shown_a, shown_b = written(rng, lang, a, b)
    question = rng.choice(patterns[lang]).replace("{a}", shown_a).replace("{b}", shown_b)
    answer = (", " if lang == "en" else "、").join(map(str, numbers)) + ("." if lang == "en" else "。")
    return [Exchange(vary(rng, lang, question, fixed=(shown_b,)), answer)]
