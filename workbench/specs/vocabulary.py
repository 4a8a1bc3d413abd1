"""Section `vocabulary`: tokens that the base's tokenizer does not have yet (Chinese-LLaMA-Alpaca, Cui et al. 2023)."""

from typing import Literal

from workbench.specs.knob import Section, knob


class VocabularySection(Section):
    tokens: str = knob("", "New tokens", "Words joined by commas, or a text file with one a line, that become one token each. Their embeddings begin as the mean of their pieces and learn beside the adapter.")
    corpus: str = knob("", "Learn tokens from", "A data or text file: frequent words that the tokenizer cuts into pieces become tokens.")
    size: int = knob(1000, "Tokens to learn", "At most so many, those that shorten the corpus most first.", ge=1, le=200_000, unit="tokens")
    trained: Literal["new", "all"] = knob("new", "Embeddings that learn", "new: the rows of the new tokens, a small adapter. all: the whole embedding and the head, as Chinese-LLaMA-Alpaca does it; large.")
