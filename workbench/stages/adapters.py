"""Section `adapter` of a spec -> PEFT's configuration: each knob reaches the config that its line names as receiver."""

from __future__ import annotations

from typing import Any

from workbench.specs.adapter import AdapterSection
from workbench.specs.knob import knobs

# method -> the PEFT config that it is made of
CONFIGS = {
    "lora": "LoraConfig",
    "adalora": "AdaLoraConfig",
    "ia3": "IA3Config",
    "prefix": "PrefixTuningConfig",
    "prompt": "PromptTuningConfig",
    "p_tuning": "PromptEncoderConfig",
    "oft": "OFTConfig",
    "boft": "BOFTConfig",
    "vera": "VeraConfig",
    "loha": "LoHaConfig",
    "lokr": "LoKrConfig",
    "ln_tuning": "LNTuningConfig",
    "trainable_tokens": "TrainableTokensConfig",
}


def peft_config(section: AdapterSection, **more: Any) -> Any:
    """The config of the section's method, from its knobs alone; `more` wins. `all-linear` leaves lm_head out."""
    import peft

    name = CONFIGS[section.type]
    values = {knob: getattr(section, knob) for knob in _received("peft." + name)}
    if "target_modules" in values:
        values["target_modules"] = target_modules(section)
    if values.get("init_lora_weights") == "true":
        values["init_lora_weights"] = True
    if values.get("init_lora_weights") == "loftq":  # PEFT's name is for bases that it rounds itself; ours is rounded
        values["init_lora_weights"] = True
    if section.type == "adalora":
        # Placeholders: the number of steps is known when the training begins.
        values |= {"tinit": 0, "tfinal": 0, "total_step": 2**31}
    return getattr(peft, name)(**(values | {"task_type": "CAUSAL_LM"} | more))


def _received(receiver: str) -> list[str]:
    return [item.path for item in knobs(AdapterSection) if receiver in item.receiver.split("|")]


def target_modules(section: AdapterSection) -> str | list[str]:
    names = [name.strip() for name in section.target_modules.split(",") if name.strip()]
    return "all-linear" if names in ([], ["all-linear"]) else names
