"""A list, or a corpus and the tokenizer that cuts its words into pieces -> words that shall become one token each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from workbench.data import sources
from workbench.data.load import load
from workbench.data.mix import texts_of
from workbench.errors import UserError
from workbench.specs.vocabulary import VocabularySection

LONGEST, LONGEST_CJK = 24, 8  # characters of a token
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]+")
_WORD = re.compile(r"[^\W\d_]+")
_CANDIDATES = 4  # times as many merges as tokens are wanted, to choose from


def asked(section: VocabularySection) -> bool:
    return bool(section.tokens.strip() or section.corpus.strip())


def files(section: VocabularySection) -> list[str]:
    """The files, as they are named, that new tokens come from."""
    tokens = section.tokens.strip()
    return [path for path in (section.corpus.strip(), tokens if tokens.endswith(".txt") else "") if path]


def chosen(section: VocabularySection, tokenizer: Any, home: Path | str) -> list[str]:
    """The new tokens of a spec, none that the tokenizer has. Raises UserError when none are left."""
    wanted = listed(section.tokens, home)
    if section.corpus.strip():
        wanted += learned(_texts(section.corpus.strip(), home), tokenizer, section.size)
    known = tokenizer.get_vocab()
    fresh = [word for word in dict.fromkeys(wanted) if word not in known and len(_pieces(tokenizer, word)) > 1]
    if not fresh:
        raise UserError("vocabulary.nothing_new", count=len(wanted))
    return fresh


def listed(text: str, home: Path | str) -> list[str]:
    """Words joined by commas, or the lines of a text file."""
    text = text.strip()
    if text.endswith(".txt"):
        text = sources.place(text, home).read_text(encoding="utf-8-sig").replace("\n", ",")
    return [word.strip() for word in re.split("[,，、]", text) if word.strip()]


def learned(texts: Iterable[str], tokenizer: Any, size: int) -> list[str]:
    """The words that shorten the texts most when each is one token: occurrences × (pieces − 1), at most `size`.

    Scripts with spaces: whole words. Chinese, Japanese and Korean: what byte-pair encoding merges.
    """
    texts = list(texts)
    counts = Counter(word for text in texts for word in _WORD.findall(text) if not _CJK.search(word))
    counts += _merged([run for text in texts for run in _CJK.findall(text)], size * _CANDIDATES)
    scored = [
        (count * (len(_pieces(tokenizer, word)) - 1), word)
        for word, count in counts.items()
        if count > 1 and 1 < len(word) <= LONGEST
    ]
    return [word for score, word in sorted(scored, key=lambda pair: (-pair[0], pair[1])) if score > 0][:size]


def _merged(runs: Sequence[str], merges: int) -> Counter[str]:
    """Unspaced runs of characters -> the pieces that byte-pair encoding makes of them, counted."""
    from tokenizers import Tokenizer, models, trainers

    if not runs:
        return Counter()
    pairs = Tokenizer(models.BPE())
    alphabet = len(set("".join(runs)))
    trainer = trainers.BpeTrainer(
        vocab_size=alphabet + merges, min_frequency=2, max_token_length=LONGEST_CJK, show_progress=False
    )
    pairs.train_from_iterator(runs, trainer)
    return Counter(piece for encoded in pairs.encode_batch(list(runs)) for piece in encoded.tokens)


def _pieces(tokenizer: Any, word: str) -> list[int]:
    return tokenizer(word, add_special_tokens=False)["input_ids"]


def _texts(path: str, home: Path | str) -> Iterator[str]:
    for record in load(sources.place(path, home)).records:
        yield from texts_of(record)


def single_word(word: str) -> bool:
    """Whether the token must stand alone: “the” would otherwise be found inside “there”."""
    return _CJK.search(word) is None
