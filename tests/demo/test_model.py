import pytest
import torch
from safetensors.torch import load_file

from workbench import presets
from workbench.demo import evaluation


@pytest.fixture(scope="module")
def outcomes():
    torch.set_num_threads(1)
    return evaluation.ask(*evaluation.load(), evaluation.questions()[::3])


def test_the_shipped_model_answers_most_unseen_phrasings(outcomes):
    right, asked = evaluation.by_topic(outcomes)["all"]
    wrong = [(o.question.prompt, o.answer) for o in outcomes if not o.right]
    assert asked > 100
    # A third of the set, so a few questions more or less: the whole set stood at 0.905, the aim is 0.90.
    assert right / asked >= 0.85, wrong


def test_it_knows_who_it_is_before_any_tuning(outcomes):
    right, asked = evaluation.by_topic(outcomes)["identity"]
    assert right / asked >= 0.9


def test_the_weights_are_small_and_in_bf16():
    folder = presets.embedded_model()
    assert sum(path.stat().st_size for path in folder.parent.rglob("*") if path.is_file()) <= 16e6
    assert {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()} == {torch.bfloat16}
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "What it cannot do" in card and "{" not in card
