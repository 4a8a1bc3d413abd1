"""Virtual prompts: prefix tuning and P-Tuning v2, prompt tuning, p-tuning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from workbench.data.render import Rendered
from workbench.errors import UserError
from workbench.models import adapters
from workbench.stages.adapters import peft_config
from workbench.stages.methods.peft_family import NAME, PeftMethod


class VirtualPrompt(PeftMethod):
    """Its file holds the prompt itself; the network that makes it is only there while it learns."""

    rows_may_touch = False
    saves_what_it_trains = False

    def put_on(self, model: Any, tokenizer: Any, rows: Sequence[Rendered]) -> Any:
        if not self.continues:
            return super().put_on(model, tokenizer, rows)
        from safetensors.torch import load_file

        # The saved prompt is what its network made of it, so it goes on as a prompt without one.
        begun = load_file(self.start.path / adapters.WEIGHTS)["prompt_embeddings"]
        self.section = self.section.model_copy(update={"num_virtual_tokens": len(begun)})
        name, self.start = self.start.name, None
        tuned = super().put_on(model, tokenizer, rows)
        prompt = tuned.prompt_encoder[NAME].embedding.weight
        if prompt.shape != begun.shape:
            raise UserError(
                "adapters.other_base", name=name, layer="prompt", found=" × ".join(map(str, begun.shape)),
                wanted=" × ".join(map(str, prompt.shape)),
            )  # fmt: skip
        with torch.no_grad():
            prompt.copy_(begun)
        return tuned


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
        begun = self.continues
        tuned = super().put_on(model, tokenizer, rows)
        if begun:
            return tuned
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
