"""The train tab's own handlers: files opened, presets saved, clashes told before the start."""

import gradio as gr
import pytest

from tests.specs.test_llama_factory import FILE
from workbench import presets
from workbench.ui.app import App
from workbench.ui.i18n import Texts
from workbench.ui.tabs import train


@pytest.fixture
def tab(tmp_path):
    app = App(tmp_path)
    with gr.Blocks(), gr.Tabs(), gr.Tab("x"):
        yield train.build(app, Texts("zh"))
    app.close()


def by_path(tab, updates):
    return dict(zip(tab.form.fields, updates, strict=True))


def given(tab, **changes):
    return [changes.get(path, field.value) for path, field in tab.form.fields.items()]


def test_a_file_of_llama_factory_fills_the_form_and_lists_what_was_left_out(tab, tmp_path):
    path = tmp_path / "theirs.yaml"
    path.write_text(FILE, encoding="utf-8")
    told, *updates = tab.open_file(str(path))
    assert "已略去：trust_remote_code: True · template: qwen3_nothink · max_samples: 1000 · use_galore: True" in told
    shown = by_path(tab, updates)
    assert shown["adapter.r"]["value"] == 16 and shown["training.warmup_steps"]["value"] == 0.1
    assert shown["data.eval_fraction"]["value"] == 0.1


@pytest.mark.parametrize("content", [b"- 1\n", b"", b" \n", b"\x89PNG\r\n\x1a\n\xff"])
def test_a_file_that_is_no_spec_is_refused_and_changes_nothing(tab, tmp_path, content):
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    told, *updates = tab.open_file(str(path))
    assert "x.yaml" in told and str(tmp_path) not in told and all(update == gr.skip() for update in updates)


def test_what_stands_in_the_form_is_saved_as_a_preset_of_the_workspace(tab, tmp_path):
    chosen, told, *_ = tab.save_preset("mine", *given(tab, **{"adapter.r": 4}))
    assert chosen["value"] == "mine" and "mine" in chosen["choices"] and told == ""
    assert presets.resolve("mine", home=tmp_path).adapter.r == 4
    _, told, *_ = tab.save_preset(" ", *given(tab))
    assert "预设需要名称" in told


def test_a_clash_stands_at_its_field_while_the_form_is_filled_in(tab):
    form = tab.form
    values = given(tab, **{"training.early_stopping_patience": 2})
    told = dict(zip(form.told_with("training.early_stopping_patience"),
                    form.check_with_others("training.early_stopping_patience", values), strict=True))  # fmt: skip
    assert told["training.early_stopping_patience"]["elem_classes"] == ["wb-bad-knob"]
    assert "data.eval_fraction" in told["training.early_stopping_patience"]["info"]
    values = given(tab, **{"training.early_stopping_patience": 2, "data.eval_fraction": 0.1})
    told = dict(zip(form.told_with("data.eval_fraction"),
                    form.check_with_others("data.eval_fraction", values), strict=True))  # fmt: skip
    assert told["training.early_stopping_patience"]["elem_classes"] == ["wb-changed-knob"]


def test_a_note_does_not_refuse(tab):
    values = given(tab, **{"training.eval_steps": 10})
    told = tab.form.check_with_others("training.eval_steps", values)
    assert told[0]["elem_classes"] == ["wb-noted-knob", "wb-changed-knob"]
