"""Replies as models really write them -> pairs."""

import pytest

from workbench.synthesis.replies import parse

ONE = (("甲？", "乙"),)
TWO = (("甲？", "乙"), ("丙？", "丁"))

REPLIES = {
    "plain JSON": ('[{"question": "甲？", "answer": "乙"}, {"question": "丙？", "answer": "丁"}]', TWO),
    "one object": ('{"question": "甲？", "answer": "乙"}', ONE),
    "fenced, with talk around it": ('Sure!\n```json\n[{"question": "甲？", "answer": "乙"}]\n```\nAnything else?', ONE),
    "wrapped": ('{"qa_pairs": [{"q": "甲？", "a": "乙"}, {"q": "丙？", "a": "丁"}]}', TWO),
    "Chinese keys": ('[{"问题": "甲？", "答案": "乙"}]', ONE),
    "alpaca's keys": ('[{"instruction": "甲？", "output": "乙"}]', ONE),
    "after thoughts": ('<think>[{"question": "x"}]</think>\n[{"question": "甲？", "answer": "乙"}]', ONE),
    "English marks": ("Q: 甲？\nA: 乙\n\nQ: 丙？\nA: 丁", TWO),
    "Chinese marks": ("问：甲？\n答：乙\n问题2：丙？\n答案2：丁", TWO),
    "numbered and bold": ("1. **Question:** 甲？\n   **Answer:** 乙\n2. **Question:** 丙？\n   **Answer:** 丁", TWO),
    "a question alone": ("甲？", (("甲？", "段落"),)),
    "a marked question alone": ("问题：甲？", (("甲？", "段落"),)),
    "JSON without answers": ('[{"question": "甲？"}]', (("甲？", "段落"),)),
    "an empty answer": ('[{"question": "甲？", "answer": " "}]', ()),
    "no question": ("这段话讲的是长城。", ()),
    "a bracket in prose": ("See [1] for more.", ()),
    "nothing": ("", ()),
    "numbers": ("[1, 2, 3]", ()),
}


@pytest.mark.parametrize("name", REPLIES)
def test_pairs_are_found_however_they_are_written(name):
    text, pairs = REPLIES[name]
    found = parse(text, "段落")
    assert (found.pairs, found.mended) == (pairs, False)


BROKEN = {
    "trailing comma": '[{"question": "甲？", "answer": "乙"},]',
    "cut off": '[{"question": "甲？", "answer": "乙"}, {"question": "丙',
    "single quotes": "[{'question': '甲？', 'answer': '乙'}]",
    "bare quotes inside": '[{"question": "甲？", "answer": "乙"',
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_json_is_mended_and_says_so(name):
    found = parse(BROKEN[name], "段落")
    assert found.pairs[0] == ONE[0] and found.mended
