"""The comparison runs each way for real; the figures themselves are for a quiet machine and more steps."""

from __future__ import annotations

from workbench.bench.training import WAYS, compare


def test_every_way_is_timed_and_compared(tiny_model):
    report = compare(steps=2, rounds=1, model=str(tiny_model("qwen3")))
    assert report["steps"] == 2 and report["rows"] > 100
    assert set(report["cpu_ms_per_step"]) == set(report["wall_ms_per_step"]) == set(WAYS)
    assert set(report["ratio"]) == set(WAYS) - {"ours"}
    assert all(value > 0 for times in (report["cpu_ms_per_step"], report["ratio"]) for value in times.values())
