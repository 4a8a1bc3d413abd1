"""A few values of a few knobs: every combination once, marked, and summarised with the best first."""

import pytest

from workbench import runs
from workbench.errors import UserError
from workbench.history import sweep
from workbench.specs import parse

SPEC = parse({"identity.name": "Nova", "identity.author": "Lab"})


def test_values_are_those_of_the_command_line():
    assert sweep.parse_values("adapter.r=8, 16") == ("adapter.r", [8, 16])
    assert sweep.parse_values("training.learning_rate=1e-3,2e-4") == ("training.learning_rate", [1e-3, 2e-4])
    assert sweep.parse_values("adapter.target_modules=all-linear|q_proj,v_proj")[1] == ["all-linear", "q_proj,v_proj"]


def test_a_switch_that_may_be_left_open_is_swept_over_all_three():
    path, values = sweep.parse_values("training.gradient_checkpointing=auto,true,false")
    found = [point.spec.training.gradient_checkpointing for point in sweep.points(SPEC, {path: values})]
    assert found == ["auto", True, False]


@pytest.mark.parametrize(
    "text", ["adapter.r", "adapter.r=", "=1,2", "adapter.r=8,,16", "adapter.r=8,8", "training.weight_decay=1e-3,0.001"]
)
def test_a_text_without_values_is_refused(text):
    with pytest.raises(UserError):
        sweep.parse_values(text)


def test_a_knob_in_two_lines_is_refused_instead_of_losing_one():
    assert sweep.grid_of(["adapter.r=8,16", "training.seed=1,2"]) == {"adapter.r": [8, 16], "training.seed": [1, 2]}
    with pytest.raises(UserError) as refused:
        sweep.grid_of(["adapter.r=8,16", " adapter.r =32,64"])
    assert refused.value.text("en").startswith("adapter.r is named twice")


def test_every_combination_once_in_order():
    found = sweep.points(SPEC, {"adapter.r": [8, 16], "training.seed": [1, 2]})
    assert [dict(point.values) for point in found] == [
        {"adapter.r": 8, "training.seed": 1}, {"adapter.r": 8, "training.seed": 2},
        {"adapter.r": 16, "training.seed": 1}, {"adapter.r": 16, "training.seed": 2},
    ]  # fmt: skip
    assert [(point.spec.adapter.r, point.spec.training.seed) for point in found] == [(8, 1), (8, 2), (16, 1), (16, 2)]


@pytest.mark.parametrize(
    "grid", [{}, {"adapter.r": [8]}, {"adapter.r": range(1, 66)}, {"adapter.r": [8, 0]}, {"no.knob": [1, 2]}]
)
def test_no_knob_one_run_too_many_runs_and_wrong_values_are_refused(grid):
    with pytest.raises(UserError):
        sweep.points(SPEC, grid)


def made(make, name, values, rows):
    run = make(name, rows, (10,))
    sweep.mark(run, "s", sweep.Point(values, SPEC))
    return run


def test_a_summary_has_the_best_first_and_what_has_no_figure_last(make, home):
    made(make, "a", {"adapter.r": 8}, [{"step": 10, "loss": 0.1, "eval_loss": 0.5}])
    made(
        make,
        "b",
        {"adapter.r": 16},
        [{"step": 10, "loss": 0.3, "eval_loss": 0.2}, {"step": 20, "loss": 0.1, "eval_loss": 0.9}],
    )
    made(make, "c", {"adapter.r": 32}, [])
    make("other")
    found = sweep.summary(home, "s")
    assert found["judged_by"] == "eval_loss"
    assert [(row["run"], row["values"], row["best"]) for row in found["runs"]] == [
        ("b", {"adapter.r": 16}, {"step": 10, "by": "eval_loss", "value": 0.2}),
        ("a", {"adapter.r": 8}, {"step": 10, "by": "eval_loss", "value": 0.5}),
        ("c", {"adapter.r": 32}, None),
    ]  # fmt: skip


def test_without_held_out_rows_the_highest_score_then_the_last_loss_judges(make, home):
    made(make, "a", {}, [{"step": 10, "loss": 0.1, "score": 0.5}])
    made(make, "b", {}, [{"step": 10, "loss": 0.3, "score": 0.9}])
    assert [row["run"] for row in sweep.summary(home, "s")["runs"]] == ["b", "a"]
    for run in runs.every(home):
        run.metrics_path.write_text('{"step": 10, "loss": %s}\n' % (0.1 if run.name == "a" else 0.3))
    assert [row["run"] for row in sweep.summary(home, "s")["runs"]] == ["a", "b"]


def test_names_are_free_or_refused(make, home):
    assert sweep.free_name(home) == "sweep-1"
    sweep.mark(make("a"), "sweep-1", sweep.Point({}, SPEC))
    assert sweep.free_name(home) == "sweep-2"
    with pytest.raises(UserError, match="already a sweep"):
        sweep.free_name(home, "sweep-1")
    with pytest.raises(UserError, match="sweep-1"):
        sweep.summary(home, "s")
