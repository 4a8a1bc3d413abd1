"""train/check.py: what comes over the web reads nothing outside the workspace; the command line may."""

import pytest

from workbench.errors import UserError
from workbench.train.check import check


@pytest.fixture
def elsewhere(tmp_path_factory, data_file):
    path = tmp_path_factory.mktemp("elsewhere") / "rows.jsonl"
    path.write_bytes(data_file.read_bytes())
    return path


def refusal(spec, home):
    with pytest.raises(UserError) as raised:
        check(spec, home, foreign=False)
    return raised.value.key


def test_files_of_the_workspace_and_shipped_questions_may_be_read(spec, home, questions):
    check(spec(), home, foreign=False)
    check(spec(**{"probes.path": "identity"}), home, foreign=False)
    check(spec(**{"probes.path": str(questions), "data.path": "small.jsonl * 0.5"}), home, foreign=False)


def test_data_elsewhere_are_for_the_command_line_alone(spec, home, elsewhere):
    outside = spec(**{"data.path": str(elsewhere)})
    check(outside, home)
    assert refusal(outside, home) == "dataset.outside"
    (home / "data" / "link.jsonl").symlink_to(elsewhere)
    assert refusal(spec(**{"data.path": "small.jsonl; link.jsonl"}), home) == "dataset.outside"


def test_questions_words_and_adapters_elsewhere_are_refused_too(spec, home, elsewhere, questions):
    list_elsewhere = elsewhere.with_name("questions.yaml")
    list_elsewhere.write_bytes(questions.read_bytes())
    assert refusal(spec(**{"probes.path": str(list_elsewhere)}), home) == "dataset.outside"
    assert refusal(spec(**{"vocabulary.corpus": str(elsewhere)}), home) == "dataset.outside"
    assert refusal(spec(**{"adapter.continue_from": str(elsewhere.parent)}), home) == "adapters.outside"
