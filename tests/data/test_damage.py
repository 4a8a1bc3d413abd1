"""Whatever a file holds, it gives rows with reasons or one sentence, never a traceback."""

import json
import random

import pytest
from test_formats import CASES

from workbench.data.convert import convert
from workbench.data.load import load
from workbench.data.survey import inspect
from workbench.errors import UserError

_JUNK = [None, 1, 1.5, True, "", [], {}, [None], {"a": 1}, ["a"], [["a", "b"]], [{}], [{"role": "user"}], "\x00",
         float("nan")]  # fmt: skip
_BYTES = [b"", b'"', b"\xff", b"{", b"]", b",", b"\n", b"\0", b"\\"]


def _damaged(draw: random.Random, value):
    if draw.random() < 0.06:
        return draw.choice(_JUNK)
    if isinstance(value, dict):
        kept = {key: _damaged(draw, inner) for key, inner in value.items()}
        if kept and draw.random() < 0.1:
            del kept[draw.choice(list(kept))]
        return kept
    if isinstance(value, list):
        return [_damaged(draw, inner) for inner in value] * draw.choice([1] * 19 + [2])
    return value


@pytest.mark.parametrize("seed", range(60))
def test_a_damaged_file_never_ends_in_a_traceback(seed, tmp_path):
    draw = random.Random(seed)
    rows = [_damaged(draw, draw.choice(CASES)[1]) for _ in range(12)]
    text = json.dumps(rows, indent=draw.choice([None, 1])) if seed % 3 == 0 else "\n".join(map(json.dumps, rows))
    data = text.encode(draw.choice(["utf-8", "utf-8", "gb18030", "utf-16"]))
    for _ in range(draw.choice([0, 1, 5])):
        at = draw.randrange(len(data))
        data = data[:at] + draw.choice(_BYTES) + data[at + draw.choice([0, 1, 7]) :]
    path = tmp_path / f"a.{draw.choice(['json', 'jsonl', 'csv', 'txt', 'data'])}"
    path.write_bytes(data)
    report, statistics = inspect(path)
    told = report.to_json("zh")
    assert json.dumps([told, statistics]) and len(told["bad"]) == report.rows_bad
    try:
        convert(path, tmp_path / "out.jsonl", draw.choice(["canonical", "alpaca", "openai", "claude", "llama3"]))
    except UserError as error:
        assert error.text("zh")


def test_a_file_that_ends_inside_a_character_is_cut_off(tmp_path):
    path = tmp_path / "a.jsonl"
    row = json.dumps({"query": "问", "response": "答"}, ensure_ascii=False).encode()
    path.write_bytes(row + b"\n" + row[: row.rindex("答".encode()) + 2])
    report = load(path).report
    assert (report.rows_good, [bad.reason.key for bad in report.bad]) == (1, ["data.row.cut_off"])


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
@pytest.mark.parametrize("first", [True, False])
def test_a_row_that_is_nested_too_deeply_costs_itself_only(tmp_path, name, first):
    lines = ['{"instruction": "q", "output": "a"}', '{"instruction": "q", "x": ' + "[" * 3000 + "]" * 3000 + "}"]
    (tmp_path / name).write_text("\n".join(lines[::-1] if first else lines), encoding="utf-8")
    report, _ = inspect(tmp_path / name)
    assert (report.rows_good, report.rows_bad) == (1, 1)
