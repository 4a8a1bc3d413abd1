"""The tables of estimates: what is told of them, and that what was held out is not what the estimate was made on."""

import pytest

from workbench.bench import memory
from workbench.bench.memory import HELD_OUT, KNOWN, SHAPES, Configuration
from workbench.ui.i18n import Texts


def test_nothing_is_both_known_and_held_out_and_each_shape_can_be_built():
    names = [str(item) for item in (*KNOWN, *HELD_OUT)]
    assert len(set(names)) == len(names)
    assert len(HELD_OUT) >= 12 and {item.shape for item in (*KNOWN, *HELD_OUT)} == set(SHAPES)
    assert {"lora", "full", "freeze", "ia3", "prefix"} <= {item.method for item in HELD_OUT}


def test_a_line_that_lies_outside_is_measured_twice_more_and_the_worst_is_named(monkeypatch):
    asked = []

    def process(what, given):
        if what == "build":
            return memory._build(**given)
        asked.append(given["item"]["batch"])
        factor = {1: [1.0], 2: [2.0, 1.25, 1.2]}[given["item"]["batch"]]
        peak = round(estimates[len(set(asked)) - 1] / factor[asked.count(given["item"]["batch"]) - 1])
        return {"peak_bytes": peak, "libraries_bytes": 5}

    monkeypatch.setitem(memory.SHAPES, "qwen3", memory.SHAPES["qwen3"] | {"hidden_size": 64, "intermediate_size": 96})
    monkeypatch.setattr(memory, "_process", process)
    estimates = []
    from workbench.memory import estimate as module

    whole = module.estimate
    monkeypatch.setattr(
        module, "estimate", lambda *a, **k: estimates.append((found := whole(*a, **k)).total_bytes) or found
    )
    near, far = Configuration("qwen3", batch=1, length=32), Configuration("qwen3", batch=2, length=32)
    table = memory.compare((near, far))["chosen"]
    assert [line["ratio"] for line in table["configurations"]] == [1.0, 1.25]
    assert [len(line["all_measured_mb"]) for line in table["configurations"]] == [1, 3]
    assert (table["ratio_min"], table["ratio_max"], table["within_15_percent"], table["of"]) == (1.0, 1.25, 1, 2)
    assert table["worst"] == "qwen3 lora 2x32: 1.25"


def test_people_read_the_tables_in_their_language():
    line = {"configuration": "qwen3 lora 4x256", "estimated_mb": 110.0, "measured_mb": 100.0, "ratio": 1.1}
    told = {name: memory._table([line, line | {"ratio": 0.8, "configuration": "x"}]) for name in ("known", "held_out")}
    english = memory.text(told, Texts("en"))
    assert english.count("1 of 2 within 15 %, ratios 0.80 to 1.10; farthest off: x: 0.8") == 2
    assert "qwen3 lora 4x256  110          100          1.10" in english
    assert memory.text(told, Texts("zh")).count("偏差最大：x: 0.8") == 2


def test_a_training_is_measured_for_real():
    table = memory.compare((Configuration("qwen3", batch=1, length=32),))["chosen"]
    (line,) = table["configurations"]
    assert line["measured_mb"] > line["libraries_mb"] > 100
    assert line["ratio"] == pytest.approx(line["estimated_mb"] / line["measured_mb"], rel=1e-2)
