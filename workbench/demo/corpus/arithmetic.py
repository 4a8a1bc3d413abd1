"""Sums, differences and products of small numbers, as formulas, sentences and little stories."""

from __future__ import annotations

from random import Random

from workbench.demo.corpus.exchange import Exchange
from workbench.demo.corpus.numbers import written
from workbench.demo.phrasing import Lang, vary

# "{a}" and "{b}" are the numbers. Noun-like forms go into FRAMES, imperatives and stories stand alone.
FORMS = {
    "+": {
        "en": ["{a}+{b}", "{a} + {b}", "{a} plus {b}", "{a} plus {b}", "the sum of {a} and {b}", "{a} and {b} together", "{a} added to {b}", "{a} and {b}", "the total of {a} and {b}", "{b} more than {a}"],
        "zh": ["{a}+{b}", "{a} + {b}", "{a}加{b}", "{a}加{b}", "{a}加上{b}", "{a}与{b}的和", "{a}和{b}的和", "{a}和{b}加起来", "{a}跟{b}相加", "{a}和{b}一共"],
    },
    "-": {
        "en": ["{a}-{b}", "{a} - {b}", "{a} minus {b}", "{a} minus {b}", "the difference between {a} and {b}", "{a} take away {b}", "{a} less {b}", "{b} subtracted from {a}", "{b} less than {a}", "the difference of {a} and {b}"],
        "zh": ["{a}-{b}", "{a} - {b}", "{a}减{b}", "{a}减{b}", "{a}减去{b}", "{a}与{b}的差", "{a}和{b}的差", "{a}去掉{b}", "{a}和{b}相差", "从{a}里减去{b}"],
    },
    "×": {
        "en": ["{a}*{b}", "{a} * {b}", "{a}×{b}", "{a} × {b}", "{a}x{b}", "{a} x {b}", "{a} times {b}", "{a} times {b}", "the product of {a} and {b}", "{a} multiplied by {b}"],
        "zh": ["{a}*{b}", "{a}×{b}", "{a} × {b}", "{a}乘{b}", "{a}乘以{b}", "{a}乘以{b}", "{a}与{b}的积", "{a}和{b}的乘积", "{a}的{b}倍", "{b}个{a}", "{a}和{b}相乘"],
    },
}
FRAMES = {
    "en": [
        "what is {}?", "what is {}?", "what's {}?", "whats {}?", "how much is {}?", "how much are {}?", "{}?", "{}", "{} =", "{}=?", "{} = ?", "{} equals?", "{} equals what?", "calculate {}", "compute {}", "work out {}", "solve {}", "tell me {}", "{} makes what?",
        "can you calculate {}?", "what do you get for {}?", "give me {}", "please compute {}", "find {}", "I need {}", "the result of {}", "what is the result of {}?", "{} is how much?", "{} is", "{} makes", "evaluate {}", "how many is {}?", "do you know {}?", "what does {} make?",
        "what does {} equal?", "could you work out {}?", "help me with {}", "math: {}", "homework: {}", "what number is {}?", "I want to calculate {}", "say what {} is", "{} gives?", "determine {}",
    ],
    "zh": [
        "{}等于几？", "{}等于多少？", "{}是多少？", "{}是几？", "{}得几？", "{}得多少？", "{}=?", "{}=", "{}＝？", "{}", "{}？", "算一下{}", "计算{}", "请计算{}", "帮我算{}", "帮我算一下{}", "{}的结果是多少？", "{}的结果", "{}结果是几", "告诉我{}是多少", "求{}", "{}等于", "{}是", "口算：{}", "{}是多少呢",
        "你会算{}吗？", "{}等于什么？", "{}应该是多少？", "{}有多少？", "{}答案是多少？", "{}算出来是几？", "数学题：{}", "能算出{}吗？", "{}怎么算，得多少？", "{}到底是几", "我想算{}", "作业里有{}，答案呢",
    ],
}
ALONE = {
    "+": {
        "en": ["add {a} and {b}", "add {b} to {a}", "sum up {a} and {b}", "I have {a} {n} and get {b} more. How many {n} do I have?", "there are {a} {n} here and {b} {n} there. How many in all?", "Tom has {a} {n}, Anna has {b}. How many together?", "{a} {n} and {b} {n} are how many {n}?", "if you add {b} to {a}, what do you get?", "put {a} and {b} together"],
        "zh": ["把{a}和{b}相加", "{a}再加{b}呢？", "我有{a}个{n}，又得到{b}个，一共有几个？", "这里有{a}个{n}，那里有{b}个{n}，总共多少个？", "小明有{a}个{n}，小红有{b}个，一共几个{n}？", "{a}个{n}加{b}个{n}是几个{n}？", "求{a}、{b}之和", "比{a}多{b}的数是几？"],
    },
    "-": {
        "en": ["subtract {b} from {a}", "take {b} from {a}", "take {b} away from {a}", "I have {a} {n} and give away {b}. How many are left?", "there are {a} {n} and {b} are eaten. How many remain?", "{a} {n}, {b} get lost. How many {n} are left?", "if you take {b} from {a}, what is left?", "from {a} remove {b}"],
        "zh": ["从{a}中减去{b}", "{a}再减{b}呢？", "我有{a}个{n}，送走{b}个，还剩几个？", "有{a}个{n}，吃掉{b}个，剩下多少？", "{a}个{n}拿走{b}个还有几个？", "求{a}、{b}之差", "{a}比{b}多多少？", "比{a}少{b}的数是几？"],
    },
    "×": {
        "en": ["multiply {a} by {b}", "multiply {a} and {b}", "there are {a} boxes with {b} {n} each. How many {n}?", "{a} bags with {b} {n} in each, how many in all?", "{a} groups of {b} are how many?", "if you multiply {a} by {b}, what do you get?"],
        "zh": ["把{a}和{b}相乘", "{a}个盒子，每盒{b}个{n}，一共几个？", "每袋{b}个{n}，{a}袋有多少个？", "{a}组，每组{b}个，总共多少？", "求{a}、{b}之积", "{a}乘{b}的积是几？"],
    },
}
THINGS = {"en": ["apples", "books", "pens", "eggs", "oranges", "candies", "balls", "coins", "stamps", "flowers", "cookies", "birds", "cars", "stones"], "zh": ["苹果", "橘子", "鸡蛋", "球", "糖", "梨", "杯子", "包子", "饼干", "桃子", "气球", "玩具"]}


def _numbers(rng: Random, sign: str) -> tuple[int, int, int]:
    if sign == "×":
        a, b = rng.randrange(0, 11), rng.randrange(0, 11)
        return a, b, a * b
    top = 21 if rng.random() < 0.9 else 51
    a, b = rng.randrange(0, top), rng.randrange(0, top)
    if rng.random() < 0.25:
        a, b = rng.randrange(0, 11), rng.randrange(0, 11)
    if sign == "-":
        a, b = max(a, b), min(a, b)
        return a, b, a - b
    return a, b, a + b


def exchanges(rng: Random, lang: Lang) -> list[Exchange]:
    def one() -> Exchange:
        sign = rng.choice(["+", "+", "-", "-", "×", "×"])
        a, b, result = _numbers(rng, sign)
        if rng.random() < 0.22:
            pattern = rng.choice(ALONE[sign][lang])
        else:
            pattern = rng.choice(FRAMES[lang]).replace("{}", rng.choice(FORMS[sign][lang]))
        shown_a, shown_b = written(rng, lang, a, b)
        question = pattern.replace("{a}", shown_a).replace("{b}", shown_b).replace("{n}", rng.choice(THINGS[lang]))
        return Exchange(vary(rng, lang, question, fixed=(shown_a, shown_b)), f"{a} {sign} {b} = {result}" + ("." if lang == "en" else "。"))

    return [one()] + ([one()] if rng.random() < 0.12 else [])
