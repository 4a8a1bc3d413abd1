"""Two small tokenizers trained here: byte-level BPE with ChatML tokens, metaspace BPE with Llama's."""

import pytest

_TEXT = [
    "Below is an instruction that describes a task. Write a response that appropriately completes the request.",
    "Human: hello\n\nAssistant: Hi, how are you? USER: What is the capital of France? ASSISTANT: Paris.",
    "你好，我是一个小模型。今天天气很好，我们去公园散步吧。问：你是谁？\n答：我是助手。",
    "### Instruction:\nTranslate\n\n### Input:\nrain\n\n### Response:\n雨",
] * 8
CONTROL = [
    "<s>", "</s>", "<unk>", "<|im_start|>", "<|im_end|>", "[gMASK]", "<sop>", "<eop>", "<|begin_of_text|>",
    "<|eot_id|>",
    "<|start_header_id|>", "<|end_header_id|>", "<bos>", "<start_of_turn>", "<end_of_turn>",
    "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>",
]  # fmt: skip


def _train(byte_level: bool, control: list[str], **special):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(unk_token=None if byte_level else "<unk>", byte_fallback=not byte_level))
    if byte_level:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    else:
        # A line break is a token of its own, as in Llama's vocabulary.
        newline = pre_tokenizers.Split("\n", "isolated")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([newline, pre_tokenizers.Metaspace(prepend_scheme="never")])
        tokenizer.decoder = decoders.Metaspace(prepend_scheme="never")
        alphabet = []
    bytes_known = [f"<0x{value:02X}>" for value in range(256)] if not byte_level else []
    trainer = trainers.BpeTrainer(vocab_size=900, special_tokens=[*control, *bytes_known], initial_alphabet=alphabet,
                                  show_progress=False)  # fmt: skip
    tokenizer.train_from_iterator(_TEXT, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


@pytest.fixture(scope="session")
def byte_tokenizer():
    """Byte-level BPE that knows every style's control tokens; its own template is ChatML."""
    from workbench.data import styles

    tokenizer = _train(True, CONTROL, eos_token="<|im_end|>", pad_token="<|im_end|>")
    tokenizer.chat_template = styles.source("chatml")
    return tokenizer


@pytest.fixture(scope="session")
def space_tokenizer():
    """Metaspace BPE that knows every style's control tokens, with <s> and </s> as its own."""
    return _train(False, CONTROL, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


@pytest.fixture(scope="session")
def bare_tokenizer():
    """Byte-level BPE with an end token only: what a style's control tokens must be replaced for."""
    return _train(True, ["<|end|>"], eos_token="<|end|>")
