"""The start tab: the rows in the page's language first, and the weights that `chat with it` means."""

import shutil

import pytest

from workbench import runs
from workbench.errors import UserError
from workbench.specs import parse
from workbench.ui.tabs import start

NAMED = {"identity.name": "阿澄", "identity.author": "青禾"}


def test_the_rows_of_the_pages_language_come_first_and_they_are_the_same_rows():
    identity = parse(NAMED).identity
    chinese, english = start.identity_pairs(identity, "zh"), start.identity_pairs(identity, "en")
    assert sorted(chinese) == sorted(english)
    assert "\u4e00" <= chinese[0][0][0] <= "\u9fff"
    assert english[0][0].isascii()


def test_a_finished_run_of_whole_weights_is_chatted_with_by_its_name(tmp_path, tiny_model):
    run = runs.create(tmp_path, parse(NAMED), "whole")
    run.write_state(state="finished", step=1, total_steps=1, started=1.0, ended=2.0)
    with pytest.raises(UserError) as refused:
        start.column_of(run)
    assert refused.value.key == "ui.nothing_saved_yet"
    shutil.copytree(tiny_model("qwen3"), run.directory / "model")
    assert start.column_of(run) == "whole"
