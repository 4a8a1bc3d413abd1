"""The token view paints the very tokens that train, and nothing in it can become markup."""

import html
import re

import pytest

from workbench.data.records import Conversation
from workbench.data.render import IGNORED, preview, render
from workbench.ui import tokens
from workbench.ui.i18n import Texts
from workbench.ui.tokens import Span, spans, token_html

T = Texts("en")
NASTY = '<img src=x onerror="alert(1)"> ${alert(2)} {{3}} 彧龘\n\tend'


def drawn(text):
    """(classes, title, text) of every token span in the HTML."""
    body = text.split('<div class="wb-tokens"', 1)[1]
    found = re.findall(r'<i class="([^"]*)" title="([^"]*)">(.*?)</i>', body, re.DOTALL)
    return [(kind, html.unescape(title), html.unescape(re.sub(r"<b>.</b>", "", piece))) for kind, title, piece in found]


@pytest.mark.parametrize("max_length", [1024, 40])
def test_the_painted_tokens_are_the_rendered_ones_id_by_id(tiny_tokenizer, max_length):
    record = Conversation.of(("user", "who? " + NASTY), ("assistant", "I am 彧龘. " * 4))
    rendered = render(record, tiny_tokenizer, 1024)
    begin = next(place for place, label in enumerate(rendered.labels) if label != IGNORED)
    length = max_length if max_length == 1024 else begin + 5
    rendered = render(record, tiny_tokenizer, length)
    painted = drawn(token_html(preview(record, tiny_tokenizer, length), T))
    ids = [int(title.split(" ")[0]) for _, title, _ in painted]
    assert ids == rendered.input_ids + rendered.cut_ids
    labels = rendered.labels + rendered.cut_labels
    assert [kind.startswith("trained") for kind, _, _ in painted] == [label != IGNORED for label in labels]
    assert [" cut" in kind for kind, _, _ in painted] == [place >= length for place in range(len(ids))]
    assert "".join(text for _, _, text in painted) == rendered.text


def test_text_from_data_stays_text(tiny_tokenizer):
    record = Conversation.of(("user", NASTY), ("assistant", NASTY))
    page = token_html(preview(record, tiny_tokenizer, 1024), T)
    assert set(re.findall(r"</?(\w+)", page)) == {"div", "span", "i", "b"}
    assert "${" not in page and "{{" not in page


def document(*tokens, cut=()):
    def make(items):
        return [{"id": number, "text": text, "trained": trained} for number, text, trained in items]

    return {"tokens": make(tokens), "cut": make(cut)}


def test_neighbours_of_one_kind_are_merged_when_a_row_is_long():
    row = document(
        (1, "<s>", False), (2, "a", False), (3, "b", False), (4, "c", True), (5, "d", True), cut=[(6, "e", True)]
    )
    assert spans(row, frozenset({1}), merged=True) == [
        Span("plain special", (1,), "<s>"),
        Span("plain", (2, 3), "ab"),
        Span("trained", (4, 5), "cd"),
        Span("trained cut", (6,), "e"),
    ]
    assert [span.ids for span in spans(row)] == [(1,), (2,), (3,), (4,), (5,), (6,)]


def test_a_long_row_is_drawn_merged_and_its_end_only_counted(monkeypatch):
    monkeypatch.setattr(tokens, "SINGLE", 3)
    monkeypatch.setattr(tokens, "DRAWN", 4)
    page = token_html(document(*[(number, "x", False) for number in range(6)]), T)
    assert [text for _, _, text in drawn(page)] == ["xxxx"]
    assert "… 2 more tokens are not drawn" in page


def test_what_cannot_be_seen_is_written_out():
    page = token_html(document((7, "\n", False), (8, "\u200b", True), (9, "", True)), T)
    assert "<b>↵</b>\n" in page
    assert 'title="7 · \\u000a"' in page and 'title="8 · \\u200b"' in page
    assert '<i class="trained" title="9 · "><b>·</b></i>' in page


def test_the_figures_say_what_is_learned_and_what_is_lost():
    page = token_html(document((1, "a", False), (2, "b", True), cut=[(3, "c", True), (4, "d", False)]), T)
    for figure in ("4 tokens", "1 take loss", "2 cut off, 1 of them would have taken loss"):
        assert figure in page
