"""The training form: what this machine cannot do is greyed with its reason; another program's file fills it."""

import re

import pytest
from playwright.sync_api import expect
from serving import serving

pytestmark = pytest.mark.browser
FILE = """
model_name_or_path: Qwen/Qwen3-4B-Instruct-2507
trust_remote_code: true
stage: sft
do_train: true
finetuning_type: lora
lora_rank: 24
lora_target: all
dataset: identity,alpaca_en_demo
template: qwen3_nothink
cutoff_len: 2048
max_samples: 1000
output_dir: saves/qwen3-4b/lora/sft
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
learning_rate: 1.0e-4
num_train_epochs: 3.0
bf16: true
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A machine without a GPU and without a compiler."""
    home = tmp_path_factory.mktemp("form") / "workspace"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        patch.setenv("CXX", "no-such-compiler")
        with serving(home) as (address, _):
            yield address, home


def test_what_this_machine_cannot_do_is_greyed_and_cannot_be_chosen(visit):
    page = visit("zh", "train", width=390, dark=True)
    page.locator("#section-optimizer button").first.click()
    box = page.locator("#training-optim input")
    box.click()
    paged = page.get_by_role("option", name="paged_adamw_8bit · 需要 GPU")
    expect(paged).to_have_attribute("aria-disabled", "true", timeout=60_000)  # asking the machine imports torch
    expect(paged).to_have_attribute("title", re.compile("^training.optim=paged_adamw_8bit 会在显存与内存之间搬移状态"))
    paged.click(force=True)
    expect(box).to_have_value("adamw_torch")
    box.fill("paged_adamw_8bit")
    box.press("Enter")
    page.keyboard.press("Tab")
    expect(box).to_have_value("adamw_torch")
    box.click()
    page.get_by_role("option", name="sgd").click()
    expect(box).to_have_value("sgd")
    page.locator("#section-resources button").first.click()
    compiled = page.locator("#training-torch_compile")
    expect(compiled.locator("input")).to_be_disabled()
    expect(compiled).to_contain_text("本机没有 no-such-compiler")


def test_a_training_file_of_llama_factory_fills_the_form_and_what_it_left_out_is_listed(visit):
    page = visit("en", "train")
    file = {"name": "qwen3_lora_sft.yaml", "mimeType": "application/yaml", "buffer": FILE.encode()}
    with page.expect_file_chooser() as chosen:
        page.locator("#open-spec").click()
    chosen.value.set_files(file)
    said = page.locator("#train-problem")
    expect(said).to_contain_text(
        "Left out, because there is no counterpart here: trust_remote_code: True · template: qwen3_nothink · max_samples: 1000"  # noqa: E501
    )
    expect(page.locator("#adapter-r input")).to_have_value("24")
    expect(page.locator("#model-path input")).to_have_value("Qwen/Qwen3-4B-Instruct-2507")
    expect(page.locator("#data-path textarea")).to_have_value(
        "data/dataset_info.json#identity; data/dataset_info.json#alpaca_en_demo"
    )
    expect(page.locator("#training-learning_rate input")).to_have_value("0.0001")
    # The list stays while one goes on; a refusal goes with the first correction.
    page.locator("#training-learning_rate input").fill("0.0002")
    page.locator("#training-learning_rate input").press("Tab")
    expect(said).to_contain_text("Left out")
    page.locator("#train-button").click()
    expect(said.get_by_role("alert")).to_contain_text("dataset_info.json")
    page.locator("#data-path textarea").fill("rows.jsonl")
    page.locator("#data-path textarea").press("Tab")
    expect(said.get_by_role("alert")).to_have_count(0)
