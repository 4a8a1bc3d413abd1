"""Section `adapter`: the small set of weights that learns while the base model stays as it is."""

from typing import Literal

from workbench.specs.knob import Section, knob

_LORA = "adapter.type=lora"


class AdapterSection(Section):
    type: Literal["lora"] = knob("lora", "Method", "lora: two thin matrices beside each linear layer (Hu et al. 2021).", basic=True)
    r: int = knob(16, "Rank r", "Width of the two thin matrices: more can learn more, and costs more.", ge=1, le=1024, receiver="peft.LoraConfig", when=_LORA, basic=True)
    lora_alpha: int = knob(32, "Alpha", "The update is scaled by alpha / r; twice the rank is the usual choice.", ge=1, le=4096, receiver="peft.LoraConfig", when=_LORA)
    lora_dropout: float = knob(0.0, "Dropout", "Part of the adapter's inputs set to zero while training; helps small data sets against learning by heart.", ge=0.0, le=0.9, receiver="peft.LoraConfig", when=_LORA)
    target_modules: str = knob("all-linear", "Target modules", "all-linear, or names of layers joined by commas (q_proj,v_proj).", receiver="peft.LoraConfig", when=_LORA, suggestions=("all-linear", "q_proj,v_proj", "q_proj,k_proj,v_proj,o_proj"))
    use_rslora: bool = knob(False, "rsLoRA", "Scale by alpha / √r instead: keeps large ranks stable (Kalajdzievski 2023).", receiver="peft.LoraConfig", when=_LORA)
    use_dora: bool = knob(False, "DoRA", "Learn direction and magnitude apart: often better at small ranks, slower (Liu et al. 2024).", receiver="peft.LoraConfig", when=_LORA)
    init_lora_weights: Literal["true", "gaussian", "orthogonal"] = knob("true", "Initial weights", "How the thin matrices begin; true is Kaiming for A and zero for B.", receiver="peft.LoraConfig", when=_LORA)
