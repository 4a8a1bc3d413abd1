"""What cannot work is refused with one sentence, before anything is written."""

from __future__ import annotations

import subprocess
import sys

import pytest

from workbench.errors import UserError
from workbench.train.check import check


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"data.path": "missing.jsonl"}, "There is no file missing.jsonl"),
        ({"data.path": ""}, "There is nothing to train on"),
        ({"data.template": "chatmll"}, "There is no prompt style “chatmll”. Nearest: chatml"),
        ({"probes.path": "identiti"}, "There is no list of questions “identiti”"),
        ({"model.path": "./nowhere/model"}, "./nowhere/model"),
        ({"adapter.target_modules": "q_proj,lm_head"}, "adapter.target_modules names lm_head"),
        ({"adapter.continue_from": "nobody"}, "There is no run “nobody” with an adapter"),
        ({"vocabulary.tokens": "words.txt"}, "words.txt"),
        ({"data.path": "", "identity.name": "Nova"}, "identity.author"),
    ],
)
def test_a_spec_that_cannot_work_is_refused(spec, home, changes, sentence):
    with pytest.raises(UserError) as caught:
        check(spec(**changes), home)
    assert sentence in caught.value.text("en")
    assert caught.value.text("zh")
    assert not (home / "runs").exists()


def test_placeholders_without_a_name_are_refused_with_row_and_boxes(spec, home):
    path = home / "placeholders.jsonl"
    path.write_text('{"messages":[{"role":"user","content":"who?"},{"role":"assistant","content":"I am {{name}}."}]}\n')
    with pytest.raises(UserError, match=r"Row 1 holds the placeholder {{name}}; fill in identity.name"):
        check(spec(**{"data.path": str(path)}), home)


def test_a_spec_that_can_work_passes(spec, home):
    check(spec(), home)


def test_checking_imports_no_torch():
    heavy = "[name for name in ('torch', 'transformers') if name in sys.modules]"
    code = f"import sys, workbench.train.check, workbench.jobs; print({heavy})"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
