"""Virtual prompts: prefix tuning and P-Tuning v2, prompt tuning, p-tuning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from workbench.data.render import Rendered
from workbench.stages.adapters import peft_config
from workbench.stages.methods.peft_family import NAME, PeftMethod


class VirtualPrompt(PeftMethod):
    """Its file holds the prompt itself; the network that makes it is only there while it learns."""

    rows_may_touch = False
    saves_what_it_trains = False


class Prefix(VirtualPrompt):
    kind = "prefix"

    def config(self, model: Any, tokenizer: Any) -> Any:
        if not self.section.prefix_projection:
            return peft_config(self.section, encoder_hidden_size=None)
        return super().config(model, tokenizer)


class PTuning(VirtualPrompt):
    kind = "p_tuning"


class Prompt(VirtualPrompt):
    kind = "prompt"

    def put_on(self, model: Any, tokenizer: Any, rows: Sequence[Rendered]) -> Any:
        """PEFT's own beginnings read the tokenizer from a folder whose path it would save; ours reads the one here."""
        tuned = super().put_on(model, tokenizer, rows)
        count = self.section.num_virtual_tokens
        text = tokenizer(self.section.prompt_text, add_special_tokens=False)["input_ids"]
        if text:
            chosen = (text * (count // len(text) + 1))[:count]
        else:
            chosen = torch.randint(len(tokenizer), (count,)).tolist()
        table = model.get_input_embeddings().weight
        with torch.no_grad():
            prompt = tuned.prompt_encoder[NAME].embedding.weight
            prompt.copy_(table[torch.tensor(chosen, device=table.device)])
        return tuned
