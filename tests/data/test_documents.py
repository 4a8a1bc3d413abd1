"""Text becomes rows in which every token is learned, once."""

from __future__ import annotations

import pytest

from workbench.data.documents import render_documents
from workbench.data.records import Conversation, Text
from workbench.errors import UserError

TEXTS = ["One, two, three, four, five.", "你好。", "Paris " * 40]


@pytest.fixture
def rendered(tiny_tokenizer):
    def make(blocks, max_length=32, texts=TEXTS):
        return [row.input_ids for row in render_documents(map(Text, texts), tiny_tokenizer, max_length, blocks)]

    return make


@pytest.fixture
def closed(tiny_tokenizer):
    return [[*tiny_tokenizer(text)["input_ids"], tiny_tokenizer.eos_token_id] for text in TEXTS]


@pytest.mark.parametrize("blocks", ["packed", "rows", "stream"])
def test_no_token_is_lost_doubled_or_moved(rendered, closed, blocks):
    rows = rendered(blocks)
    assert [token for row in rows for token in row] == [token for document in closed for token in document]
    assert all(2 <= len(row) <= 32 for row in rows)


def test_a_document_or_a_piece_of_a_long_one_is_a_row_of_its_own(rendered, closed):
    assert rendered("packed")[:2] == closed[:2]
    assert rendered("packed")[2] == closed[2][:32]


def test_a_stream_fills_every_row_but_the_last(rendered):
    assert {len(row) for row in rendered("stream")[:-1]} == {32}


def test_one_token_alone_is_never_left_over(rendered, closed):
    length = len(closed[0]) - 1
    assert [len(row) for row in rendered("rows", length, TEXTS[:1])] == [length - 1, 2]


def test_every_token_takes_loss(tiny_tokenizer):
    [row] = render_documents([Text("One, two.")], tiny_tokenizer, 64, "packed")
    assert row.labels == row.input_ids


def test_a_conversation_is_refused_with_its_number(tiny_tokenizer):
    records = [Text("One."), Conversation.of(("user", "hi"), ("assistant", "hello"))]
    with pytest.raises(UserError, match="Record 2 is a conversation"):
        render_documents(records, tiny_tokenizer, 64, "packed")
