"""bench/chat.py: every way is measured; how they compare is for a quiet machine."""

import pytest

from workbench.bench import chat


def test_the_comparison_measures_every_way(monkeypatch):
    monkeypatch.setattr(chat, "TOKENS", 12)
    report = chat.compare(rounds=1)
    assert set(report["ms_per_token"]) == {
        "base", "one adapter", "base + 1", "base + 3", "peft: one adapter", "peft: base + 3",
    }  # fmt: skip
    assert all(0 < row["min"] <= row["median"] for row in report["ms_per_token"].values())
    times, ratios = report["ms_per_token"], report["ratio_to_one_adapter"]
    assert ratios["base + 3"] == pytest.approx(times["base + 3"]["min"] / times["one adapter"]["min"], abs=0.01)
    assert len(report["attach_ms"]) == 3
