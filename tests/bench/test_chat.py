"""bench/chat.py: several columns in one batch cost little more than one."""

from workbench.bench import chat


def test_the_comparison_measures_every_way_and_three_adapters_cost_less_than_the_target(monkeypatch):
    monkeypatch.setattr(chat, "TOKENS", 40)
    report = chat.compare(rounds=2)
    assert set(report["ms_per_token"]) == {
        "base", "one adapter", "base + 1", "base + 3", "peft: one adapter", "peft: base + 3",
    }  # fmt: skip
    assert all(0 < row["min"] <= row["median"] for row in report["ms_per_token"].values())
    assert report["ratio_to_one_adapter"]["base + 3"] <= 2.6
    assert len(report["attach_ms"]) == 3
