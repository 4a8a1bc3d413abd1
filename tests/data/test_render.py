"""What takes loss, what is cut off, and what is refused."""

import pytest

from workbench.data import styles
from workbench.data.records import Conversation, Message, Preference, Text
from workbench.data.render import IGNORED, chat_template, preview, prompt_ids, render, render_many
from workbench.errors import NoTrainableTokens, UserError

TALK = Conversation.of(
    ("system", "Be kind."),
    ("user", "你是谁？"),
    ("assistant", "我是助手龘。"),
    ("user", "Paris?"),
    ("assistant", "Yes."),
)


def trained(rendered) -> str:
    """The text under the tokens that take loss."""
    spans = [offset for offset, label in zip(rendered.offsets, rendered.labels, strict=False) if label != IGNORED]
    return "|".join(_joined(rendered.text, spans))


def _joined(text, spans):
    runs: list[list[int]] = []
    for start, end in spans:
        if runs and start <= runs[-1][1]:
            runs[-1][1] = max(end, runs[-1][1])
        else:
            runs.append([start, end])
    return [text[start:end] for start, end in runs]


def test_only_answers_and_their_end_token_take_loss(byte_tokenizer):
    rendered = render(TALK, byte_tokenizer, 512)
    assert trained(rendered) == "我是助手龘。<|im_end|>|Yes.<|im_end|>"
    assert all(label in (IGNORED, token) for label, token in zip(rendered.labels, rendered.input_ids, strict=True))


@pytest.mark.parametrize("which", ["byte_tokenizer", "space_tokenizer"])
def test_ids_and_mask_equal_those_of_transformers(which, request):
    tokenizer = request.getfixturevalue(which)
    ours = render(TALK, tokenizer, 512, template="chatml")
    theirs = tokenizer.apply_chat_template(
        [message.to_row() for message in TALK.messages], chat_template=styles.source("chatml"),
        return_dict=True, return_assistant_tokens_mask=True,
    )  # fmt: skip
    assert ours.input_ids == theirs["input_ids"]
    assert [int(label != IGNORED) for label in ours.labels] == theirs["assistant_masks"]


def test_all_bytes_of_a_last_rare_character_take_loss(byte_tokenizer):
    text = Text("甲彧龘")
    rendered = render(text, byte_tokenizer, 64)
    assert rendered.labels == rendered.input_ids


def test_a_message_of_weight_zero_takes_no_loss(byte_tokenizer):
    first = Message("assistant", "wrong", weight=0.0)
    talk = Conversation((Message("user", "a"), first, Message("user", "b"), Message("assistant", "right")))
    assert trained(render(talk, byte_tokenizer, 512)) == "right<|im_end|>"


def test_a_weight_between_reaches_the_tokens(byte_tokenizer):
    talk = Conversation((Message("user", "a"), Message("assistant", "b", weight=0.5)))
    rendered = render(talk, byte_tokenizer, 512)
    weights = {weight for weight, label in zip(rendered.weights, rendered.labels, strict=True) if label != IGNORED}
    assert weights == {0.5}


def test_a_long_row_keeps_its_head(byte_tokenizer):
    whole = render(TALK, byte_tokenizer, 512)
    cut = render(TALK, byte_tokenizer, len(whole.input_ids) - 4)
    assert cut.truncated and not whole.truncated
    assert cut.input_ids == whole.input_ids[:-4] and cut.labels == whole.labels[:-4]
    assert cut.cut_ids == whole.input_ids[-4:] and cut.cut_labels == whole.labels[-4:]


def test_an_answer_behind_the_cut_is_refused_with_both_lengths(byte_tokenizer):
    with pytest.raises(NoTrainableTokens) as caught:
        render(TALK, byte_tokenizer, 8)
    assert caught.value.key == "data.answer_cut_off" and caught.value.params["max_length"] == 8


def test_a_row_without_any_loss_is_refused(byte_tokenizer):
    talk = Conversation((Message("user", "a"), Message("assistant", "b", weight=0.0)))
    with pytest.raises(NoTrainableTokens, match="no answer takes loss"):
        render(talk, byte_tokenizer, 512)


def test_one_bad_record_among_many_costs_only_itself(byte_tokenizer):
    bad = Conversation((Message("user", "a"), Message("assistant", "b", weight=0.0)))
    first, second, third = render_many([TALK, bad, TALK], byte_tokenizer, 512)
    assert first == third and isinstance(second, NoTrainableTokens)


def test_more_records_than_a_batch_come_back_in_order(byte_tokenizer):
    talks = [Conversation.of(("user", f"n{index}"), ("assistant", "b")) for index in range(600)]
    for index, rendered in enumerate(render_many(talks, byte_tokenizer, 512)):
        assert f"n{index}<|im_end|>" in rendered.text


def test_preview_shows_the_object_that_trains(byte_tokenizer):
    whole = render(TALK, byte_tokenizer, 45)
    seen = preview(TALK, byte_tokenizer, 45, row=3)
    assert seen["row"] == 3 and seen["truncated"] is True
    assert seen["input_ids"] == whole.input_ids and seen["labels"] == whole.labels
    assert [token["id"] for token in seen["tokens"]] == whole.input_ids
    assert [token["trained"] for token in seen["tokens"]] == [label != IGNORED for label in whole.labels]
    assert "".join(token["text"] for token in seen["tokens"] + seen["cut"]) == whole.text


def test_the_prompt_is_a_prefix_of_the_whole(byte_tokenizer):
    prompt = prompt_ids(TALK.messages[:-1], byte_tokenizer)
    assert render(TALK, byte_tokenizer, 512).input_ids[: len(prompt)] == prompt


def test_a_model_without_template_asks_for_a_style(bare_tokenizer):
    with pytest.raises(UserError, match="no chat template; choose a prompt style"):
        chat_template(bare_tokenizer, "")


def test_an_unknown_style_names_the_nearest(bare_tokenizer):
    with pytest.raises(UserError, match="chatml"):
        chat_template(bare_tokenizer, "chatlm")


def test_a_template_that_marks_no_answers_is_refused(bare_tokenizer):
    bare_tokenizer.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    try:
        with pytest.raises(UserError, match="does not mark what is learned"):
            render(TALK, bare_tokenizer, 512)
    finally:
        bare_tokenizer.chat_template = None


def test_a_template_that_refuses_a_dialogue_gives_its_reason(byte_tokenizer):
    template = "{{ raise_exception('no system turns here') }}{% generation %}{% endgeneration %}"
    (result,) = render_many([TALK], byte_tokenizer, 512, template=template)
    assert isinstance(result, UserError) and "no system turns here" in str(result)


def test_preference_pairs_are_no_rows_of_this_stage(byte_tokenizer):
    pair = Preference((Message("user", "a"),), (Message("assistant", "b"),), (Message("assistant", "c"),))
    with pytest.raises(UserError, match="convert the file"):
        render(pair, byte_tokenizer, 512)
