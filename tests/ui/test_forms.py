"""The generated form: one knob's line makes a field, its checks, its help and its place."""

import subprocess
import sys
from typing import Literal

import gradio as gr
import pytest
from pydantic import Field

from workbench import presets
from workbench.errors import UserError
from workbench.specs import STAGES, flatten, knobs, to_mapping
from workbench.specs.knob import Section, knob
from workbench.ui import forms
from workbench.ui.i18n import Texts

EN, ZH = Texts("en"), Texts("zh")


def built(t=EN, model=STAGES["sft"], **options):
    with gr.Blocks():
        return forms.build("sft", model, t, **options)


def test_every_knob_has_one_field_with_its_id_label_and_help():
    form = built(ZH)
    assert [field.elem_id for field in form.fields.values()] == [item.elem_id for item in knobs(STAGES["sft"])]
    assert form.fields["adapter.r"].label == "秩 r"
    assert form.fields["data.max_length"].label == "最大长度 (词元)"
    assert form.fields["adapter.r"].info == ZH.knob(form.knobs["adapter.r"])[1]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("adapter.r", gr.Number),
        ("training.learning_rate", gr.Number),
        ("adapter.use_dora", gr.Checkbox),
        ("training.optim", gr.Dropdown),
        ("adapter.target_modules", gr.Dropdown),
        ("identity.name", gr.Textbox),
    ],
)
def test_the_kind_of_a_knob_chooses_the_widget(path, kind):
    assert type(built().fields[path]) is kind


def test_what_stands_in_an_untouched_form_is_the_default_spec():
    from workbench.specs import parse

    form = built()
    spec = parse(form.values([field.value for field in form.inputs]))
    assert spec == STAGES["sft"]()


def test_a_preset_fills_the_form_and_marks_what_differs():
    form = built()
    spec = presets.resolve("identity")
    updates = dict(zip(form.fields, form.fill(flatten(to_mapping(spec, all_values=True))), strict=True))
    assert updates["training.learning_rate"]["value"] == spec.training.learning_rate
    assert updates["training.learning_rate"]["elem_classes"] == ["wb-changed-knob"]
    assert updates["training.seed"]["elem_classes"] == []


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("adapter.r", 0, ["0", "1 … 1024"]),
        ("adapter.r", 2.5, ["2.5"]),
        ("adapter.r", None, ["“”"]),
        ("training.learning_rate", 3, ["3", "0 … 1"]),
    ],
)
def test_a_wrong_value_is_refused_at_its_own_field_never_rounded(path, value, words):
    update = built().check(path, value)
    assert all(word in update["info"] for word in words)
    assert update["elem_classes"] == ["wb-bad-knob"]


def test_a_field_returns_to_its_help_when_it_is_right_again():
    form = built()
    assert form.check("adapter.r", 32) == gr.update(info=form.knobs["adapter.r"].help, elem_classes=["wb-changed-knob"])


def test_a_refusal_stands_at_the_knob_it_names_and_touches_no_value():
    form = built()
    updates = form.refuse(UserError("spec.bad_value", path="adapter.r", value="**x** [a](http://b)", allowed="1"))
    named = dict(zip(form.fields, updates, strict=True))
    text = named["adapter.r"]["info"]
    assert "adapter.r" in text and "**" not in text and "[" not in text
    assert all("value" not in update for update in updates)


def test_knobs_of_another_method_are_hidden():
    class Two(Section):
        type: Literal["a", "b"] = knob("a", "Type", "Which.")
        only_b: int = knob(1, "Only b", "For b.", when="part.type=b")

    class Spec(Section):
        part: Two = Field(default_factory=Two)

    form = built(model=Spec)
    assert not form.fields["part.only_b"].visible
    assert form.fill({"part.type": "b"})[1]["visible"]


OTHERS = {"pretrain": STAGES["pretrain"]}


def test_stages_share_their_fields_and_one_field_chooses_between_them():
    form = built(others=OTHERS)
    paths = {item.path for model in STAGES.values() for item in knobs(model)}
    assert set(form.fields) == paths | {"stage"} and len(form.inputs) == len(form.fields)
    assert form.fields["stage"].elem_id == "stage" and form.fields["stage"].value == "sft"
    assert form.fields["identity.name"].visible and not form.fields["pretrain.blocks"].visible
    updates = dict(zip(form.fields, form.fill({"stage": "pretrain", "adapter.type": "loha"}), strict=True))
    assert updates["stage"]["value"] == "pretrain"
    assert updates["pretrain.blocks"]["visible"] and not updates["identity.name"]["visible"]
    of_answers = ("data.packing", "data.train_on", "data.template")  # a stage that learns whole texts ignores them
    assert [(form.fields[path].visible, updates[path]["visible"]) for path in of_answers] == [(True, False)] * 3
    assert updates["adapter.rank_dropout"]["visible"] and not updates["adapter.use_dora"]["visible"]


def test_what_is_sent_is_what_the_chosen_stage_has():
    from workbench.specs import parse

    form = built(others=OTHERS)
    for stage, model in STAGES.items():
        given = [stage if path == "stage" else field.value for path, field in form.fields.items()]
        assert parse(form.values(given)) == model()
    assert form.check("pretrain.blocks", "stream")["elem_classes"] == ["wb-changed-knob"]


def test_plain_text_for_html_holds_neither_tags_nor_template_slots():
    text = forms.plain('<img src=x onerror=alert(1)> ${alert(1)} {{x}} "q" &amp;')
    assert "<" not in text and "${" not in text and "{" not in text


NEW_KNOB = """
import io, sys, contextlib
from workbench.specs import adapter, knob
import workbench.specs.adapter as module
from workbench.specs.knob import Section

class AdapterSection(module.AdapterSection):
    sparkle: float = knob(0.5, "Sparkle", "How much it sparkles.", ge=0.0, le=2.0, basic=True)

module.AdapterSection = AdapterSection  # one line more in specs/adapter.py
import importlib
import workbench.specs.stage as stage
import workbench.specs.sft as sft
importlib.reload(stage)
importlib.reload(sft)
import workbench.specs as specs
importlib.reload(specs)
from workbench import presets
importlib.reload(presets)
from workbench.errors import UserError

spec = specs.parse({"adapter.sparkle": 1.5})
assert "sparkle: 1.5" in presets.dump(spec)                       # YAML
assert specs.parse_override("adapter.sparkle=1e-1") == ("adapter.sparkle", 0.1)
try:
    specs.parse({"adapter.sparkle": 9})
    raise AssertionError("not validated")
except UserError as error:
    assert "0 … 2" in str(error) and "adapter.sparkle" in str(error)  # validation
import gradio as gr
from workbench.ui import forms
from workbench.ui.i18n import Texts
with gr.Blocks():
    form = forms.build("sft", specs.STAGES["sft"], Texts("zh"))
field = form.fields["adapter.sparkle"]
assert (field.elem_id, field.value, field.label) == ("adapter-sparkle", 0.5, "Sparkle")  # form
from workbench.cli import run
out = io.StringIO()
with contextlib.redirect_stdout(out):
    run(["train", "--help"])
assert "adapter.sparkle" in out.getvalue() and "How much it sparkles" in out.getvalue(), out.getvalue()  # help
print("found everywhere")
"""


def test_one_new_knob_appears_in_form_yaml_command_line_help_and_validation():
    # A process of its own: the specs of this one stay as they are.
    result = subprocess.run([sys.executable, "-c", NEW_KNOB], capture_output=True, text=True)
    assert result.stdout.strip().endswith("found everywhere"), result.stderr
