"""What this machine cannot do is told at the choice and refused at the start."""

import json

import pytest

from tests.ui.test_forms import built
from workbench import runs
from workbench.errors import UserError
from workbench.models import abilities
from workbench.specs import STAGES, knobs, parse
from workbench.train.check import check
from workbench.ui import machine
from workbench.ui.app import App
from workbench.ui.i18n import Texts


def on_cpu(monkeypatch):
    monkeypatch.setattr("torch.accelerator.current_accelerator", lambda check_available=False: None)


LISTS = ["model.attn_implementation", "training.optim", "training.report_to"]


def test_choices_that_this_machine_cannot_do_say_so(monkeypatch):
    on_cpu(monkeypatch)
    monkeypatch.setattr(abilities, "no_reporter", lambda name: None if name == "trackio" else MISSING)
    monkeypatch.setattr(abilities.shutil, "which", lambda name: None)
    monkeypatch.delenv("CXX", raising=False)
    table, device, *updates = machine.choices(built(), Texts("zh"), LISTS, "auto")
    assert device["choices"] == [("auto", "auto"), ("cpu", "cpu")]
    attention, optim, reports = [{real: label for label, real in update["choices"]} for update in updates]
    assert attention["flash_attention_2"] == "flash_attention_2 · 需要其他设备" and attention["sdpa"] == "sdpa"
    assert optim["paged_adamw_8bit"] == "paged_adamw_8bit · 需要 GPU" and optim["adamw_8bit"] == "adamw_8bit"
    assert reports["wandb"] == "wandb · 未安装" and (reports["none"], reports["trackio"]) == ("none", "trackio")
    table = json.loads(table)
    assert table["training-report_to"]["wandb · 未安装"] == MISSING.text("zh")
    assert set(table["model-attn_implementation"]) == {label for label in attention.values() if "·" in label}
    assert table["training-torch_compile"] == {"": table["training-torch_compile"][""]}
    assert "没有 g++" in table["training-torch_compile"][""]


MISSING = UserError("training.no_reporter", path="training.report_to", value="wandb")


@pytest.mark.parametrize(("changes", "words"), [
    ({"model.attn_implementation": "flash_attention_2"}, ["model.attn_implementation", "cpu", "sdpa"]),
    ({"training.optim": "paged_adamw_8bit"}, ["training.optim", "paged_adamw_8bit"]),
    ({"training.torch_compile": True}, ["training.torch_compile", "no-such-compiler"]),
    ({"model.device": "cuda:3"}, ["cuda:3", "auto, cpu"]),
])  # fmt: skip
def test_what_it_cannot_do_is_refused_before_the_run_at_its_field(monkeypatch, home, changes, words):
    on_cpu(monkeypatch)
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UserError) as caught:
        check(parse({"identity.name": "Nova", "identity.author": "Lab"} | changes), home)
    assert caught.value.params["path"] in changes
    assert all(word in caught.value.text("en") for word in words)


def test_a_folder_of_a_librarys_name_is_no_library(monkeypatch, tmp_path):
    (tmp_path / "swanlab_kept").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert abilities.no_reporter("swanlab_kept").key == "training.no_reporter"
    assert abilities.no_reporter("json") is None


def test_every_default_can_be_done_everywhere():
    defaults = {item.path: item.default for stage in STAGES.values() for item in knobs(stage)}
    refused = abilities.refusals("cpu")
    assert set(refused) == set(abilities.KNOBS)
    assert not [path for path in abilities.KNOBS if str(defaults[path]) in refused[path]]
    assert not abilities.risked(defaults, defaults)
    assert abilities.risked(defaults | {"training.optim": "sgd"}, defaults)


def test_a_device_with_slow_bf16_and_no_bitsandbytes_is_told_why(monkeypatch):
    import torch

    monkeypatch.setattr("torch.accelerator.current_accelerator", lambda check_available=False: torch.device("cuda"))
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation=True: False)
    monkeypatch.setattr(abilities.importlib.util, "find_spec", lambda name: None)
    refused = abilities.refusals()
    assert refused["model.dtype"]["bfloat16"].key == "abilities.no_bf16"
    assert refused["model.quantization"]["nf4"].key == "hub.no_bitsandbytes"
    assert refused["model.attn_implementation"]["flash_attention_3"].key == "abilities.no_flash_library"
    assert refused["training.optim"] == {}
    assert refused["training.torch_compile"]["True"].key == "abilities.no_triton"


def test_models_used_before_are_offered_and_a_token_stays_in_memory(tmp_path):
    app = App(tmp_path)
    for name, path in (("a", "org/one"), ("b", "org/two"), ("c", "org/one")):
        runs.create(tmp_path, parse({"model.path": path}), name=name)
    assert {real for _, real in machine.recent_models(app)} == {"embedded", "org/one", "org/two"}
    machine._keep(app, " hf_secret ")
    assert app.hub.token == "hf_secret"
    assert not any(b"hf_secret" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    app.close()
