"""bench/bigdata.py: a large file in a real page."""

from workbench.bench.bigdata import compare, generate
from workbench.data.survey import inspect


def test_the_generated_file_has_the_size_that_was_asked_for_and_some_copies(tmp_path):
    rows = generate(tmp_path / "a.jsonl", 900_000)
    report, _ = inspect(tmp_path / "a.jsonl")
    assert report.rows_good == rows > 2000 and (tmp_path / "a.jsonl").stat().st_size >= 900_000
    assert {item.code for item in report.warnings} >= {"exact_duplicates"}


def test_first_page_speed_and_memory_are_measured(monkeypatch):
    monkeypatch.setenv("WORKBENCH_BENCH_GIGABYTES", "0.003")
    found = compare()
    assert 0 < found["first_page_ms"] < 60_000 and found["rows_per_second"] > 0  # how fast tells the machine
    assert 50e6 < found["began_bytes"] <= found["peak_memory_bytes"] < 300e6
