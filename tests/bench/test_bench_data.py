"""The data bench measures both sides on the same rows."""

from workbench.bench.data import compare, generate
from workbench.data.survey import inspect


def test_the_generated_file_is_alpaca_and_the_same_for_a_seed(tmp_path):
    for name in ("a.jsonl", "b.jsonl"):
        generate(tmp_path / name, 60)
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    report, _ = inspect(tmp_path / "a.jsonl")
    assert (report.format, report.rows_good, report.rows_bad) == ("alpaca", 60, 0)


def test_both_sides_are_measured():
    found = compare(50)
    for side in ("ours", "theirs"):
        assert found[side]["rows_per_second"] > 0 and found[side]["peak_memory_bytes"] > 1 << 20
    assert found["ratio"] > 0
