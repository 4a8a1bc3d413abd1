"""Section `model`: which base model, where it lives and in which numbers it computes."""

from typing import Literal

from workbench.specs.knob import Section, knob


class ModelSection(Section):
    path: str = knob("embedded", "Base model", "`embedded` (ships with the workbench, works offline), a local folder, a Hugging Face name (Qwen/Qwen3-0.6B), or a ModelScope name behind ms://.", basic=True, suggestions=("embedded",))
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = knob("auto", "Precision", "Numbers the base model computes in. auto: bfloat16 where the device is fast at it, float32 on a CPU.")
    quantization: Literal["none", "nf4", "int8"] = knob("none", "Quantization", "Keep the frozen weights in 4 bits (nf4, QLoRA) or 8 bits (int8) to save memory.")
    attn_implementation: Literal["auto", "sdpa", "eager", "flash_attention_2", "flash_attention_3", "flex_attention"] = knob("auto", "Attention", "auto: torch's own fast one (sdpa) where the model has it. flash_attention needs a GPU and the `kernels` or flash-attn library; eager is the slow reference.")
    device: str = knob("auto", "Device", "auto takes the accelerator when there is one; or cpu, cuda:0, mps, xpu:0.", suggestions=("auto", "cpu"))
    trust_remote_code: bool = knob(False, "Run the model's own code", "Off unless you trust the author: it runs Python code from the model's folder on this machine.")
