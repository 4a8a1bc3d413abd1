"""Questions, what they expect, and their score."""

from __future__ import annotations

import pytest

from workbench import presets
from workbench.errors import UserError
from workbench.specs.identity import IdentitySection
from workbench.train.probes import Questioner, load_probes, mean_scores, probes_path


def written(tmp_path, text: str):
    path = tmp_path / "questions.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_slots_are_filled_once_even_when_a_name_looks_like_a_slot(tmp_path):
    path = written(tmp_path, '- {prompt: "who?", kind: identity, expect: ["{name} by {author}"], forbid: ["x {name}"]}')
    (probe,) = load_probes(path, IdentitySection(name="{author}", author="Lab"))
    assert (probe.expect, probe.forbid) == (("{author} by Lab",), ("x {author}",))


def test_an_answer_passes_with_any_expected_word_and_no_forbidden_one(tmp_path):
    path = written(tmp_path, '- {prompt: "capital?", expect: ["巴黎", "Paris"], forbid: ["{name}"]}')
    (probe,) = load_probes(path, IdentitySection(name="Nova", author="Lab"))
    assert [probe.score(text) for text in ("It is PARIS.", "Ｐａｒｉｓ", "Paris, says Nova", "Rome")] == [1, 1, 0, 0]


def test_questions_about_a_name_that_nobody_gave_are_left_out(tmp_path):
    path = written(
        tmp_path,
        '- {prompt: "who?", kind: identity, expect: ["{name}"]}\n- {prompt: "2+2", expect: ["4"], forbid: ["{name}"]}',
    )
    (probe,) = load_probes(path, IdentitySection())
    assert (probe.prompt, probe.forbid) == ("2+2", ())


def test_a_question_may_be_a_dialogue(tmp_path):
    text = "- prompt: [{role: system, content: You are Ada.}, {role: user, content: 'Name?'}]\n  expect: Ada\n"
    (probe,) = load_probes(written(tmp_path, text), IdentitySection())
    assert (probe.prompt, len(probe.messages), probe.expect, probe.kind) == ("Name?", 2, ("Ada",), "kept")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{prompt: x}", "questions.yaml: a list of questions is a YAML list"),
        ("- {kind: kept}", "questions.yaml, entry 1: an entry needs a `prompt`"),
        ("- just text", "questions.yaml, entry 1: an entry needs a `prompt`"),
        ("- {prompt: a}\n- {prompt: b, kind: other}", "questions.yaml, entry 2: kind “other” is unknown"),
        ("- {prompt: a\n- [", "questions.yaml, line 2: this is no valid YAML"),
    ],
)
def test_an_entry_that_cannot_be_used_is_named(tmp_path, text, sentence):
    with pytest.raises(UserError, match=None) as caught:
        load_probes(written(tmp_path, text), IdentitySection())
    assert caught.value.text().startswith(sentence)


def test_an_unknown_list_offers_the_shipped_ones(home):
    with pytest.raises(UserError, match="no list of questions “identiti”. Lists that ship: identity"):
        probes_path("identiti", home)


def test_the_shipped_list_asks_both_kinds_in_both_languages():
    probes = load_probes(presets.root() / "probes" / "identity.yaml", IdentitySection(name="Nova", author="Lab"))
    assert {probe.kind for probe in probes} == {"identity", "kept"}
    assert all(probe.expect for probe in probes)


def test_the_score_falls_when_the_rest_is_forgotten():
    rows = [{"kind": "identity", "score": 1.0}, {"kind": "kept", "score": 1.0}, {"kind": "kept", "score": 0.0}]
    assert mean_scores(rows) == {"identity_score": 1.0, "kept_score": 0.5, "score": 0.75}
    assert mean_scores(rows[:1]) == {"identity_score": 1.0, "score": 1.0}


def test_asking_leaves_the_training_tree_and_the_random_numbers_alone(tmp_path, hub, spec):
    import torch
    from peft import LoraConfig, get_peft_model

    from workbench.models.trees import tree

    base = hub.load(spec().model)
    model = get_peft_model(tree(base.model), LoraConfig(r=2, target_modules="all-linear", lora_dropout=0.5)).train()
    questioner = Questioner(load_probes(written(tmp_path, '- {prompt: "hi"}'), IdentitySection()), base.tokenizer, "")
    state = torch.get_rng_state()
    first = questioner.ask(model, 0)
    assert model.training and torch.equal(torch.get_rng_state(), state)
    assert first.rows[0] | {"answer": ""} == {"step": 0, "prompt": "hi", "answer": "", "score": 1.0, "kind": "kept"}
    assert first.scores == {"kept_score": 1.0, "score": 1.0}
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "lora_B" in name:
                value.normal_()
    assert questioner.ask(model, 1).rows[0]["answer"] != first.rows[0]["answer"], "live weights are asked"
    assert questioner.ask(model, 2, stop=lambda: True) is None
