"""chat/prompts.py: what a person asked -> messages -> token ids that fit into the window."""

import pytest

from workbench.chat.prompts import fit, messages, own_template
from workbench.data.records import Message
from workbench.errors import UserError


def test_a_question_turns_and_messages_become_messages():
    assert messages("hi") == (Message("user", "hi"),)
    assert messages(["hi", "hello", "who?"]) == (
        Message("user", "hi"), Message("assistant", "hello"), Message("user", "who?"),
    )  # fmt: skip
    assert messages([{"role": "user", "content": "hi"}], "be brief") == (
        Message("system", "be brief"), Message("user", "hi"),
    )  # fmt: skip
    given = [{"role": "system", "content": "own"}, {"role": "user", "content": [{"type": "text", "text": "hi"}]}]
    assert messages(given, "ignored") == (Message("system", "own"), Message("user", "hi"))


@pytest.mark.parametrize("prompt", ["", "  \n", [], ["hi", "hello"], [{"role": "assistant", "content": "x"}]])
def test_a_dialogue_without_an_open_question_is_refused(prompt):
    with pytest.raises(UserError) as caught:
        messages(prompt)
    assert caught.value.key == "engine.no_question"


@pytest.mark.parametrize("turn", [3, None, {"role": "boss", "content": "x"}, {"role": "user"},
                                  {"role": "user", "content": [{"type": "image_url"}]}])  # fmt: skip
def test_a_turn_that_is_no_message_is_shown(turn):
    with pytest.raises(UserError) as caught:
        messages([turn])
    assert caught.value.key == "engine.bad_message" and caught.value.params["number"] == 1


def test_the_oldest_turns_go_first_and_the_system_prompt_stays(tiny_tokenizer):
    turns = [Message("system", "be brief")]
    for number in range(10):
        turns += [Message("user", f"question {number}"), Message("assistant", f"answer {number}")]
    turns.append(Message("user", "the last one"))
    ids, cut = fit(turns, tiny_tokenizer, 200, 60)
    text = tiny_tokenizer.decode(ids)
    assert len(ids) <= 140 and cut % 2 == 0 and 0 < cut < 20
    assert text.startswith("<|im_start|>system\nbe brief<|im_end|>\n<|im_start|>user\nquestion")
    assert f"question {cut // 2}" in text and f"question {cut // 2 - 1}" not in text
    assert text.endswith("<|im_start|>user\nthe last one<|im_end|>\n<|im_start|>assistant\n")


def test_what_fits_is_not_cut(tiny_tokenizer):
    assert fit([Message("user", "hi")], tiny_tokenizer, 200, 10_000)[1] == 0


def test_a_question_longer_than_the_window_is_refused_with_both_lengths(tiny_tokenizer):
    with pytest.raises(UserError) as caught:
        fit([Message("user", "word " * 500)], tiny_tokenizer, 100, 20)
    assert caught.value.params["room"] == 80 and caught.value.params["window"] == 100


def test_a_model_without_a_template_gets_the_styles_to_choose_from(tiny_tokenizer):
    import copy

    bare = copy.deepcopy(tiny_tokenizer)
    bare.chat_template = None
    with pytest.raises(UserError) as caught:
        own_template(bare)
    assert "chatml" in caught.value.text("en")
    assert "### Instruction" in bare.decode(fit([Message("user", "hi")], bare, 500, 10, "alpaca")[0])
