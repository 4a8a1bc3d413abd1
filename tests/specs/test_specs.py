"""Mapping -> spec and back: bounds, names, overrides, and that each knob is named as its receiver names it."""

import dataclasses
import importlib
import inspect

import pytest
import yaml

from workbench.errors import UserError
from workbench.locales import catalogue
from workbench.presets import dump
from workbench.specs import STAGES, flatten, knobs, layered, parse, parse_override, to_mapping

ALL = [pytest.param(item, id=f"{stage}:{item.path}") for stage, model in STAGES.items() for item in knobs(model)]


def test_dotted_and_nested_keys_mean_the_same():
    assert parse({"adapter.r": 8}) == parse({"adapter": {"r": 8}})


def test_yaml_of_a_spec_holds_only_what_differs_from_the_defaults():
    spec = parse({"adapter.r": 8, "identity": {"name": "阿澄"}})
    assert yaml.safe_load(dump(spec)) == {"stage": "sft", "identity": {"name": "阿澄"}, "adapter": {"r": 8}}
    assert parse(to_mapping(spec)) == spec == parse(to_mapping(spec, all_values=True))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"adapter.rank": 3}, ["adapter.rank", "adapter.r"]),
        ({"adapter.r": 0}, ["adapter.r", "“0”", "1 … 1024"]),
        ({"adapter.r": 2.5}, ["adapter.r", "2.5"]),
        ({"adapter": 3}, ["adapter", "3"]),
        ({"stage": "stf"}, ["stf", "sft"]),
        ({"identity.name": "x" * 200}, ["identity.name", "200", "60"]),
        ({"training.learning_rate": "fast"}, ["training.learning_rate", "fast"]),
        ({"training.lr_scheduler_type": "cosin"}, ["cosin", "cosine"]),
        ({"stage.x": 1}, ["sft"]),
    ],
)
def test_a_wrong_value_is_refused_with_its_knob_and_what_is_allowed(values, words):
    with pytest.raises(UserError) as caught:
        parse(values)
    for language in ("en", "zh"):
        text = caught.value.text(language)
        assert all(word in text for word in words), text
        assert "\n" not in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("adapter.r=32", ("adapter.r", 32)),
        ("training.learning_rate=1e-3", ("training.learning_rate", 0.001)),
        ("identity.name=007", ("identity.name", "007")),
        ("identity.name=a=b", ("identity.name", "a=b")),
        ("identity.author=[x]", ("identity.author", "[x]")),
        ("adapter.use_dora=true", ("adapter.use_dora", True)),
        ("identity.name=", ("identity.name", "")),
    ],
)
def test_an_override_is_yaml_except_where_the_knob_is_text(text, expected):
    assert parse_override(text) == expected


def test_an_override_without_a_sign_is_refused():
    with pytest.raises(UserError, match="adapter.r=32"):
        parse_override("adapter.r")


def test_layers_lie_over_each_other():
    assert layered({"adapter": {"r": 8, "use_dora": True}}, {"adapter.r": 4}) == {"adapter": {"r": 4, "use_dora": True}}


def test_a_year_written_as_a_number_is_taken_as_text():
    assert parse({"identity.year": 2026}).identity.year == "2026"


@pytest.mark.parametrize("item", ALL)
def test_every_knob_has_label_help_and_a_chinese_line(item):
    assert item.label and item.help
    label, separator, text = catalogue("zh")[f"knobs.{item.path}"].partition("|")
    assert label and separator and text


@pytest.mark.parametrize("item", ALL)
def test_every_knob_is_named_as_the_library_that_receives_it_names_it(item):
    for path in filter(None, item.receiver.split("|")):
        module, _, name = path.rpartition(".")
        receiver = getattr(importlib.import_module(module), name)
        names = (
            {field.name for field in dataclasses.fields(receiver)}
            if dataclasses.is_dataclass(receiver)
            else set(inspect.signature(receiver).parameters)
        )
        assert item.path.rpartition(".")[2] in names, path


def test_defaults_pass_their_own_bounds():
    for model in STAGES.values():
        assert model.model_validate(flatten_back(flatten(to_mapping(model(), all_values=True)))) == model()


def flatten_back(flat):
    return layered(flat)


def test_a_switch_may_be_left_open_and_old_files_say_what_they_said():
    path = "training.gradient_checkpointing"
    given = [parse(values).training for values in ({}, *({path: value} for value in (True, False, "true", "auto")))]
    assert [training.gradient_checkpointing for training in given] == ["auto", True, False, True, "auto"]
    with pytest.raises(UserError, match="training.gradient_checkpointing.*often.*auto | true | false"):
        parse({path: "often"})
    item = next(item for item in knobs(STAGES["sft"]) if item.path == path)
    assert (item.kind, item.choices) == ("choice", ("auto", "true", "false"))
    assert [item.written(value) for value in ("auto", True, False)] == ["auto", "true", "false"]
    assert parse_override(f"{path}=false") == (path, "false") and parse({path: "false"}).training == given[2]
