"""bench/live.py: a run that is asked while it trains, against itself alone."""

from workbench.bench.live import compare


def test_a_run_is_measured_alone_and_asked_and_learns_the_same_both_ways():
    report = compare(rounds=1, stretches=2, steps=2, tokens=8)
    assert report["same_curve"] is True
    assert report["answers"] >= 4 and report["tokens"] >= report["answers"]
    assert set(report["slowdown_per_answer_second"]) == {"cpu", "wall"}
    assert report["ms_per_step"]["alone"] > 0 and report["answers_cpu_ms_per_step"] > 0
