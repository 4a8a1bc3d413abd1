"""Methods of the PEFT library: one config each, saved in its format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from workbench.data.render import Rendered
from workbench.errors import UserError
from workbench.models import adapters
from workbench.models.building import BUILDING
from workbench.stages.adapters import peft_config, target_modules
from workbench.stages.methods.method import Method

NAME = "default"  # TRL and the Trainer expect the adapter under PEFT's own name
_RAW = "trained.safetensors"


class PeftMethod(Method):
    """A config, PEFT's wrapper around the tree, PEFT's folder."""

    # Whether the adapter's file holds the very weights that were trained; otherwise a checkpoint keeps them beside it.
    saves_what_it_trains: ClassVar[bool] = True

    def config(self, model: Any, tokenizer: Any) -> Any:
        return peft_config(self.section)

    def put_on(self, model: Any, tokenizer: Any, rows: Sequence[Rendered]) -> Any:
        from peft import PeftModel, get_peft_model

        if self.continues:
            adapters.check_fits(model, self.start)
        try:
            with BUILDING:
                if self.continues:
                    tuned = PeftModel.from_pretrained(model, str(self.start.path), NAME, is_trainable=True)
                    self.notes.append(f"goes on from {self.start.name}; method and shape are its own")
                else:
                    tuned = get_peft_model(model, self.config(model, tokenizer))
        except (ValueError, RuntimeError, TypeError, NotImplementedError, KeyError, AttributeError) as error:
            raise UserError("methods.cannot_put_on", kind=self.title, reason=_one_line(error)) from error
        # Where the base is found again elsewhere: "embedded" or what the spec says, never a folder of this machine.
        tuned.peft_config[NAME].base_model_name_or_path = self.spec.model.path
        return tuned

    @property
    def copyable(self) -> bool:
        return not self.changes_base and self.below is None and self.below_part is None

    def save(self, model: Any, folder: Path) -> None:
        # "auto" asks the hub for the base's config to see whether its vocabulary grew; ours never does.
        model.save_pretrained(str(folder), save_embedding_layers=False)
        self.save_below(folder)

    def save_checkpoint(self, model: Any, folder: Path) -> None:
        self.save(model, folder)
        if not self.saves_what_it_trains:
            save_trained(model, folder)

    def restore(self, model: Any, folder: Path) -> None:
        if not self.saves_what_it_trains:
            restore_trained(model, folder)
            return
        from peft import set_peft_model_state_dict
        from safetensors.torch import load_file

        with BUILDING:
            result = set_peft_model_state_dict(model, load_file(folder / adapters.WEIGHTS))
        if result.unexpected_keys:
            raise UserError("adapters.cannot_attach", name=folder.name, reason=result.unexpected_keys[0])


def save_trained(model: Any, folder: Path) -> None:
    """The weights that learn, under their own names."""
    from safetensors.torch import save_file

    trained = {name: value.detach().contiguous() for name, value in model.named_parameters() if value.requires_grad}
    save_file(trained, folder / _RAW)


def restore_trained(model: Any, folder: Path) -> None:
    import torch
    from safetensors.torch import load_file

    kept = load_file(folder / _RAW)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.requires_grad:
                value.copy_(kept.pop(name))
    if kept:
        raise UserError("adapters.cannot_attach", name=folder.name, reason=next(iter(kept)))


def _one_line(error: Exception, limit: int = 200) -> str:
    return " ".join(str(error).split())[:limit]


class Oft(PeftMethod):
    kind = "oft"


class Boft(PeftMethod):
    kind = "boft"


class LoHa(PeftMethod):
    kind = "loha"


class LoKr(PeftMethod):
    kind = "lokr"


class Vera(PeftMethod):
    kind = "vera"

    def config(self, model: Any, tokenizer: Any) -> Any:
        # The frozen random projections are drawn from this number and saved with the adapter.
        return peft_config(self.section, projection_prng_key=self.spec.training.seed)


class LnTuning(PeftMethod):
    kind = "ln_tuning"

    def config(self, model: Any, tokenizer: Any) -> Any:
        norms = [name for name, module in model.named_modules() if "norm" in type(module).__name__.lower()]
        return peft_config(self.section, target_modules=sorted({name.rpartition(".")[2] for name in norms}))


# What the feed-forward block's last layer, and keys and values, are called in the families of transformers.
_FEED_FORWARD_ENDS = ("down_proj", "fc2", "fc_out", "w2", "wo", "dense_4h_to_h", "c_proj")
_KEYS_AND_VALUES = ("k_proj", "v_proj", "key", "value", "query_key_value", "qkv_proj", "c_attn")


class Ia3(PeftMethod):
    kind = "ia3"

    def config(self, model: Any, tokenizer: Any) -> Any:
        chosen = target_modules(self.section)
        names = [name for name, _ in model.named_modules()]
        if chosen == "all-linear":  # for IA3: what its paper scales
            feed_forward = [name for name in names if _leaf(name) in _FEED_FORWARD_ENDS and "attn" not in name]
            chosen = [name for name in names if _leaf(name) in _KEYS_AND_VALUES] + feed_forward
            if not chosen:
                raise UserError("methods.no_ia3_layers")
        else:
            feed_forward = [name for name in chosen if _leaf(name) in _FEED_FORWARD_ENDS]
        return peft_config(self.section, target_modules=chosen, feedforward_modules=feed_forward)


def _leaf(name: str) -> str:
    return name.rpartition(".")[2]


class TrainableTokens(PeftMethod):
    kind = "trainable_tokens"
    learns_head = True  # where the head is tied to the embedding

    def config(self, model: Any, tokenizer: Any) -> Any:
        wanted = [part.strip() for part in self.section.token_indices.split(",") if part.strip()]
        if not wanted:
            raise UserError("methods.no_tokens")
        numbers = [self._number(text, tokenizer) for text in wanted]
        return peft_config(self.section, token_indices=sorted(set(numbers)))

    @staticmethod
    def _number(text: str, tokenizer: Any) -> int:
        if text.isdigit():
            if int(text) < len(tokenizer):
                return int(text)
        else:
            known = tokenizer.get_vocab()
            if text in known:
                return known[text]
            pieces = tokenizer(text, add_special_tokens=False)["input_ids"]
            if len(pieces) == 1:
                return pieces[0]
        raise UserError("methods.no_such_token", value=text[:60], count=len(tokenizer))
