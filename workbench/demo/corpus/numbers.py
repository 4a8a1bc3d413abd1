"""A small number -> the ways to write it: digits, English words, Chinese characters."""

from __future__ import annotations

from random import Random

from workbench.demo.phrasing import Lang

_ENGLISH = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_CHINESE = "零一二三四五六七八九"


def in_words(number: int, lang: Lang) -> str:
    """0 to 99 in words: 21 -> "twenty-one" or "二十一"."""
    tens, ones = divmod(number, 10)
    if lang == "en":
        return _ENGLISH[number] if number < 20 else _TENS[tens] + (f"-{_ENGLISH[ones]}" if ones else "")
    if number < 10:
        return _CHINESE[number]
    return (_CHINESE[tens] if tens > 1 else "") + "十" + (_CHINESE[ones] if ones else "")


def written(rng: Random, lang: Lang, *numbers: int) -> list[str]:
    """The numbers all in digits or, less often, all in words (those below 100)."""
    words = rng.random() < 0.3 and max(numbers) < 100
    return [in_words(number, lang) if words else str(number) for number in numbers]
