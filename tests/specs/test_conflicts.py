"""The table of clashes: every rule has a spec that meets it, and its sentence is whole in both languages."""

import re

import pytest

from workbench.errors import UserError
from workbench.locales import LANGUAGES
from workbench.specs import STAGES, conflicts, knobs, parse

CASES = {
    ("packing_virtual_prompt", "data.packing"): {"data.packing": True, "adapter.type": "p_tuning"},
    ("packing_grouped", "training.train_sampling_strategy"): {
        "data.packing": True, "training.train_sampling_strategy": "group_by_length"},
    ("packing_neftune", "training.neftune_noise_alpha"): {"data.packing": True, "training.neftune_noise_alpha": 5},
    ("blocks_virtual_prompt", "pretrain.blocks"): {"stage": "pretrain", "adapter.type": "prefix"},
    ("vocabulary_method", "vocabulary.tokens"): {"vocabulary.corpus": "texts.txt", "adapter.type": "oft"},
    ("vocabulary_quantised", "vocabulary.tokens"): {"vocabulary.tokens": "aha", "model.quantization": "nf4"},
    ("vocabulary_initial", "vocabulary.tokens"): {
        "vocabulary.tokens": "aha", "adapter.init_lora_weights": "pissa"},
    ("vocabulary_continued", "vocabulary.tokens"): {"vocabulary.tokens": "aha", "adapter.continue_from": "sft-1"},
    ("dora_frozen", "adapter.use_dora"): {"adapter.use_dora": True, "adapter.lora_fa": True},
    ("own_optimizer", "adapter.lora_fa"): {"adapter.lora_fa": True, "training.optim": "adafactor"},
    ("stacked_quantised", "adapter.continue_as"): {
        "adapter.continue_from": "sft-1", "adapter.continue_as": "stack", "model.quantization": "int8"},
    ("quantised_base", "adapter.type"): {"adapter.type": "full", "model.quantization": "nf4"},
    ("half_precision_base", "model.dtype"): {"adapter.type": "freeze", "model.dtype": "float16"},
    ("lm_head", "adapter.target_modules"): {"adapter.target_modules": "q_proj,lm_head"},
    ("dora_mixed", "adapter.use_dora"): {"adapter.use_dora": True},
    ("dora_initial", "adapter.use_dora"): {"adapter.use_dora": True, "adapter.init_lora_weights": "pissa"},
    ("loftq_base", "adapter.init_lora_weights"): {"adapter.init_lora_weights": "loftq"},
    ("rewritten_base", "adapter.init_lora_weights"): {
        "adapter.init_lora_weights": "olora", "model.quantization": "int8"},
    ("dora_int8", "adapter.use_dora"): {"adapter.use_dora": True, "model.quantization": "int8"},
    ("rounded_method", "adapter.type"): {"adapter.type": "loha", "model.quantization": "nf4"},
    ("schedule_settings", "training.lr_scheduler_kwargs"): {"training.lr_scheduler_kwargs": "power=2"},
    ("optimizer_settings", "training.optim_args"): {"training.optim": "sgd", "training.optim_args": "momentum"},
    ("no_optimizer_settings", "training.optim_args"): {"training.optim_args": "momentum=0.9"},
    ("adalora_ranks", "adapter.init_r"): {"adapter.type": "adalora", "adapter.init_r": 8, "adapter.target_r": 8},
    ("no_tokens", "adapter.token_indices"): {"adapter.type": "trainable_tokens"},
    ("prefix_checkpointing", "training.gradient_checkpointing"): {
        "adapter.type": "prefix", "training.gradient_checkpointing": True},
    ("full_rate", "training.learning_rate"): {"adapter.type": "lisa"},
    ("flash_cpu", "model.attn_implementation"): {
        "model.attn_implementation": "flash_attention_2", "model.device": "cpu"},
    ("flash_float32", "model.attn_implementation"): {
        "model.attn_implementation": "flash_attention_3", "model.dtype": "float32"},
    ("paged_cpu", "training.optim"): {"training.optim": "paged_adamw_8bit", "model.device": "cpu"},
    ("eight_bit_cpu", "training.optim"): {"training.optim": "lion_8bit", "model.device": "cpu"},
    ("half_precision_cpu", "model.dtype"): {"model.dtype": "float16", "model.device": "cpu"},
    ("no_evaluation", "training.early_stopping_patience"): {"training.early_stopping_patience": 2},
    ("no_evaluation", "training.load_best_model_at_end"): {"training.load_best_model_at_end": True},
    ("no_evaluation", "training.lr_scheduler_type"): {"training.lr_scheduler_type": "greedy"},
    ("never_evaluated", "training.eval_steps"): {"training.eval_steps": 10},
    ("min_rate_missing", "training.lr_scheduler_kwargs"): {"training.lr_scheduler_type": "cosine_with_min_lr"},
    ("decay_missing", "training.lr_scheduler_kwargs"): {"training.lr_scheduler_type": "warmup_stable_decay"},
    ("no_warmup", "training.warmup_steps"): {"training.warmup_steps": 5, "training.lr_scheduler_type": "constant"},
    ("rank_alpha", "adapter.lora_alpha"): {"adapter.lora_alpha": 256, "adapter.r": 4},
}  # fmt: skip


def test_every_rule_has_a_case():
    assert {(rule.key, rule.path) for rule in conflicts.RULES} == set(CASES)


@pytest.mark.parametrize("rule", conflicts.RULES, ids=lambda rule: f"{rule.key}-{rule.path}")
def test_a_rule_is_met_by_its_case_and_told_at_its_field_in_whole_sentences(rule):
    changes = CASES[rule.key, rule.path]
    spec = parse(changes)
    found = [item for item in conflicts.find(spec) if item.error.key == f"conflicts.{rule.key}"]
    assert [(item.path, item.refuses) for item in found] == [(rule.path, rule.refuses)]
    for language in LANGUAGES:
        text = found[0].error.text(language)
        assert not re.search(r"\{\w+\}", text), text
        assert rule.path.split(".")[1] in text, "the sentence names its field"
    if rule.refuses:
        with pytest.raises(UserError):
            conflicts.refuse(spec)


@pytest.mark.parametrize("stage", STAGES)
def test_the_default_spec_of_a_stage_has_no_clash(stage):
    assert conflicts.find(STAGES[stage]()) == []


def test_rules_name_knobs_that_there_are():
    known = {item.path for model in STAGES.values() for item in knobs(model)}
    assert [path for path in conflicts.involved() if path not in known] == []


def test_a_knob_that_a_stage_does_not_ask_makes_no_clash_there():
    left_over = {"data.packing": True, "adapter.type": "prefix"}  # of conversations, and out of sight
    assert conflicts.find(parse({"stage": "pretrain", "pretrain.blocks": "rows"} | left_over)) == []


def test_the_settings_of_a_schedule_are_those_of_transformers():
    import inspect

    from transformers.optimization import TYPE_TO_SCHEDULER_FUNCTION

    ours = {"optimizer", "last_epoch", "num_warmup_steps", "num_training_steps"}  # the Trainer gives these
    makers = {kind.value: make for kind, make in TYPE_TO_SCHEDULER_FUNCTION.items()}
    for kind, names in conflicts.SCHEDULE_SETTINGS.items():
        assert set(inspect.signature(makers[kind]).parameters) - ours == set(names), kind
    following = {"training.lr_scheduler_type": "greedy", "training.lr_scheduler_kwargs": "patience=0"}
    assert conflicts.find(parse(following | {"data.eval_fraction": 0.1})) == []


def test_an_optimizer_gets_the_settings_that_the_trainer_gives_it_and_no_others(tmp_path):
    """Each optimizer of the form with a setting of every name: the Trainer's own code says which ones it reads."""
    from transformers import TrainingArguments
    from transformers.trainer_optimizer import _OPTIMIZER_HANDLERS, OptimizerContext

    class Read(dict):
        def __init__(self):
            super().__init__()
            self.names = set()

        def __bool__(self):
            return True

        def __contains__(self, name):
            return bool(self.names.add(name))

        def get(self, name, default=None):
            self.names.add(name)
            return default

    for optim in next(item.choices for item in knobs(STAGES["sft"]) if item.path == "training.optim"):
        args, read = TrainingArguments(output_dir=str(tmp_path), optim=optim, use_cpu=True), Read()
        context = OptimizerContext(args=args, model=None, optimizer_kwargs={}, adam_kwargs={}, optim_args=read)
        _OPTIMIZER_HANDLERS[args.optim](context)
        assert read.names == set(conflicts.OPTIMIZER_SETTINGS.get(optim, ())), optim


@pytest.mark.parametrize("given", ["momentun=0.9", "momentum=high", "momentum=0.9, alpha=5"])
def test_a_setting_that_an_optimizer_would_ignore_is_refused_with_those_it_knows(given):
    spec = parse({"training.optim": "sgd", "training.optim_args": given})
    [found] = conflicts.find(spec)
    assert found.error.text("en").endswith("the names that it knows: momentum, dampening, nesterov, weight_decay.")
    fine = parse({"training.optim": "sgd", "training.optim_args": " momentum=0.9, nesterov=true"})
    assert conflicts.find(fine) == []
