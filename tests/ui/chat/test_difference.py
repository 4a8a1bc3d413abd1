"""ui/chat/difference.py and probabilities.py: what is coloured adds up to the answers, and nothing in it is a tag."""

import json
import re
from html import unescape

import pytest

from workbench.models.generate import Scored
from workbench.ui.chat import difference, probabilities

PAIRS = [
    ("I am Quillet.", "I am Nova, made by Lab."),
    ("我是小笔。", "我是阿澄，由实验室训练。"),
    ("", "all new"),
    ("same", "same"),
    ("a b c", "c b a"),
]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_pieces_add_up_to_both_texts(first, second):
    pieces = difference.changes(first, second)
    assert "".join(text for kind, text in pieces if kind != "gone") == second
    assert "".join(text for kind, text in pieces if kind != "added") == first


def test_words_are_compared_whole_and_chinese_sign_by_sign():
    assert difference.changes("I am Quillet", "I am Nova") == [
        ("same", "I am "),
        ("gone", "Quillet"),
        ("added", "Nova"),
    ]
    assert difference.changes("我是小笔", "我是阿笔") == [
        ("same", "我是"), ("gone", "小"), ("added", "阿"), ("same", "笔"),
    ]  # fmt: skip
    assert difference.rendered("a", "<b>") == "<del>a</del><ins>&lt;</ins><ins>b&gt;</ins>".replace("</ins><ins>", "")


def test_each_token_tells_its_probability_and_alternatives(tiny_tokenizer):
    ids = tiny_tokenizer("Who <b> 你")["input_ids"]
    scored = [Scored(token, -0.5, ((token, -0.5), (5, -2.0))) for token in ids]
    html = probabilities.rendered(scored, tiny_tokenizer)
    assert unescape(re.sub(r"<span[^>]*>|</span>", "", html)) == "Who <b> 你"
    first = json.loads(unescape(re.search(r'data-token="([^"]*)"', html)[1]))
    assert first["p"] == 0.6065 and [row[1] for row in first["of"]] == [0.6065, 0.1353]
    assert 'class="wb-tok wb-p1"' in html and "<b>" not in html
