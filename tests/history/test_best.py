"""The best checkpoint: judged by what was measured at its own step, or not at all."""

from workbench.history.best import Best, best_checkpoint, best_step


def test_the_lowest_loss_on_held_out_rows_wins_over_the_score(make):
    rows = [
        {"step": 10, "eval_loss": 0.5, "score": 1.0},
        {"step": 20, "eval_loss": 0.3, "score": 0.5},
        {"step": 30, "eval_loss": 0.4},
    ]
    run = make("one", rows, (10, 20, 30))
    assert best_checkpoint(run) == Best(20, "eval_loss", 0.3)
    assert best_checkpoint(run).checkpoint == "checkpoint-20"


def test_of_two_that_know_the_new_the_one_that_forgot_less(make):
    rows = [
        {"step": 10, "score": 1.0, "kept_score": 0.9},
        {"step": 20, "score": 1.0, "kept_score": 0.7},
        {"step": 30, "score": 0.9},
    ]
    assert best_checkpoint(make("one", rows, (10, 20, 30))) == Best(10, "score", 1.0)


def test_of_equal_ones_the_later(make):
    rows = [{"step": step, "score": 1.0, "kept_score": 1.0} for step in (10, 20)]
    assert best_checkpoint(make("one", rows, (10, 20))) == Best(20, "score", 1.0)


def test_the_training_loss_is_no_judge(make):
    run = make("one", [{"step": 10, "loss": 0.5}, {"step": 20, "loss": 0.1}], (10, 20))
    assert best_checkpoint(run) is None


def test_what_was_measured_at_a_step_without_checkpoint_does_not_count(make):
    rows = [{"step": 15, "eval_loss": 0.1}, {"step": 20, "eval_loss": 0.3}]
    assert best_checkpoint(make("one", rows, (20,))) == Best(20, "eval_loss", 0.3)
    assert best_step(rows) == Best(15, "eval_loss", 0.1)
