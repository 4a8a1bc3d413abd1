"""Several LoRA adapters on one base -> one adapter that does what they do together, exactly.

The thin matrices are laid side by side: [B₁ B₂]·[A₁; A₂] = B₁·A₁ + B₂·A₂; each scaling goes into its B, and a sign can
take a part away (PiSSA and OLoRA saved as what they learned).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.models import adapters

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Part:
    """layer -> (A (r, in), scaled B (out, r)) of one adapter."""

    layers: dict[str, tuple[torch.Tensor, torch.Tensor]]

    @classmethod
    def of(cls, tuned: Any, *, name: str = "default", sign: float = 1.0) -> Part:
        """A copy of what an adapter of a PEFT tree holds now; layers by their names in the bare model."""
        from peft.tuners.lora import LoraLayer

        found = {}
        for path, module in tuned.get_base_model().named_modules():
            if isinstance(module, LoraLayer) and name in module.lora_A:
                down, up = module.lora_A[name].weight.detach(), module.lora_B[name].weight.detach()
                found[path] = (down.float().clone(), up.float() * (sign * module.scaling[name]))
        return cls(found)


def is_plain(config: Mapping[str, Any]) -> bool:
    """Whether an adapter is nothing but B·A·x beside linear layers."""
    more = ("modules_to_save", "trainable_token_indices", adapters.BELOW)
    return adapters.shareable(config) and not any(config.get(name) for name in more)


def save_joined(parts: Sequence[Part], folder: Path) -> None:
    """Overwrite weights and config of the adapter in `folder` with the sum of the parts, loadable on the bare base."""
    import torch
    from safetensors.torch import save_file

    tensors, ranks = {}, {}
    for path in sorted({path for part in parts for path in part.layers}):
        pairs = [part.layers[path] for part in parts if path in part.layers]
        tensors[f"base_model.model.{path}.lora_A.weight"] = torch.cat([down for down, _ in pairs]).contiguous()
        tensors[f"base_model.model.{path}.lora_B.weight"] = torch.cat([up for _, up in pairs], dim=1).contiguous()
        ranks[path] = sum(down.shape[0] for down, _ in pairs)
    save_file(tensors, folder / adapters.WEIGHTS, metadata={"format": "pt"})
    config = json.loads((folder / adapters.CONFIG).read_text(encoding="utf-8"))
    rank = max(ranks.values())
    odd = {path: value for path, value in ranks.items() if value != rank}
    config |= {
        "init_lora_weights": True, "r": rank, "lora_alpha": rank, "use_rslora": False, "eva_config": None,
        "rank_pattern": odd, "alpha_pattern": odd, "target_modules": sorted(ranks),
    }  # fmt: skip
    (folder / adapters.CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True), encoding="utf-8")
