"""Base models, module trees over their tensors, adapters and decoding."""
