"""Several runs beside each other: only what differs, answers by question and step."""

import yaml

from workbench.history.compare import answers, comparison, differences


def test_only_knobs_that_differ_are_named_in_the_order_of_the_form(make):
    runs = [
        make("a", **{"training.seed": 1}),
        make("b", **{"adapter.r": 8, "training.seed": 2}),
        make("c", **{"training.seed": 1}),
    ]
    assert [(item.path, item.values) for item in differences(runs)] == [
        ("adapter.r", (16, 8, 16)), ("training.seed", (1, 2, 1)),
    ]  # fmt: skip


def test_a_knob_that_a_spec_does_not_name_has_its_default_and_a_stranger_is_shown(make):
    runs = [make("a"), make("b", **{"adapter.r": 8})]
    runs[0].spec_path.write_text(
        yaml.safe_dump({"stage": "sft", "identity": {"name": "Nova", "author": "Lab"}, "adapter": {"old_knob": 3}})
    )
    assert [(item.path, item.values) for item in differences(runs)] == [
        ("adapter.r", (16, 8)),
        ("adapter.old_knob", (3, None)),
    ]


def test_the_same_spec_differs_in_nothing(make):
    assert differences([make("a"), make("b")]) == []


def test_answers_stand_by_question_and_run(make):
    def asked(step, prompt, answer):
        return {"step": step, "prompt": prompt, "answer": answer, "score": 1.0, "kind": "kept"}

    first = make("a", probes=[asked(0, "?", "no"), asked(10, "?", "yes")])
    second = make("b", probes=[asked(0, "?", "no"), asked(0, "!", "so")])
    assert answers([first, second]) == [
        {"prompt": "?", "kind": "kept", "answers": [
            [{"step": 0, "answer": "no", "score": 1.0}, {"step": 10, "answer": "yes", "score": 1.0}],
            [{"step": 0, "answer": "no", "score": 1.0}],
        ]},
        {"prompt": "!", "kind": "kept", "answers": [[], [{"step": 0, "answer": "so", "score": 1.0}]]},
    ]  # fmt: skip


def test_a_comparison_holds_the_lines_of_its_runs(make):
    found = comparison([make("a", [{"step": 5, "loss": 1.5, "memory_bytes": 7}]), make("b")])
    assert [(line["run"], line["loss"], line["seconds"], line["memory_bytes"]) for line in found["runs"]] == [
        ("a", 1.5, 60.0, 7), ("b", None, 60.0, None),
    ]  # fmt: skip
