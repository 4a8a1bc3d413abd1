"""LoRA with the ways to begin (PiSSA, OLoRA, EVA, LoftQ) and to learn (LoRA+, LoRA-FA) that PEFT knows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.data.render import Rendered
from workbench.errors import UserError
from workbench.models.building import BUILDING
from workbench.models.vocabulary import tables_of
from workbench.stages.adapters import peft_config
from workbench.stages.methods import joined, loftq
from workbench.stages.methods.peft_family import NAME, PeftMethod

_EVA_BATCH = 8


class Lora(PeftMethod):
    kind = "lora"
    learns_tokens = True

    @property
    def learns_head(self) -> bool:
        return self.vocabulary is not None

    @property
    def changes_base(self) -> bool:
        """PiSSA and OLoRA take their first A and B out of the base's own weights."""
        return self.section.init_lora_weights in ("pissa", "olora")

    @property
    def title(self) -> str:
        initial = self.section.init_lora_weights
        return f"lora ({initial})" if initial in ("pissa", "olora", "eva", "loftq") else "lora"

    @property
    def saves_what_it_trains(self) -> bool:
        return not self.changes_base and self.below_part is None

    @property
    def copyable(self) -> bool:
        return super().copyable and self.vocabulary is None

    def put_on(self, model: Any, tokenizer: Any, rows: Sequence[Rendered]) -> Any:
        initial = self.section.init_lora_weights
        if self.changes_base and self.section.use_dora:
            raise UserError("methods.dora_with", initial=initial)
        if self.changes_base and self.vocabulary is not None:
            raise UserError("vocabulary.wrong_method", kind=self.title)
        self._tokenizer = tokenizer
        if initial == "loftq" and self.spec.model.quantization != "nf4":
            raise UserError("methods.loftq_needs", quantization=self.spec.model.quantization)
        tuned = super().put_on(model, tokenizer, rows)
        with BUILDING:
            if initial == "eva":
                self._begin_with_activations(tuned, rows, tokenizer)
            elif initial == "loftq":
                loftq.begin(tuned, self.base_path, NAME)
        if self.changes_base:
            self._beginning = joined.Part.of(tuned, sign=-1.0)
        if self.section.lora_fa:
            for name, value in tuned.named_parameters():
                if ".lora_A." in name or ".lora_embedding_A." in name:
                    value.requires_grad_(False)
        return tuned

    def config(self, model: Any, tokenizer: Any) -> Any:
        from peft import EvaConfig

        more = {"eva_config": EvaConfig()} if self.section.init_lora_weights == "eva" else {}
        return peft_config(self.section, **more, **self._new_tokens(model))

    def _new_tokens(self, model: Any) -> dict[str, Any]:
        """Which rows of the embedding, and of a head of its own, learn beside the thin matrices."""
        if self.vocabulary is None:
            return {}
        embedding, head = tables_of(model)
        names = [embedding, head] if head else [embedding]
        if self.spec.vocabulary.trained == "all":
            return {"modules_to_save": names, "ensure_weight_tying": head is None}
        return {"trainable_token_indices": {name: self.vocabulary.ids for name in names}}

    def _begin_with_activations(self, tuned: Any, rows: Sequence[Rendered], tokenizer: Any) -> None:
        from peft import initialize_lora_eva_weights

        from workbench.stages.batches import Collator

        collate, device = Collator(tokenizer.pad_token_id or 0), next(tuned.parameters()).device
        plain = [{"input_ids": row.input_ids, "labels": row.labels} for row in rows]
        batches = [plain[start : start + _EVA_BATCH] for start in range(0, len(plain), _EVA_BATCH)]
        loader = [{name: value.to(device) for name, value in collate(batch).items()} for batch in batches[:64]]
        was_training = tuned.training
        initialize_lora_eva_weights(tuned.eval(), loader, show_progress_bar=False)
        tuned.train(was_training)

    def optimizer(self, model: Any, kind: type, options: dict[str, Any]) -> Any:
        ratio = self.section.loraplus_lr_ratio
        if self.section.lora_fa:
            from peft.optimizers.lorafa import LoraFAOptimizer, create_lorafa_optimizer

            config = model.peft_config[NAME]
            made = create_lorafa_optimizer(
                model, r=config.r, lora_alpha=config.lora_alpha, lr=options["lr"],
                weight_decay=self.spec.training.weight_decay, use_rslora=config.use_rslora,
            )  # fmt: skip
            assert isinstance(made, LoraFAOptimizer)
            return made
        if ratio == 1.0:
            return None
        from peft.optimizers import create_loraplus_optimizer

        decay = {"loraplus_weight_decay": self.spec.training.weight_decay}
        return create_loraplus_optimizer(model, kind, loraplus_lr_ratio=ratio, **options | decay)

    def save(self, model: Any, folder: Path) -> None:
        """What was learned as one LoRA for the untouched base, wherever that can be written so."""
        parts = []
        if self.changes_base:
            # B·A − B₀·A₀ on the untouched base is what B·A is on the base from which B₀·A₀ was taken out.
            parts.append(self._beginning)
        if self.below_part is not None and joined.is_plain(
            model.peft_config[NAME].to_dict() | {"init_lora_weights": True}
        ):
            parts.append(self.below_part)
            self.below = None
        super().save(model, folder)
        if self.vocabulary is not None:
            self.vocabulary.write(folder)
            self._tokenizer.save_pretrained(folder)
        if parts:
            joined.save_joined([joined.Part.of(model), *parts], folder)
