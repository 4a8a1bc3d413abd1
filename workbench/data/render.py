"""Conversation -> Rendered(input_ids, labels): the only place where a loss mask is made."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from workbench.data import styles
from workbench.data.records import Conversation, Feedback, Message, Preference, Record, Text
from workbench.errors import NoTrainableTokens, Quoted, UserError

IGNORED = -100  # the label that takes no loss, as torch's cross_entropy ignores it
_BATCH = 256  # rows tokenized in one call: the tokenizer's own threads and overhead want company

chat_template = styles.chat_template  # the contract's name for it


@dataclass(frozen=True, slots=True)
class Rendered:
    """One row as the trainer gets it, and what the preview paints.

    input_ids, labels: length T ≤ max_length; a label is its input id, or -100 where no loss is taken.
    weights: the loss weight of each token when a message asks for one other than 0 or 1, else None.
    text: the whole rendered text; offsets: each token's [start, end) in it, cut tokens included.
    cut_ids, cut_labels: what lies behind max_length.
    """

    input_ids: list[int]
    labels: list[int]
    text: str
    truncated: bool
    cut_ids: list[int]
    cut_labels: list[int]
    offsets: list[tuple[int, int]]
    weights: list[float] | None = None


def render(
    record: Record, tokenizer: Any, max_length: int, *, template: str | None = None, train_on: str = "answers"
) -> Rendered:
    """Tokenize a conversation (or plain text) and mark what the model learns.

    template: a style's name, or a template as `chat_template` gives it; None is the tokenizer's own.
    train_on: "answers" (each by its turn's weight), "last_answer" or "everything", the knob data.train_on.
    The head of a row is kept when it is longer than max_length.
    Raises NoTrainableTokens if nothing would be learned, UserError if the template refuses the dialogue.
    The mask follows the template's {% generation %} spans (transformers `return_assistant_tokens_mask`).
    """
    result = next(render_many([record], tokenizer, max_length, template=template, train_on=train_on))
    if isinstance(result, UserError):
        raise result
    return result


def render_many(
    records: Iterable[Record],
    tokenizer: Any,
    max_length: int,
    *,
    template: str | None = None,
    train_on: str = "answers",
) -> Iterator[Rendered | UserError]:
    """One Rendered per record, in order; a record that cannot be trained gives its UserError instead.

    Raises UserError at once when the template or the tokenizer cannot do it for any record.
    """
    if not tokenizer.is_fast:
        raise UserError("data.slow_tokenizer", name=type(tokenizer).__name__)
    template = _resolved(tokenizer, template)
    batch: list[Record] = []
    for record in records:
        batch.append(record)
        if len(batch) == _BATCH:
            yield from _render_batch(batch, tokenizer, max_length, template, train_on)
            batch = []
    if batch:
        yield from _render_batch(batch, tokenizer, max_length, template, train_on)


def preview(
    record: Record, tokenizer: Any, max_length: int, *, template: str | None = None, row: int = 1
) -> dict[str, Any]:
    """What the model sees of one record, as the contract's JSON; `cut` holds the tokens behind max_length.

    A preference is its chosen dialogue, with the same of the other one as `rejected`; feedback has its `label`.
    """
    first, *others = (_shown(side, tokenizer, max_length, template) for side in sides(record))
    document = {"row": row} | first
    if others:
        document["rejected"] = others[0]
    if isinstance(record, Feedback):
        document["label"] = record.label
    return document


def sides(record: Record) -> list[Record]:
    """The dialogues that a row renders to: itself; the chosen and the rejected one; the one that was judged.

    Of the last two the compared answer alone takes loss, not those before it.
    """
    if isinstance(record, (Conversation, Text)):
        return [record]
    answers = (record.chosen, record.rejected) if isinstance(record, Preference) else (record.completion,)
    asked = tuple(replace(turn, weight=0.0) if turn.role == "assistant" else turn for turn in record.prompt)
    return [Conversation((*asked, *answer)) for answer in answers]


def _shown(record: Record, tokenizer: Any, max_length: int, template: str | None) -> dict[str, Any]:
    rendered = render(record, tokenizer, max_length, template=template)
    kept = len(rendered.input_ids)
    return {
        "text": rendered.text,
        "input_ids": rendered.input_ids,
        "labels": rendered.labels,
        "tokens": _described(rendered, rendered.input_ids, rendered.labels, 0),
        "truncated": rendered.truncated,
        "cut": _described(rendered, rendered.cut_ids, rendered.cut_labels, kept),
    }


def _described(rendered: Rendered, ids: Sequence[int], labels: Sequence[int], first: int) -> list[dict[str, Any]]:
    """Tokens with their text: bytes of one character share it, the first shows it, the rest show nothing."""
    described, shown = [], rendered.offsets[first - 1][1] if first else 0
    for (start, end), token, label in zip(rendered.offsets[first : first + len(ids)], ids, labels, strict=True):
        text = rendered.text[max(start, shown) : end]
        shown = max(shown, end)
        described.append({"id": token, "text": text, "trained": label != IGNORED})
    return described


def prompt_ids(
    messages: Sequence[Message], tokenizer: Any, *, template: str | None = None, tools: Any = None
) -> list[int]:
    """The tokens of a dialogue up to where the model's next answer begins."""
    from transformers.utils.chat_template_utils import render_jinja_template

    texts, _ = render_jinja_template(
        conversations=[[to_template(message) for message in messages]],
        tools=list(tools) if tools else None,
        chat_template=_resolved(tokenizer, template),
        add_generation_prompt=True,
        **_specials(tokenizer),
    )
    return list(tokenizer(texts[0], add_special_tokens=False)["input_ids"])


def to_template(message: Message) -> dict[str, Any]:
    """A message as templates read it: the canonical row without the loss weight."""
    row = message.to_row()
    row.pop("weight", None)
    return row


def _resolved(tokenizer: Any, template: str | None) -> str:
    """A template is told from a style's name by its braces."""
    if template and "{" in template:
        return template
    return styles.chat_template(tokenizer, template or "")


def _specials(tokenizer: Any) -> Mapping[str, Any]:
    return tokenizer.special_tokens_map


def _render_batch(
    records: Sequence[Record], tokenizer: Any, max_length: int, template: str, train_on: str
) -> Iterator[Rendered | UserError]:
    painted = [_paint(record, tokenizer, template, train_on) for record in records]
    texts = [item[0] for item in painted if not isinstance(item, UserError)]
    # Templates write their own special tokens: adding them again would put a second BOS in front.
    # verbose=False: rows longer than the model's window are said to be cut, once, by whoever asked for them.
    encoded = iter(tokenizer(texts, add_special_tokens=False, verbose=False)._encodings if texts else ())
    for item in painted:
        if isinstance(item, UserError):
            yield item
        else:
            yield _masked(item[0], item[1], next(encoded), max_length)


def _paint(
    record: Record, tokenizer: Any, template: str, train_on: str
) -> tuple[str, list[tuple[int, int, float]]] | UserError:
    """The text and its trained spans (start, end, weight), in characters."""
    if isinstance(record, Text):
        text = record.text + (tokenizer.eos_token or "")
        return text, [(0, len(text), 1.0)]
    if not isinstance(record, Conversation):
        return UserError("data.not_trainable_kind", kind=record.kind)
    from jinja2 import TemplateError
    from transformers.utils.chat_template_utils import render_jinja_template

    try:
        texts, spans = render_jinja_template(
            conversations=[[to_template(message) for message in record.messages]],
            tools=list(record.tools) if record.tools else None,
            chat_template=template,
            return_assistant_tokens_mask=True,
            **_specials(tokenizer),
        )
    except (TemplateError, TypeError, ValueError, KeyError) as error:
        return UserError("data.template_refused", why=Quoted(str(error), type(error).__name__))
    if train_on == "everything":
        return texts[0], [(0, len(texts[0]), 1.0)]
    if train_on == "last_answer":  # the style's last span is the last answer's, whether it marks all or one
        return texts[0], [(start, end, 1.0) for start, end in spans[0][-1:]]
    weights = _span_weights(record, len(spans[0]))
    if isinstance(weights, UserError):
        return weights
    return texts[0], [(start, end, weight) for (start, end), weight in zip(spans[0], weights, strict=True)]


def _span_weights(record: Conversation, spans: int) -> list[float] | UserError:
    """Each span's weight: spans follow the assistant's turns; a style that trains the last answer only has one."""
    asked = [1.0 if turn.weight is None else turn.weight for turn in record.messages if turn.role == "assistant"]
    if spans == len(asked):
        return asked
    if spans == 1:
        return asked[-1:]
    if all(weight == 1.0 for weight in asked):
        return [1.0] * spans
    return UserError("data.weights_unclear", spans=spans, answers=len(asked))


def _masked(text: str, spans: Sequence[tuple[int, int, float]], encoding: Any, max_length: int) -> Rendered | UserError:
    ids, offsets = encoding.ids, encoding.offsets
    starts = [start for start, _ in offsets]
    ends = [end for _, end in offsets]
    labels = [IGNORED] * len(ids)
    weights: list[float] | None = None
    for start, end, weight in spans:
        if not weight or start >= end:
            continue
        # Tokens that overlap the span: a header's newline merged with the answer's first one is learned too.
        first, last = bisect_right(ends, start), bisect_left(starts, end)
        labels[first:last] = ids[first:last]
        if weight != 1.0:
            weights = weights or [1.0] * len(ids)
            weights[first:last] = [weight] * (last - first)
    kept = labels[:max_length]
    if all(label == IGNORED for label in kept):
        trained = sum(label != IGNORED for label in labels)
        return NoTrainableTokens("data.nothing_trained" if not trained else "data.answer_cut_off",
                                 length=len(ids), max_length=max_length, trained=trained)  # fmt: skip
    return Rendered(
        input_ids=ids[:max_length],
        labels=kept,
        text=text,
        truncated=len(ids) > max_length,
        cut_ids=ids[max_length:],
        cut_labels=labels[max_length:],
        offsets=offsets,
        weights=weights[:max_length] if weights else None,
    )
