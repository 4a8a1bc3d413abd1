"""A training YAML of LLaMA-Factory -> our knobs, and what of it has no counterpart here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.errors import UserError
from workbench.specs import STAGES, parse

# Its marks: a file with one of these and no section of ours is one of its.
_MARKS = ("model_name_or_path", "finetuning_type", "cutoff_len", "per_device_train_batch_size")
_STAGES = {"sft": "sft", "pt": "pretrain", "rm": "reward", "dpo": "dpo", "kto": "kto", "ppo": "ppo"}
_STYLES = {
    "alpaca": "alpaca", "belle": "belle", "chatml": "chatml", "deepseek": "deepseek_llm", "deepseek3": "deepseek_v3",
    "gemma": "gemma", "gemma3": "gemma3", "llama2": "llama2", "llama3": "llama3", "mistral": "mistral_v7",
    "phoenix": "phoenix", "qwen": "qwen2_5", "vicuna": "vicuna_v1_1",
}  # fmt: skip
_ATTENTION = {
    "auto": "auto",
    "fa2": "flash_attention_2",
    "fa3": "flash_attention_3",
    "sdpa": "sdpa",
    "disabled": "eager",
}
_QUANTISED = {4: "nf4", 8: "int8"}

# Under the same name in transformers, and so here.
_SAME = (
    "learning_rate", "num_train_epochs", "max_steps", "per_device_train_batch_size", "gradient_accumulation_steps",
    "lr_scheduler_type", "warmup_steps", "weight_decay", "max_grad_norm", "logging_steps", "save_steps",
    "save_total_limit", "seed", "data_seed", "optim", "optim_args", "adam_beta1", "adam_beta2", "adam_epsilon",
    "neftune_noise_alpha", "per_device_eval_batch_size", "eval_steps", "load_best_model_at_end", "torch_compile",
)  # fmt: skip
_RENAMED: Mapping[str, str] = {
    "model_name_or_path": "model.path",
    "adapter_name_or_path": "adapter.continue_from",
    "lora_rank": "adapter.r",
    "lora_alpha": "adapter.lora_alpha",
    "lora_dropout": "adapter.lora_dropout",
    "use_rslora": "adapter.use_rslora",
    "use_dora": "adapter.use_dora",
    "loraplus_lr_ratio": "adapter.loraplus_lr_ratio",
    "freeze_trainable_layers": "adapter.trained_layers",
    "cutoff_len": "data.max_length",
    "val_size": "data.eval_fraction",
    "add_tokens": "vocabulary.tokens",
    "moe_aux_loss_coef": "training.router_aux_loss_coef",
    "warmup_ratio": "training.warmup_steps",  # below 1 it is a fraction there too
} | {name: f"training.{name}" for name in _SAME}
# What this program does anyway, or does its own way: nothing is lost when they are left out.
_NEEDLESS = frozenset(
    {"do_train", "do_eval", "overwrite_output_dir", "overwrite_cache", "plot_loss", "output_dir", "dataset_dir",
     "preprocessing_num_workers", "dataloader_num_workers", "ddp_timeout", "eval_strategy", "save_strategy",
     "logging_dir", "save_only_model", "include_num_input_tokens_seen", "resume_from_checkpoint", "bf16", "fp16",
     "pure_bf16", "disable_tqdm", "run_name", "create_new_adapter", "quantization_method",
     "double_quantization", "resize_vocab"}
)  # fmt: skip


@dataclass
class Opened:
    """values: knob path -> value. leftover: `name: value` of what has no counterpart, in the file's order."""

    values: dict[str, Any] = field(default_factory=dict)
    leftover: list[str] = field(default_factory=list)


def is_one(values: Mapping[str, Any]) -> bool:
    ours = {section for stage in STAGES.values() for section in stage.model_fields} - {"stage"}
    return any(mark in values for mark in _MARKS) and not ours & set(values)


def convert(values: Mapping[str, Any]) -> Opened:
    """What the file says, in our knobs. Values that a knob refuses, such as a number of rows to hold out, are left out."""
    opened, rank = Opened(), values.get("lora_rank")
    rank = int(rank) if rank and _taken({"adapter.r": rank, "adapter.lora_alpha": 2 * rank}) else 8
    # Its defaults that differ from ours and that a file takes for granted.
    opened.values |= {"training.lr_scheduler_type": "linear", "training.learning_rate": 5e-5, "data.max_length": 2048,
                      "adapter.r": 8, "adapter.lora_alpha": 2 * rank,
                      "training.gradient_checkpointing": not values.get("disable_gradient_checkpointing", False),
                      "probes.path": ""}  # fmt: skip
    for name, value in values.items():
        if value is None or name in _NEEDLESS or name == "disable_gradient_checkpointing":
            continue
        if value is False and name.startswith(("use_", "enable_")) and name not in _RENAMED:
            continue  # something that we do not have is off
        found = {_RENAMED[name]: value} if name in _RENAMED else _CHANGED.get(name, _nothing)(value, values)
        if found is None or not _taken(found):
            opened.leftover.append(f"{name}: {value}")
        else:
            opened.values |= found
    if values.get("pure_bf16") or values.get("bf16"):
        opened.values["model.dtype"] = "bfloat16"
    elif values.get("fp16"):
        opened.values["model.dtype"] = "float16"
    if values.get("create_new_adapter"):
        opened.values["adapter.continue_as"] = "stack"
    return opened


def _taken(found: Mapping[str, Any]) -> bool:
    """Whether the knobs take these values. A stage that we do not have is refused as a whole, not left out."""
    try:
        parse({path: value for path, value in found.items() if path != "stage"})
    except UserError:
        return False
    return True


Change = Callable[[Any, Mapping[str, Any]], dict[str, Any] | None]


def _nothing(value: Any, values: Mapping[str, Any]) -> None:
    """No counterpart."""


def _one_of(path: str, known: Mapping[Any, Any]) -> Change:
    return lambda value, _: {path: known[value]} if value in known else None


def _if_true(changes: dict[str, Any]) -> Change:
    return lambda value, _: changes if value else {}


def _dataset(value: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """`a,b` of a registry in dataset_dir -> `dir/dataset_info.json#a; dir/dataset_info.json#b`."""
    names = value if isinstance(value, list) else str(value).split(",")
    folder = str(values.get("dataset_dir") or "data").rstrip("/")
    return {"data.path": "; ".join(f"{folder}/dataset_info.json#{name.strip()}" for name in names if name.strip())}


def _target(value: Any, _: Mapping[str, Any]) -> dict[str, Any]:
    names = ",".join(value) if isinstance(value, list) else str(value)
    return {"adapter.target_modules": "all-linear" if names in ("all", "all-linear") else names}


def _settings(value: Any, _: Mapping[str, Any]) -> dict[str, Any]:
    pairs = value.items() if isinstance(value, Mapping) else []
    text = ",".join(f"{name}={number}" for name, number in pairs) or str(value)
    return {"training.lr_scheduler_kwargs": text}


def _report(value: Any, _: Mapping[str, Any]) -> dict[str, Any] | None:
    names = [name for name in (value if isinstance(value, list) else [value]) if name not in ("none", "all")]
    return {"training.report_to": names[0] if names else "none"} if len(names) < 2 else None


_CHANGED: Mapping[str, Change] = {
    # Nearly every example says so; running a model's own code is for its user to switch on, not for a file.
    "trust_remote_code": lambda value, _: None if value else {},
    "stage": _one_of("stage", _STAGES),
    "finetuning_type": _one_of("adapter.type", {"lora": "lora", "full": "full", "freeze": "freeze", "oft": "oft"}),
    "template": lambda value, _: {"data.template": _STYLES[value]} if value in _STYLES else None,
    "dataset": _dataset,
    "lora_target": _target,
    "quantization_bit": _one_of("model.quantization", _QUANTISED),
    "flash_attn": _one_of("model.attn_implementation", _ATTENTION),
    "pissa_init": _if_true({"adapter.init_lora_weights": "pissa"}),
    "packing": lambda value, _: {"data.packing": bool(value)},
    "neat_packing": _if_true({"data.packing": True}),
    "train_on_prompt": _if_true({"data.train_on": "everything"}),
    "mask_history": _if_true({"data.train_on": "last_answer"}),
    "use_dft_loss": _if_true({"training.loss_type": "dft"}),
    "group_by_length": _if_true({"training.train_sampling_strategy": "group_by_length"}),
    "lr_scheduler_kwargs": _settings,
    "report_to": _report,
}
