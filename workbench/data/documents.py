"""Text records -> rows of tokens that all take loss: continued pretraining. Nothing is dropped, nothing cut off."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Literal

from workbench.data.records import Record, Text
from workbench.data.render import Rendered
from workbench.errors import UserError

_BATCH = 256  # documents tokenized in one call
_SHOWN = 30  # tokens of a row's beginning


def render_documents(
    records: Iterable[Record], tokenizer: Any, max_length: int, blocks: Literal["packed", "stream", "rows"]
) -> list[Rendered]:
    """Rows of at most max_length tokens, in the order of the documents, each document closed by the end token.

    packed, rows: a row is a document, or a piece of a long one. stream: the documents one after the other, cut every
    max_length tokens. Raises UserError for a record that is no text, and for a tokenizer without an end token.
    """
    if tokenizer.eos_token_id is None:
        raise UserError("pretrain.no_end_token")
    documents = _tokenized(records, tokenizer)
    if blocks == "stream":
        documents = iter([[token for document in documents for token in document]])
    return [row(piece, tokenizer) for document in documents for piece in _pieces(document, max_length)]


def _tokenized(records: Iterable[Record], tokenizer: Any) -> Iterator[list[int]]:
    texts: list[str] = []
    for number, record in enumerate(records, start=1):
        if not isinstance(record, Text):
            raise UserError("pretrain.not_text", number=number, kind=record.kind)
        texts.append(record.text)
        if len(texts) == _BATCH:
            yield from _closed(texts, tokenizer)
            texts = []
    if texts:
        yield from _closed(texts, tokenizer)


def _closed(texts: list[str], tokenizer: Any) -> Iterator[list[int]]:
    end = tokenizer.eos_token_id
    for ids in tokenizer(texts)["input_ids"]:  # with the beginning token of tokenizers that have one
        yield ids if ids and ids[-1] == end else [*ids, end]


def _pieces(ids: Sequence[int], length: int) -> Iterator[list[int]]:
    """Pieces of `length` tokens; the last has at least two, because one alone predicts nothing."""
    starts = list(range(0, len(ids), length))
    if len(starts) > 1 and len(ids) - starts[-1] == 1:
        starts[-1] -= 1
    for start, end in pairwise([*starts, len(ids)]):
        yield list(ids[start:end])


def row(ids: list[int], tokenizer: Any) -> Rendered:
    """Tokens as a row that learns all of them; its text is the beginning, by which a message tells the row."""
    text = tokenizer.decode(ids[:_SHOWN])
    return Rendered(ids, list(ids), text=text, truncated=False, cut_ids=[], cut_labels=[], offsets=[])
