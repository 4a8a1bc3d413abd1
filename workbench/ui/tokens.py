"""A row as the model sees it (data.render.preview) -> escaped HTML: trained tokens marked, cut ones struck through.

Every piece of text comes from somebody's data and is escaped here; the result goes into a component's *value*, never
into a template (templates are executed).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from workbench.data.suspects import masked
from workbench.ui.forms import plain
from workbench.ui.i18n import Texts

# Up to here each token stands alone, with its number and text on hover; a longer row is drawn as merged stretches
# (2,000 single spans take the browser half a second).
SINGLE = 1500
DRAWN = 20_000  # tokens; what comes behind is counted only
_IDS_SHOWN = 24


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbouring tokens of one appearance."""

    kind: str  # "plain" or "trained", with " cut" behind when max_length cuts it off, " special" for control tokens
    ids: tuple[int, ...]
    text: str


def spans(document: Mapping[str, Any], special: frozenset[int] = frozenset(), *, merged: bool = False) -> list[Span]:
    """The preview's tokens in order, cut ones last; with merged, neighbours of the same kind are one span."""
    tokens = [(_kind(token, special, ""), token) for token in document["tokens"]]
    tokens += [(_kind(token, special, " cut"), token) for token in document.get("cut", ())]
    if not merged:
        return [Span(kind, (token["id"],), token["text"]) for kind, token in tokens]
    found = []
    for kind, group in groupby(tokens, key=lambda pair: pair[0]):
        members = [token for _, token in group]
        text = "".join(token["text"] for token in members)
        found.append(Span(kind, tuple(token["id"] for token in members), text))
    return found


def _kind(token: Mapping[str, Any], special: frozenset[int], cut: str) -> str:
    return ("trained" if token["trained"] else "plain") + cut + (" special" if token["id"] in special else "")


def token_html(
    document: Mapping[str, Any], t: Texts, special: frozenset[int] = frozenset(), *, covered: bool = False
) -> str:
    """The row as one block of spans with a legend; newlines show as ↵ and break the line.

    covered: what looks like a secret or personal data is hidden in the texts; numbers and marks stay those that train.
    """
    if covered:
        document = _covered(document)
    kept, cut = len(document["tokens"]), len(document.get("cut", ()))
    shown = {"tokens": document["tokens"][:DRAWN], "cut": document.get("cut", ())[: max(0, DRAWN - kept)]}
    drawn = "".join(map(_span, spans(shown, special, merged=kept + cut > SINGLE)))
    if kept + cut > DRAWN:
        drawn += f"<b>{plain(t('dataset.tokens.not_drawn', count=kept + cut - DRAWN))}</b>"
    trained = sum(token["trained"] for token in document["tokens"])
    lost = sum(token["trained"] for token in document.get("cut", ()))
    figures = [t("dataset.tokens.count", count=kept + cut), t("dataset.tokens.trained", count=trained)]
    if cut:
        figures.append(t("dataset.tokens.cut", count=cut, lost=lost))
    return (
        f'<div class="wb-figures">{"".join(f"<span>{plain(figure)}</span>" for figure in figures)}'
        f"{_legend(t, cut=bool(cut))}</div>"
        f'<div class="wb-tokens" dir="auto">{drawn}</div>'
    )


def _covered(document: Mapping[str, Any]) -> dict[str, Any]:
    """The preview with covered texts. An address spans several tokens, so the whole row is looked at."""
    parts = {name: list(document.get(name, ())) for name in ("tokens", "cut")}
    hidden = masked("".join(token["text"] for tokens in parts.values() for token in tokens))
    at = 0
    for tokens in parts.values():
        for place, token in enumerate(tokens):
            tokens[place] = token | {"text": hidden[at : at + len(token["text"])]}
            at += len(token["text"])
    return {**document, **parts}


def _legend(t: Texts, *, cut: bool) -> str:
    names = ["trained", "special", *(["cut"] if cut else [])]
    return "".join(
        f'<span class="wb-tokens"><i class="{name}">{plain(t(f"dataset.tokens.{name}_legend"))}</i></span>'
        for name in names
    )


def _span(span: Span) -> str:
    shown = plain(span.text).replace("\n", "<b>↵</b>\n").replace("\t", "<b>→</b>\t")
    if not span.text:  # a byte of a character that the token before it already shows
        shown = "<b>·</b>"
    return f'<i class="{span.kind}" title="{_title(span)}">{shown}</i>'


def _title(span: Span) -> str:
    if len(span.ids) == 1:
        return plain(f"{span.ids[0]} · {visible(span.text)}")
    listed = " ".join(map(str, span.ids[:_IDS_SHOWN]))
    return listed + (" …" if len(span.ids) > _IDS_SHOWN else "")


def visible(text: str) -> str:
    """A token's text with what cannot be seen written out."""
    return "".join(
        character if character.isprintable() and character != "\xa0" else f"\\u{ord(character):04x}"
        for character in text
    )
