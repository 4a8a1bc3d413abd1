"""AdaLoRA: rank is taken from where it matters least while training goes on (Zhang et al. 2023)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from workbench.errors import UserError
from workbench.stages.methods import joined
from workbench.stages.methods.peft_family import NAME, PeftMethod

_STATE = "adalora.safetensors"
_SUMS = ("ipt", "exp_avg_ipt", "exp_avg_unc")


class AdaLora(PeftMethod):
    kind = "adalora"
    saves_what_it_trains = False  # its file holds only the ranks that are left
    copyable = False

    def config(self, model: Any, tokenizer: Any) -> Any:
        if self.section.init_r <= self.section.target_r:
            raise UserError("methods.adalora_ranks", first=self.section.init_r, last=self.section.target_r)
        return super().config(model, tokenizer)

    def callbacks(self, model: Any) -> list[TrainerCallback]:
        return [_Pruning(self, model)]

    def schedule(self, model: Any, steps: int) -> None:
        """Once the number of steps is known. Raises UserError when no step is left to prune in."""
        config = model.peft_config[NAME]
        before, after = self.section.tinit, self.section.tfinal
        config.tinit = steps // 10 if before < 0 else before
        config.tfinal = steps // 3 if after < 0 else after
        config.total_step = steps
        if config.tinit + config.tfinal >= steps:
            raise UserError("methods.adalora_steps", before=config.tinit, after=config.tfinal, steps=steps)

    def extra_loss(self, model: Any) -> torch.Tensor | None:
        """‖PᵀP − I‖ + ‖QQᵀ − I‖, mean over the matrices: PEFT adds it only to a loss that the model itself computes."""
        terms = []
        for name, value in model.named_parameters():
            if f"lora_A.{NAME}" in name or f"lora_B.{NAME}" in name:
                square = value @ value.T if "lora_A" in name else value.T @ value
                terms.append(torch.linalg.matrix_norm(square - torch.eye(len(square), device=value.device)))
        return self.section.orth_reg_weight * torch.stack(terms).mean()

    def save(self, model: Any, folder: Path) -> None:
        """As LoRA with a rank of its own in each layer: PEFT cannot put a pruned AdaLoRA on without drawing random
        numbers, which an answer in the middle of a training must not.
        """
        from peft import LoraConfig

        super().save(model, folder)
        config = LoraConfig(task_type="CAUSAL_LM", inference_mode=True)
        config.base_model_name_or_path = self.spec.model.path
        config.save_pretrained(str(folder))
        joined.save_joined([joined.Part(_ranks_left(model))], folder)

    def save_checkpoint(self, model: Any, folder: Path) -> None:
        from safetensors.torch import save_file

        super().save_checkpoint(model, folder)
        allocator = model.base_model.rankallocator
        sums = {f"{kind}/{name}": value for kind in _SUMS for name, value in getattr(allocator, kind).items()}
        pattern = model.peft_config[NAME].rank_pattern
        save_file(
            {name: value.contiguous() for name, value in sums.items()}, folder / _STATE, {"ranks": json.dumps(pattern)}
        )

    def restore(self, model: Any, folder: Path) -> None:
        from safetensors import safe_open

        super().restore(model, folder)
        allocator, device = model.base_model.rankallocator, next(model.parameters()).device
        with safe_open(folder / _STATE, "pt", device=str(device)) as file:
            for key in list(file.keys()):
                kind, _, name = key.partition("/")
                getattr(allocator, kind)[name] = file.get_tensor(key)
            model.peft_config[NAME].rank_pattern = json.loads(file.metadata()["ranks"])


def _ranks_left(model: Any) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """layer -> (E·A, scaled B) of the ranks that are not pruned."""
    from peft.tuners.adalora import AdaLoraLayer

    found = {}
    for path, module in model.get_base_model().named_modules():
        if isinstance(module, AdaLoraLayer) and NAME in module.lora_A:
            down, sizes, up = (part[NAME].detach().float() for part in (module.lora_A, module.lora_E, module.lora_B))
            kept = sizes[:, 0] != 0
            if bool(kept.any()):
                scale = module.scaling[NAME] / (float(module.ranknum[NAME]) + 1e-5)
                found[path] = ((down * sizes)[kept].clone(), up[:, kept] * scale)
    return found


class _Pruning(TrainerCallback):
    def __init__(self, method: AdaLora, model: Any) -> None:
        self.method, self.model = method, model

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.method.schedule(self.model, state.max_steps)

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        # Gradients are still there; global_step is counted up after this.
        self.model.base_model.update_and_allocate(state.global_step + 1)
