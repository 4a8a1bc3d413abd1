"""What this machine cannot do is told at the choice and refused at the start."""

import pytest

from tests.ui.test_forms import built
from workbench import runs
from workbench.errors import UserError
from workbench.models import abilities
from workbench.specs import parse
from workbench.ui import machine
from workbench.ui.app import App
from workbench.ui.i18n import Texts


def on_cpu(monkeypatch):
    monkeypatch.setattr("torch.accelerator.current_accelerator", lambda check_available=False: None)


def test_choices_that_this_machine_cannot_do_say_so(monkeypatch):
    on_cpu(monkeypatch)
    form, t = built(), Texts("zh")
    updates = machine.choices(form, t, ["model.attn_implementation", "training.optim"], "auto")
    shown = {real: label for label, real in updates[0]["choices"]}
    assert shown["flash_attention_2"] == "flash_attention_2 · 本机不可用" and shown["sdpa"] == "sdpa"
    optim = {real: label for label, real in updates[1]["choices"]}
    assert "本机不可用" in optim["paged_adamw_8bit"] and optim["adamw_8bit"] == "adamw_8bit"
    assert updates[2]["choices"] == [("auto", "auto"), ("cpu", "cpu")]


@pytest.mark.parametrize(("changes", "words"), [
    ({"model.attn_implementation": "flash_attention_2"}, ["model.attn_implementation", "cpu", "sdpa"]),
    ({"training.optim": "paged_adamw_8bit"}, ["training.optim", "paged_adamw_8bit"]),
    ({"model.device": "cuda:3"}, ["cuda:3", "auto, cpu"]),
])  # fmt: skip
def test_what_it_cannot_do_is_refused_at_its_field(monkeypatch, changes, words):
    on_cpu(monkeypatch)
    form = built()
    values = {path: item.default for path, item in form.knobs.items()} | changes
    with pytest.raises(UserError) as caught:
        machine.refuse(form, values)
    assert caught.value.params["path"] in changes
    assert all(word in caught.value.text("en") for word in words)


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


def test_models_used_before_are_offered_and_a_token_stays_in_memory(tmp_path):
    app = App(tmp_path)
    for name, path in (("a", "org/one"), ("b", "org/two"), ("c", "org/one")):
        runs.create(tmp_path, parse({"model.path": path}), name=name)
    assert {real for _, real in machine.recent_models(app)} == {"embedded", "org/one", "org/two"}
    machine._keep(app, " hf_secret ")
    assert app.hub.token == "hf_secret"
    assert not any(b"hf_secret" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    app.close()
