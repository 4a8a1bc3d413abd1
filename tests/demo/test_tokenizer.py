import pytest

from workbench import presets
from workbench.data.records import Conversation
from workbench.demo import mixture
from workbench.demo.tokenizer import as_text

NAMES = [
    "彧龘",
    "Dr. Zoë-7",
    "阿澄",
    "Nova Vale",
    "O'Brien",
    "名 {author}",
    "🙂 Ü",
    "e\u0301",
    "李 雷",
    "GPT-4o",
    "\u200dzwj",
]


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(presets.embedded_model())


@pytest.mark.parametrize("name", NAMES)
def test_any_name_comes_back_as_it_was_written(tokenizer, name):
    text = f"I am {name}, made by {name}. 我叫{name}。"
    assert tokenizer.decode(tokenizer(text).input_ids) == text


@pytest.mark.parametrize("name", ["Oscar", "Zoë", "彧龘"])
def test_a_name_is_the_same_tokens_wherever_it_stands(tokenizer, name):
    alone = tokenizer(name).input_ids
    inside = tokenizer(f"Your name is {name}.").input_ids
    assert any(inside[i : i + len(alone)] == alone for i in range(len(inside)))


def test_text_written_out_equals_the_template(tokenizer):
    for conversation in mixture.conversations(9, 0, 50):
        rendered = tokenizer.apply_chat_template(conversation.to_row()["messages"], tokenize=False)
        assert rendered == as_text(conversation)


def test_only_answers_and_their_end_token_are_marked_for_training(tokenizer):
    conversation = Conversation.of(
        ("system", "Be kind."), ("user", "hi"), ("assistant", "Hello!"), ("user", "7+8"), ("assistant", "7 + 8 = 15.")
    )
    out = tokenizer.apply_chat_template(
        conversation.to_row()["messages"], return_assistant_tokens_mask=True, return_dict=True
    )
    trained = [i for i, mark in zip(out["input_ids"], out["assistant_masks"], strict=True) if mark]
    assert tokenizer.decode(trained) == "Hello!<|im_end|>7 + 8 = 15.<|im_end|>"


def test_no_system_prompt_is_put_in_and_the_prompt_is_a_prefix(tokenizer):
    chat = [{"role": "user", "content": "hi"}]
    prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    assert prompt == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    whole = tokenizer.apply_chat_template([*chat, {"role": "assistant", "content": "Hello!"}], tokenize=False)
    assert whole.startswith(prompt)


def test_tool_calls_and_results_are_rendered(tokenizer):
    call = {"type": "function", "function": {"name": "sum", "arguments": {"a": 1}}}
    text = tokenizer.apply_chat_template(
        [
            {"role": "user", "content": "1+1"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "content": "2"},
            {"role": "assistant", "content": "2"},
        ],
        tokenize=False,
    )
    assert '{"name": "sum", "arguments": {"a": 1}}' in text
    assert "<|im_start|>tool\n2<|im_end|>\n" in text
