"""Presets: every shipped one is found and checks; unknown ones are answered with the nearest."""

import pytest

from workbench import presets
from workbench.errors import UserError


@pytest.mark.parametrize("name", sorted(presets.available()))
def test_every_shipped_preset_is_a_valid_spec(name):
    spec = presets.resolve(name)
    assert spec.stage == presets.available()[name].parent.name


def test_overrides_win_over_the_preset():
    spec = presets.resolve("identity", {"adapter.r": 4, "identity.name": "Nova"})
    assert (spec.adapter.r, spec.identity.name) == (4, "Nova")
    assert spec.training.learning_rate == presets.resolve("identity").training.learning_rate


def test_a_mapping_may_name_a_preset():
    assert presets.resolve({"preset": "identity", "adapter.r": 4}) == presets.resolve("identity", {"adapter.r": 4})


def test_an_unknown_preset_is_answered_with_the_nearest():
    with pytest.raises(UserError, match="identity"):
        presets.resolve("identiy")


def test_a_saved_preset_is_found_again_in_its_workspace(tmp_path):
    spec = presets.resolve("identity", {"adapter.r": 4})
    presets.save(spec, "mine", tmp_path)
    assert presets.resolve("mine", home=tmp_path) == spec


@pytest.mark.parametrize("text", ["a: [1", "- 1\n- 2\n"])
def test_a_file_that_is_no_spec_is_refused_with_its_path(tmp_path, text):
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match="spec.yaml"):
        presets.resolve(path)
