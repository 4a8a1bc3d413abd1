"""A checked spec -> the knobs in it that do not go together: one rule per clash, all in one table.

A rule needs no model and no machine, so the form can ask after every edit; what depends on the machine stands in
models/abilities.py, what depends on the model is refused when the run begins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.errors import UserError
from workbench.specs.knob import Section

Values = Callable[[str], Any]  # a knob's path -> its value; None for a knob that the stage does not have

_VIRTUAL_PROMPTS = ("prefix", "prompt", "p_tuning")
_BASE_LEARNS = ("full", "freeze", "lisa")
_LEARN_TOKENS = ("lora", "full", "lisa")
_FOLLOWS_EVALUATION = ("reduce_lr_on_plateau", "greedy")
_REWRITES_BASE = ("pissa", "olora")
# What the libraries cannot put on layers that are rounded so, or not load again.
_NOT_ROUNDED = {
    "nf4": ("loha", "lokr", "bottleneck"),
    "int8": ("ia3", "oft", "boft", "vera", "loha", "lokr", "bottleneck"),
}
# Names that each schedule of transformers takes; the ones that follow the evaluation take those of torch's own.
SCHEDULE_SETTINGS: Mapping[str, tuple[str, ...]] = {
    "linear": (), "constant": (), "constant_with_warmup": (), "cosine": ("num_cycles",),
    "cosine_with_restarts": ("num_cycles",), "cosine_with_min_lr": ("num_cycles", "min_lr", "min_lr_rate"),
    "polynomial": ("lr_end", "power"), "inverse_sqrt": ("timescale",),
    "warmup_stable_decay": ("num_decay_steps", "num_stable_steps", "warmup_type", "decay_type", "min_lr_ratio",
                            "num_cycles"),
}  # fmt: skip
_ADEMAMIX = ("beta1", "beta2", "beta3", "alpha", "eps", "t_alpha", "t_beta3")
# Names that the Trainer passes on to each optimizer; to the others none: what they take has a knob of its own.
OPTIMIZER_SETTINGS: Mapping[str, tuple[str, ...]] = {
    "sgd": ("momentum", "dampening", "nesterov", "weight_decay"), "adagrad": ("lr_decay", "eps", "weight_decay"),
    "rmsprop": ("alpha", "momentum", "centered", "eps", "weight_decay"), "ademamix": _ADEMAMIX,
    "ademamix_8bit": _ADEMAMIX, "paged_ademamix_32bit": _ADEMAMIX, "paged_ademamix_8bit": _ADEMAMIX,
}  # fmt: skip
_SWITCHES = ("nesterov", "centered")  # the other settings are numbers


@dataclass(frozen=True)
class Rule:
    """key: the sentence `errors.conflicts.<key>`; path: the field where it stands; others: what else it looks at.

    The sentence's slots: {value} of the field, and each other knob's by the last part of its path.
    refuses: False for what works, but not as one may think.
    """

    key: str
    path: str
    others: tuple[str, ...]
    clashes: Callable[[Values], bool]
    refuses: bool = True
    more: Callable[[Values], dict[str, str]] = lambda of: {}  # further slots


@dataclass(frozen=True)
class Found:
    """A rule that holds for a spec, as a sentence in both languages."""

    path: str
    refuses: bool
    error: UserError


def _no_evaluation(of: Values) -> bool:
    return not of("data.eval_fraction")


def _packs(of: Values) -> bool:
    """Whether rows are filled up: each stage has a knob of its own for it."""
    return of("data.packing") if of("pretrain.blocks") is None else of("pretrain.blocks") == "packed"


def _new_tokens(of: Values) -> bool:
    return bool(str(of("vocabulary.tokens")).strip() or str(of("vocabulary.corpus")).strip())


def _begins(of: Values, way: str) -> bool:
    return bool(of("adapter.continue_from").strip()) and of("adapter.continue_as") == way


def _set(text: str) -> dict[str, str] | None:
    """`num_cycles=2, power=1` -> values by name; None for what is no such list."""
    parts = [[piece.strip() for piece in part.split("=")] for part in text.split(",") if part.strip()]
    return None if any(len(part) != 2 or not all(part) for part in parts) else dict(parts)


def _no_settings(of: Values) -> bool:
    names, known = _set(of("training.lr_scheduler_kwargs")), SCHEDULE_SETTINGS.get(of("training.lr_scheduler_type"))
    return names is None or (known is not None and not set(names) <= set(known))


def _optimizer_knows(of: Values) -> tuple[str, ...]:
    return OPTIMIZER_SETTINGS.get(of("training.optim"), ())


def _no_optimizer_settings(of: Values) -> bool:
    given = _set(of("training.optim_args"))
    known = _optimizer_knows(of)
    return given is None or any(
        name not in known or not (name in _SWITCHES or _is_number(value)) for name, value in given.items()
    )


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _lacks(of: Values, *names: str) -> bool:
    return not any(name in str(of("training.lr_scheduler_kwargs")) for name in names)


RULES: tuple[Rule, ...] = (
    # -- data and method --------------------------------------------------------------------------------------------
    Rule("packing_virtual_prompt", "data.packing", ("adapter.type",),
         lambda of: _packs(of) and of("pretrain.blocks") is None and of("adapter.type") in _VIRTUAL_PROMPTS),
    Rule("packing_grouped", "training.train_sampling_strategy", ("data.packing",),
         lambda of: _packs(of) and of("training.train_sampling_strategy") == "group_by_length", refuses=False),
    Rule("packing_neftune", "training.neftune_noise_alpha", ("data.packing",),
         lambda of: _packs(of) and of("training.neftune_noise_alpha") > 0, refuses=False),
    Rule("blocks_virtual_prompt", "pretrain.blocks", ("adapter.type",),
         lambda of: of("pretrain.blocks") == "packed" and of("adapter.type") in _VIRTUAL_PROMPTS),
    Rule("vocabulary_method", "vocabulary.tokens", ("adapter.type",),
         lambda of: _new_tokens(of) and of("adapter.type") not in _LEARN_TOKENS),
    Rule("vocabulary_quantised", "vocabulary.tokens", ("model.quantization",),
         lambda of: _new_tokens(of) and of("model.quantization") != "none"),
    Rule("vocabulary_initial", "vocabulary.tokens", ("adapter.type", "adapter.init_lora_weights"),
         lambda of: _new_tokens(of) and of("adapter.type") == "lora"
         and of("adapter.init_lora_weights") in (*_REWRITES_BASE, "eva")),
    Rule("vocabulary_continued", "vocabulary.tokens", ("adapter.continue_from", "adapter.continue_as"),
         lambda of: _new_tokens(of) and _begins(of, "same")),
    # -- model and method -------------------------------------------------------------------------------------------
    Rule("quantised_base", "adapter.type", ("model.quantization",),
         lambda of: of("adapter.type") in _BASE_LEARNS and of("model.quantization") != "none"),
    Rule("half_precision_base", "model.dtype", ("adapter.type",),
         lambda of: of("adapter.type") in _BASE_LEARNS and of("model.dtype") == "float16"),
    Rule("lm_head", "adapter.target_modules", (),
         lambda of: "lm_head" in str(of("adapter.target_modules"))),
    Rule("dora_mixed", "adapter.use_dora", ("adapter.type",),
         lambda of: of("adapter.use_dora") and of("adapter.type") == "lora", refuses=False),
    Rule("dora_initial", "adapter.use_dora", ("adapter.type", "adapter.init_lora_weights"),
         lambda of: of("adapter.use_dora") and of("adapter.type") == "lora"
         and of("adapter.init_lora_weights") in (*_REWRITES_BASE, "loftq")),
    Rule("dora_frozen", "adapter.use_dora", ("adapter.type", "adapter.lora_fa"),
         lambda of: of("adapter.use_dora") and of("adapter.lora_fa") and of("adapter.type") == "lora"),
    Rule("own_optimizer", "adapter.lora_fa", ("adapter.type", "training.optim", "adapter.loraplus_lr_ratio"),
         lambda of: of("adapter.lora_fa") and of("adapter.type") == "lora"
         and (of("training.optim") != "adamw_torch" or of("adapter.loraplus_lr_ratio") != 1.0), refuses=False),
    Rule("loftq_base", "adapter.init_lora_weights", ("adapter.type", "model.quantization"),
         lambda of: of("adapter.type") == "lora" and of("adapter.init_lora_weights") == "loftq"
         and of("model.quantization") != "nf4"),
    Rule("dora_int8", "adapter.use_dora", ("adapter.type", "model.quantization"),
         lambda of: of("adapter.use_dora") and of("adapter.type") == "lora" and of("model.quantization") == "int8"),
    Rule("rounded_method", "adapter.type", ("model.quantization",),
         lambda of: of("adapter.type") in _NOT_ROUNDED.get(of("model.quantization"), ())),
    Rule("rewritten_base", "adapter.init_lora_weights", ("adapter.type", "model.quantization"),
         lambda of: of("adapter.type") == "lora" and of("adapter.init_lora_weights") in _REWRITES_BASE
         and of("model.quantization") != "none"),
    Rule("stacked_quantised", "adapter.continue_as", ("adapter.continue_from", "model.quantization"),
         lambda of: _begins(of, "stack") and of("model.quantization") != "none"),
    Rule("adalora_ranks", "adapter.init_r", ("adapter.type", "adapter.target_r"),
         lambda of: of("adapter.type") == "adalora" and of("adapter.init_r") <= of("adapter.target_r")),
    Rule("no_tokens", "adapter.token_indices", ("adapter.type",),
         lambda of: of("adapter.type") == "trainable_tokens" and not str(of("adapter.token_indices")).strip()),
    Rule("prefix_checkpointing", "training.gradient_checkpointing", ("adapter.type",),
         lambda of: of("adapter.type") == "prefix" and of("training.gradient_checkpointing") is True),
    Rule("full_rate", "training.learning_rate", ("adapter.type",),
         lambda of: of("adapter.type") in _BASE_LEARNS and of("training.learning_rate") >= 2e-4, refuses=False),
    # -- model and device -------------------------------------------------------------------------------------------
    Rule("flash_cpu", "model.attn_implementation", ("model.device",),
         lambda of: str(of("model.attn_implementation")).startswith("flash") and of("model.device") == "cpu"),
    Rule("flash_float32", "model.attn_implementation", ("model.dtype",),
         lambda of: str(of("model.attn_implementation")).startswith("flash") and of("model.dtype") == "float32"),
    Rule("paged_cpu", "training.optim", ("model.device",),
         lambda of: str(of("training.optim")).startswith("paged") and of("model.device") == "cpu"),
    Rule("eight_bit_cpu", "training.optim", ("model.device",),
         lambda of: str(of("training.optim")).endswith("8bit") and not str(of("training.optim")).startswith("paged")
         and of("model.device") == "cpu", refuses=False),
    Rule("half_precision_cpu", "model.dtype", ("model.device",),
         lambda of: of("model.dtype") == "float16" and of("model.device") == "cpu", refuses=False),
    # -- schedule and evaluation ------------------------------------------------------------------------------------
    Rule("no_evaluation", "training.early_stopping_patience", ("data.eval_fraction",),
         lambda of: of("training.early_stopping_patience") > 0 and _no_evaluation(of)),
    Rule("no_evaluation", "training.load_best_model_at_end", ("data.eval_fraction",),
         lambda of: of("training.load_best_model_at_end") and _no_evaluation(of)),
    Rule("no_evaluation", "training.lr_scheduler_type", ("data.eval_fraction",),
         lambda of: of("training.lr_scheduler_type") in _FOLLOWS_EVALUATION and _no_evaluation(of)),
    Rule("never_evaluated", "training.eval_steps", ("data.eval_fraction",),
         lambda of: of("training.eval_steps") > 0 and _no_evaluation(of), refuses=False),
    Rule("schedule_settings", "training.lr_scheduler_kwargs", ("training.lr_scheduler_type",), _no_settings),
    Rule("optimizer_settings", "training.optim_args", ("training.optim",),
         lambda of: bool(_optimizer_knows(of)) and _no_optimizer_settings(of),
         more=lambda of: {"known": ", ".join(_optimizer_knows(of))}),
    Rule("no_optimizer_settings", "training.optim_args", ("training.optim",),
         lambda of: bool(of("training.optim_args").strip()) and not _optimizer_knows(of)),
    Rule("min_rate_missing", "training.lr_scheduler_kwargs", ("training.lr_scheduler_type",),
         lambda of: of("training.lr_scheduler_type") == "cosine_with_min_lr" and _lacks(of, "min_lr")),
    Rule("decay_missing", "training.lr_scheduler_kwargs", ("training.lr_scheduler_type",),
         lambda of: of("training.lr_scheduler_type") == "warmup_stable_decay" and _lacks(of, "num_decay_steps")),
    Rule("no_warmup", "training.warmup_steps", ("training.lr_scheduler_type",),
         lambda of: of("training.warmup_steps") > 0
         and of("training.lr_scheduler_type") in ("constant", *_FOLLOWS_EVALUATION), refuses=False),
    Rule("rank_alpha", "adapter.lora_alpha", ("adapter.type", "adapter.r", "adapter.use_rslora"),
         lambda of: of("adapter.type") == "lora" and not of("adapter.use_rslora")
         and of("adapter.lora_alpha") > 8 * of("adapter.r"), refuses=False),
)  # fmt: skip


def find(spec: Section) -> list[Found]:
    """Every clash of a spec, refusals first."""

    def of(path: str) -> Any:
        value: Any = spec
        for name in path.split("."):
            value = getattr(value, name, None)
        return value

    found = []
    for rule in RULES:
        if of(rule.path) is None or not rule.clashes(of):
            continue
        slots = {path.rpartition(".")[2]: of(path) for path in rule.others} | rule.more(of)
        error = UserError(f"conflicts.{rule.key}", **slots, path=rule.path, value=of(rule.path))
        found.append(Found(rule.path, rule.refuses, error))
    return sorted(found, key=lambda item: not item.refuses)


def refuse(spec: Section) -> None:
    """Raises the first clash that cannot work."""
    for item in find(spec):
        if item.refuses:
            raise item.error


def involved() -> tuple[str, ...]:
    """Every knob that some rule looks at."""
    return tuple(dict.fromkeys(path for rule in RULES for path in (rule.path, *rule.others)))
