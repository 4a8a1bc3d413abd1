"""Section `adapter` of a spec -> PEFT's configuration."""

from __future__ import annotations

from typing import Any

from workbench.specs.adapter import AdapterSection


def peft_config(section: AdapterSection) -> Any:
    """A LoraConfig; `all-linear` leaves lm_head out."""
    from peft import LoraConfig

    initial = {"true": True}.get(section.init_lora_weights, section.init_lora_weights)
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=section.r,
        lora_alpha=section.lora_alpha,
        lora_dropout=section.lora_dropout,
        target_modules=target_modules(section),
        use_rslora=section.use_rslora,
        use_dora=section.use_dora,
        init_lora_weights=initial,
    )


def target_modules(section: AdapterSection) -> str | list[str]:
    names = [name.strip() for name in section.target_modules.split(",") if name.strip()]
    return "all-linear" if names in ([], ["all-linear"]) else names
