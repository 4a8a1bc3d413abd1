"""The corpus -> a byte-level BPE tokenizer with a ChatML template, in which any name can be written and copied.

Text is split before BPE sees it: single Han characters, numbers of at most two digits, words, single marks. Otherwise
BPE would merge whole template sentences. Capitalised words never carry their leading space, so that a name is the same
tokens at the start of a message and inside an answer: that is what makes it easy to copy.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.data.records import Conversation

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

VOCABULARY = 4096
PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SPLIT = (
    r"\p{Han}|\p{N}{1,2}|\p{Lu}[\p{Ll}\p{M}]*|'(?:s|t|re|ve|m|ll|d)\b"
    r"| ?[[\p{L}\p{M}]&&[^\p{Han}\p{Lu}]]+| ?[^\s\p{L}\p{M}\p{N}]|\s+"
)
TEMPLATE = Path(__file__).parent / "chat_template.jinja"


def as_text(conversation: Conversation) -> str:
    """The conversation as the template renders it; written out because the template engine is slow for 100,000 rows.

    A test compares the two."""
    return "".join(f"{START}{turn.role}\n{turn.content}{END}\n" for turn in conversation.messages)


def train(conversations: Iterable[Conversation]) -> PreTrainedTokenizerFast:
    """Train the tokenizer; same conversations, same tokenizer."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # Names are random: a piece seen only in a handful of them is not worth a token.
    bpe.train_from_iterator((f"{turn.role}\n{turn.content}" for c in conversations for turn in c.messages), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token=PAD,
        eos_token=END,
        model_max_length=1024,
        chat_template=TEMPLATE.read_text(encoding="utf-8"),
        clean_up_tokenization_spaces=False,
    )
