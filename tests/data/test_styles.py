"""Each prompt style against strings written by hand: exact text, exact mask, the prompt a prefix of the whole."""

import re

import pytest

from workbench.data import styles
from workbench.data.records import Conversation, Message
from workbench.data.render import IGNORED, prompt_ids, render
from workbench.errors import UserError

HEADER = "Below is an instruction that describes a task. Write a response that appropriately completes the request."
WITH_INPUT = (
    "Below is an instruction that describes a task, paired with an input that provides further context. "
    "Write a response that appropriately completes the request."
)
VICUNA = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)
QWEN = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
BEGIN, END = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"

ONE = Conversation.of(("user", "Q1"), ("assistant", "A1"))
SYSTEM = Conversation.of(("system", "S"), ("user", "Q1"), ("assistant", "A1"))
TWO = Conversation.of(("user", "问一"), ("assistant", "答一"), ("user", "Q2"), ("assistant", "A2"))
THREE = Conversation.of(
    ("system", "S"), *[(role, f"{role[0]}{turn}") for turn in "012" for role in ("user", "assistant")]
)
GIVEN = Conversation((Message("user", "Q1\nI1", "Q1", "I1"), Message("assistant", "A1")))

# Styles whose answers stand behind a space, which is learned with them; of linly only the turns of several.
SPACED = {"claude", "vicuna_v1_1", "linly", "chinese_alpaca", "llama2", "mistral_v1", "deepseek_llm"}
# ⟦ and ⟧ enclose what takes loss.
EXPECTED = [
    ("chatglm_6b", ONE, "Q1[gMASK]<sop>⟦A1<eop>⟧"),
    ("chatglm_6b", SYSTEM, "S\nQ1[gMASK]<sop>⟦A1<eop>⟧"),
    ("chatglm_6b", TWO, "[Round 0]\n问：问一\n答：答一\n[Round 1]\n问：Q2\n答：[gMASK]<sop>⟦A2<eop>⟧"),
    ("chatglm_6b", THREE,
     "S\n[Round 0]\n问：u0\n答：a0\n[Round 1]\n问：u1\n答：a1\n[Round 2]\n问：u2\n答：[gMASK]<sop>⟦a2<eop>⟧"),
    ("chatglm2_6b", ONE, "[gMASK]<sop>[Round 1]\n\n问：Q1\n\n答：⟦A1</s>⟧"),
    ("chatglm2_6b", SYSTEM, "[gMASK]<sop>S\n\n[Round 1]\n\n问：Q1\n\n答：⟦A1</s>⟧"),
    ("chatglm2_6b", TWO, "[gMASK]<sop>[Round 1]\n\n问：问一\n\n答：答一\n\n[Round 2]\n\n问：Q2\n\n答：⟦A2</s>⟧"),
    ("claude", ONE, "\n\nHuman: Q1\n\nAssistant:⟦ A1</s>⟧"),
    ("claude", SYSTEM, "S\n\nHuman: Q1\n\nAssistant:⟦ A1</s>⟧"),
    ("claude", TWO, "\n\nHuman: 问一\n\nAssistant:⟦ 答一</s>⟧\n\nHuman: Q2\n\nAssistant:⟦ A2</s>⟧"),
    ("alpaca", ONE, HEADER + "\n\n### Instruction:\nQ1\n\n### Response:⟦A1</s>⟧"),
    ("alpaca", GIVEN, WITH_INPUT + "\n\n### Instruction:\nQ1\n\n### Input:\nI1\n\n### Response:⟦A1</s>⟧"),
    ("alpaca", SYSTEM, "S\n\n### Instruction:\nQ1\n\n### Response:⟦A1</s>⟧"),
    ("alpaca", TWO, HEADER + "\n\n### Instruction:\n问一\n\n### Response:⟦答一</s>⟧"
                    "\n\n### Instruction:\nQ2\n\n### Response:⟦A2</s>⟧"),
    ("guanaco_chat", SYSTEM,
     WITH_INPUT + "\n\n### Instruction:\n\n\n### Input:\nSystem: S\nUser: Q1\n\n### Response:\n⟦A1</s>⟧"),
    ("guanaco_chat", TWO, WITH_INPUT + "\n\n### Instruction:\nUser: 问一\nAssistant: 答一\n\n\n### Input:\nUser: Q2\n\n"
                          "### Response:\n⟦A2</s>⟧"),
    ("chatml", SYSTEM,
     "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nQ1<|im_end|>\n<|im_start|>assistant\n⟦A1<|im_end|>⟧\n"),
    ("chatml", TWO, "<|im_start|>user\n问一<|im_end|>\n<|im_start|>assistant\n⟦答一<|im_end|>⟧\n"
                    "<|im_start|>user\nQ2<|im_end|>\n<|im_start|>assistant\n⟦A2<|im_end|>⟧\n"),
    ("qwen2_5", ONE, f"<|im_start|>system\n{QWEN}<|im_end|>\n<|im_start|>user\nQ1<|im_end|>\n"
                     "<|im_start|>assistant\n⟦A1<|im_end|>⟧\n"),
    ("qwen2_5", SYSTEM,
     "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nQ1<|im_end|>\n<|im_start|>assistant\n⟦A1<|im_end|>⟧\n"),
    ("vicuna_v1_1", ONE, f"<s>{VICUNA} USER: Q1 ASSISTANT:⟦ A1</s>⟧"),
    ("vicuna_v1_1", TWO, f"<s>{VICUNA} USER: 问一 ASSISTANT:⟦ 答一</s>⟧USER: Q2 ASSISTANT:⟦ A2</s>⟧"),
    ("vicuna_v1_1", SYSTEM, "<s>S USER: Q1 ASSISTANT:⟦ A1</s>⟧"),
    ("belle", ONE, "Human: \nQ1\n\nAssistant: \n⟦A1</s>⟧"),
    ("belle", SYSTEM, "S\nHuman: \nQ1\n\nAssistant: \n⟦A1</s>⟧"),
    ("belle", TWO, "Human: \n问一\n\nAssistant: \n⟦答一</s>⟧Human: \nQ2\n\nAssistant: \n⟦A2</s>⟧"),
    ("linly", ONE, "<s>Q1⟦A1</s>⟧"),
    ("linly", GIVEN, "<s>Q1I1⟦A1</s>⟧"),
    ("linly", TWO, "User: 问一\nBot:⟦ 答一</s>⟧\nUser: Q2\nBot:⟦ A2</s>⟧\n"),
    ("phoenix", SYSTEM, "S\n\nHuman: <s>Q1</s>Assistant: <s>⟦A1</s>⟧"),
    ("phoenix", TWO, "Human: <s>问一</s>Assistant: <s>⟦答一</s>⟧Human: <s>Q2</s>Assistant: <s>⟦A2</s>⟧"),
    ("chinese_alpaca", ONE, f"<s>{HEADER}\n\n### Instruction:\nQ1\n\n### Response:⟦ A1</s>⟧\n\n"),
    ("chinese_alpaca", GIVEN, f"<s>{HEADER}\n\n### Instruction:\nQ1\nI1\n\n### Response:⟦ A1</s>⟧\n\n"),
    ("llama2", ONE, "<s>[INST] Q1 [/INST]⟦ A1 </s>⟧"),
    ("llama2", SYSTEM, "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nQ1 [/INST]⟦ A1 </s>⟧"),
    ("llama2", TWO, "<s>[INST] 问一 [/INST]⟦ 答一 </s>⟧<s>[INST] Q2 [/INST]⟦ A2 </s>⟧"),
    ("llama3", SYSTEM, "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
                       "<|start_header_id|>user<|end_header_id|>\n\nQ1<|eot_id|>"
                       "<|start_header_id|>assistant<|end_header_id|>\n\n⟦A1<|eot_id|>⟧"),
    ("gemma", TWO, "<bos><start_of_turn>user\n问一<end_of_turn>\n<start_of_turn>model\n⟦答一<end_of_turn>⟧\n"
                   "<start_of_turn>user\nQ2<end_of_turn>\n<start_of_turn>model\n⟦A2<end_of_turn>⟧\n"),
    ("gemma3", SYSTEM, "<bos><start_of_turn>user\nS\n\nQ1<end_of_turn>\n<start_of_turn>model\n⟦A1<end_of_turn>⟧\n"),
    ("mistral_v1", SYSTEM, "<s>[INST] S\n\nQ1 [/INST]⟦ A1</s>⟧"),
    ("mistral_v1", TWO, "<s>[INST] 问一 [/INST]⟦ 答一</s>⟧[INST] Q2 [/INST]⟦ A2</s>⟧"),
    ("mistral_v7", SYSTEM, "<s>[SYSTEM_PROMPT]S[/SYSTEM_PROMPT][INST]Q1[/INST]⟦A1</s>⟧"),
    ("mistral_v7", TWO, "<s>[INST]问一[/INST]⟦答一</s>⟧[INST]Q2[/INST]⟦A2</s>⟧"),
    ("deepseek_llm", SYSTEM, f"{BEGIN}S\n\nUser: Q1\n\nAssistant:⟦ A1{END}⟧"),
    ("deepseek_llm", TWO, f"{BEGIN}User: 问一\n\nAssistant:⟦ 答一{END}⟧User: Q2\n\nAssistant:⟦ A2{END}⟧"),
    ("deepseek_v3", SYSTEM, f"{BEGIN}S<｜User｜>Q1<｜Assistant｜>⟦A1{END}⟧"),
    ("deepseek_v3", TWO, f"{BEGIN}<｜User｜>问一<｜Assistant｜>⟦答一{END}⟧<｜User｜>Q2<｜Assistant｜>⟦A2{END}⟧"),
]  # fmt: skip


@pytest.fixture(params=["byte_tokenizer", "space_tokenizer"])
def tokenizer(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize(
    ("style", "talk", "expected"), EXPECTED, ids=[f"{i}-{case[0]}" for i, case in enumerate(EXPECTED)]
)
def test_text_mask_and_prefix_of_a_style(style, talk, expected, tokenizer):
    rendered = render(talk, tokenizer, 4096, template=style)
    assert rendered.text == expected.replace("⟦", "").replace("⟧", "")
    assert _marked(rendered) == expected
    prompt = prompt_ids(talk.messages[:-1], tokenizer, template=style)
    assert rendered.input_ids[: len(prompt)] == prompt
    rest = [index for index, label in enumerate(rendered.labels) if label != IGNORED and index >= len(prompt)]
    assert rest[0] == len(prompt), "the answer begins right where generation would"


def _marked(rendered) -> str:
    text, inside = "", False
    for (start, end), label in zip(rendered.offsets, rendered.labels, strict=True):
        trained = label != IGNORED
        text += "⟦" * (trained and not inside) + "⟧" * (inside and not trained)
        text += rendered.text[max(start, len(text.replace("⟦", "").replace("⟧", ""))) : end]
        inside = trained
    return text + "⟧" * inside


def test_every_shipped_style_is_tested():
    assert {style for style, _, _ in EXPECTED} == set(styles.names())


@pytest.mark.parametrize("style", sorted(set(styles.names()) - {"chatml", "qwen2_5", "llama3"}))
def test_a_dialogue_out_of_turn_is_refused(style, byte_tokenizer):
    talk = Conversation.of(("user", "a"), ("user", "b"), ("assistant", "c"))
    with pytest.raises(UserError, match="take turns"):
        render(talk, byte_tokenizer, 512, template=style)


def test_gemma_refuses_a_system_text(byte_tokenizer):
    with pytest.raises(UserError, match="gemma3"):
        render(SYSTEM, byte_tokenizer, 512, template="gemma")


@pytest.mark.parametrize("style", styles.names())
def test_a_tokenizer_without_the_styles_tokens_ends_answers_with_its_own(style, bare_tokenizer):
    rendered = render(ONE, bare_tokenizer, 4096, template=style)
    assert rendered.input_ids[[i for i, label in enumerate(rendered.labels) if label != IGNORED][-1]] == (
        bare_tokenizer.eos_token_id
    )
    assert not any(token in rendered.text for token in ("<s>", "</s>", "[gMASK]", "<eop>", "<bos>", BEGIN, END))


@pytest.mark.parametrize("style", styles.names())
def test_prompt_tokens_are_a_prefix_for_every_dialogue_and_answers_take_loss_whole(style, tokenizer):
    lines = Conversation.of(
        ("user", "a\n\nb: c"), ("assistant", "x\n\n- y"), ("user", " e "), ("assistant", "好。 g\nh")
    )
    for talk in (ONE, SYSTEM, TWO, THREE, GIVEN, lines):
        if style == "gemma" and talk.messages[0].role == "system":
            continue
        rendered = render(talk, tokenizer, 4096, template=style)
        prompt = prompt_ids(talk.messages[:-1], tokenizer, template=style)
        assert rendered.input_ids[: len(prompt)] == prompt
        assert rendered.labels[len(prompt)] == rendered.input_ids[len(prompt)]  # the first token of the answer
        spans = re.findall("⟦(.*?)⟧", _marked(rendered), re.DOTALL)
        answers = [turn.content for turn in talk.messages if turn.role == "assistant"]
        taught = answers[-len(spans) :]  # some styles teach the last answer only
        assert len(spans) in (1, len(answers))
        for span, answer in zip(spans, taught, strict=True):
            lead = " " if style in SPACED else ""
            lead = "" if style == "linly" and len(talk.messages) < 3 + (talk is SYSTEM) else lead
            assert span.startswith(lead + answer) and span != lead + answer, "the end token is learned too"
