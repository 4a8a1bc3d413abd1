"""The embedded model: its corpus, tokenizer, pretraining and evaluation."""
