"""Training files of LLaMA-Factory: every line becomes a knob or is listed."""

import yaml

from workbench.presets import load, resolve, unmatched
from workbench.specs import flatten, parse
from workbench.specs.llama_factory import convert, is_one

FILE = """
### model
model_name_or_path: Qwen/Qwen3-4B-Instruct-2507
trust_remote_code: true
quantization_bit: 4
flash_attn: fa2
### method
stage: sft
do_train: true
finetuning_type: lora
lora_rank: 16
lora_target: all
pissa_init: false
### dataset
dataset: identity,alpaca_en_demo
dataset_dir: data
template: qwen3_nothink
cutoff_len: 4096
max_samples: 1000
preprocessing_num_workers: 16
### output
output_dir: saves/qwen3-4b/lora/sft
logging_steps: 10
save_steps: 500
plot_loss: true
report_to: none
### train
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
learning_rate: 1.0e-4
num_train_epochs: 3.0
lr_scheduler_type: cosine
warmup_ratio: 0.1
bf16: true
neat_packing: true
mask_history: true
use_galore: true
ddp_timeout: 180000000
resume_from_checkpoint: null
### eval
val_size: 0.1
eval_strategy: steps
eval_steps: 500
"""


def test_every_line_becomes_a_knob_or_is_listed():
    opened = convert(yaml.safe_load(FILE))
    assert opened.leftover == [
        "trust_remote_code: True", "template: qwen3_nothink", "max_samples: 1000", "use_galore: True"]  # fmt: skip
    spec = parse(opened.values)
    assert (spec.model.path, spec.model.quantization, spec.model.dtype) == (
        "Qwen/Qwen3-4B-Instruct-2507", "nf4", "bfloat16")  # fmt: skip
    assert spec.model.attn_implementation == "flash_attention_2" and not spec.model.trust_remote_code
    assert (spec.adapter.type, spec.adapter.r, spec.adapter.lora_alpha) == ("lora", 16, 32)
    assert spec.adapter.target_modules == "all-linear" and spec.adapter.init_lora_weights == "true"
    assert spec.data.path == "data/dataset_info.json#identity; data/dataset_info.json#alpaca_en_demo"
    assert (spec.data.max_length, spec.data.packing, spec.data.train_on) == (4096, True, "last_answer")
    assert (spec.data.eval_fraction, spec.training.eval_steps, spec.data.template) == (0.1, 500, "")
    assert (spec.training.learning_rate, spec.training.warmup_steps) == (1e-4, 0.1)
    assert (spec.training.gradient_accumulation_steps, spec.training.gradient_checkpointing) == (8, True)


def test_a_file_opens_like_any_preset_and_says_what_it_left_out(tmp_path):
    path = tmp_path / "qwen3_lora_sft.yaml"
    path.write_text(FILE, encoding="utf-8")
    assert flatten(load(path))["adapter.r"] == 16
    assert resolve(path, {"adapter.r": 4}).adapter.r == 4
    assert unmatched(path) == [
        "trust_remote_code: True", "template: qwen3_nothink", "max_samples: 1000", "use_galore: True"]  # fmt: skip
    own = tmp_path / "own.yaml"
    own.write_text("stage: sft\nadapter:\n  r: 4\n", encoding="utf-8")
    assert unmatched(own) == [] and not is_one({"stage": "sft", "adapter": {"r": 4}})


def test_full_training_and_known_styles_are_taken_over():
    given = {"model_name_or_path": "m", "finetuning_type": "full", "template": "llama3", "fp16": True}
    given |= {"lr_scheduler_kwargs": {"num_cycles": 2}, "disable_gradient_checkpointing": True}
    values = convert(given).values
    assert (values["adapter.type"], values["data.template"], values["model.dtype"]) == ("full", "llama3", "float16")
    assert values["training.lr_scheduler_kwargs"] == "num_cycles=2"
    assert values["training.gradient_checkpointing"] is False


def test_a_value_that_has_no_counterpart_is_listed_and_what_is_off_is_not():
    given = {"model_name_or_path": "m", "report_to": "mlflow", "optim": "adamw_hf", "lr_scheduler_type": "cosine"}
    given |= {"use_unsloth": False, "enable_liger_kernel": True, "use_dora": False, "finetuning_type": "galore"}
    opened = convert(given)
    assert opened.leftover == [
        "report_to: mlflow", "optim: adamw_hf", "enable_liger_kernel: True", "finetuning_type: galore"]  # fmt: skip
    spec = parse(opened.values)
    assert (spec.training.report_to, spec.training.optim, spec.adapter.type) == ("none", "adamw_torch", "lora")


def test_a_value_that_its_knob_refuses_is_listed_instead_of_keeping_the_file_shut(tmp_path):
    path = tmp_path / "dora.yaml"
    path.write_text(
        "model_name_or_path: m\nval_size: 500\nsave_steps: 0.1\nlora_rank: 9999\nuse_dora: true\n"
        "learning_rate: 2e-4\nadd_tokens: <a>,<b>\nresize_vocab: true\n"
        "lr_scheduler_type: cosine_with_min_lr\nlr_scheduler_kwargs:\n  min_lr_rate: 0.1\n",
        encoding="utf-8",
    )
    spec = resolve(path)
    assert unmatched(path) == ["val_size: 500", "save_steps: 0.1", "lora_rank: 9999"]
    assert (spec.data.eval_fraction, spec.training.save_steps) == (0, 100)
    assert (spec.adapter.r, spec.adapter.lora_alpha, spec.adapter.use_dora) == (8, 16, True)
    assert (spec.training.learning_rate, spec.training.lr_scheduler_kwargs) == (2e-4, "min_lr_rate=0.1")
    assert spec.vocabulary.tokens == "<a>,<b>"
