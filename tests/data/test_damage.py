"""Whatever a file holds, it gives rows with reasons or one sentence, never a traceback."""

import csv
import json
import random

import pytest
from test_formats import CASES

from workbench.data.convert import convert
from workbench.data.load import load
from workbench.data.reading import Reading
from workbench.data.sources import Source
from workbench.data.survey import inspect
from workbench.data.view import View
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


def _nested(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


_GOOD = '{"instruction": "q", "output": "a"}'
_TURNS = '{"messages": [{"role": "user", "content": "q"}, %s{"role": "assistant", "content": "a"}]%s}'
_CALL = '{"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": %s}}]},' \
        '{"role": "tool", "content": "r"}, '  # fmt: skip


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
@pytest.mark.parametrize("levels", [260, 990, 1020])
@pytest.mark.parametrize("text", [False, True])
def test_tools_that_no_writer_could_nest_so_deeply_cost_their_row_only(tmp_path, name, levels, text):
    inner = json.dumps(_nested(levels)) if text else _nested(levels)
    offered = json.dumps(f"[{_nested(levels)}]") if text else f"[{_nested(levels)}]"
    lines = [_GOOD, _TURNS % ("", f', "tools": {offered}'), _TURNS % (_CALL % inner, ""), _GOOD]
    (tmp_path / name).write_text("\n".join(lines), encoding="utf-8")
    report, _ = inspect(tmp_path / name)
    assert (report.rows_good, [bad.reason.key for bad in report.bad]) == (2, ["data.row.too_deep"] * 2)
    view = View([Source(str(tmp_path / name))], Reading())  # rows are written down to be leafed through
    view.scan()
    assert [bool(item.record) for item in view.page(1, 9)[0]] == [True, False, False, True]
    for out, to in (("out.jsonl", "canonical"), ("out.parquet", "openai"), ("out.csv", "sharegpt")):
        assert convert(tmp_path / name, tmp_path / out, to).rows_good == 2


def test_what_is_nested_as_deeply_as_can_be_read_is_written_and_read_again(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(_TURNS % ("", f', "tools": [{_nested(190)}]'), encoding="utf-8")
    assert convert(path, tmp_path / "b.jsonl", "canonical").rows_good == 1
    assert load(tmp_path / "b.jsonl").records == load(path).records


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("place", ["arguments", "text", "tools"])
def test_a_number_that_json_does_not_have_is_named_instead_of_becoming_null(tmp_path, number, place):
    row = {
        "arguments": _TURNS % (_CALL % f'{{"x": [{number}]}}', ""),
        "text": _TURNS % (_CALL % json.dumps(f'{{"x": {number}}}'), ""),
        "tools": _TURNS % ("", f', "tools": [{{"default": {number}}}]'),
    }[place]
    (tmp_path / "a.jsonl").write_text(f"{_GOOD}\n{row}\n", encoding="utf-8")
    report = convert(tmp_path / "a.jsonl", tmp_path / "b.jsonl", "messages")
    shown = "Infinity" if number == "1e999" else number
    assert (report.rows_good, report.bad[0].reason.key) == (1, "data.row.not_finite")
    assert report.bad[0].reason.params == {"value": shown}


@pytest.mark.parametrize("weight", ["NaN", "Infinity", "1" + "0" * 400])
def test_a_weight_that_is_no_number_to_multiply_with_is_refused(tmp_path, weight):
    row = _TURNS % ("", "")
    weighted = row.replace('"content": "a"', f'"content": "a", "weight": {weight}')
    (tmp_path / "a.jsonl").write_text(f"{row}\n{weighted}\n", encoding="utf-8")
    report = load(tmp_path / "a.jsonl").report
    assert (report.rows_good, [bad.reason.key for bad in report.bad]) == (1, ["data.row.bad_weight"])


@pytest.mark.parametrize("score", ["NaN", '"nan"', "Infinity", "1" + "0" * 400])
def test_a_score_that_is_no_number_prefers_no_answer(tmp_path, score):
    answers = '[{"response": "one", "overall_score": %s}, {"response": "two", "overall_score": 3}]'
    rows = ['{"instruction": "q", "completions": %s}' % (answers % score), _GOOD]
    (tmp_path / "a.jsonl").write_text("\n".join(rows), encoding="utf-8")
    report = load(tmp_path / "a.jsonl").report
    assert (report.rows_good, [bad.reason.key for bad in report.bad]) == (1, ["data.row.bad_score"])


def test_half_a_character_in_json_inside_a_text_costs_its_row_only(tmp_path):
    half = '{"x": "\\ud83d"}'
    rows = [
        _GOOD, _TURNS % (_CALL % json.dumps(half), ""), _TURNS % ("", f', "tools": {json.dumps(f"[{half}]")}'),
        json.dumps({"round_0": {"response": '{"Q": "\\ud83d", "A": "a"}'}}),
    ]  # fmt: skip
    (tmp_path / "a.jsonl").write_text("\n".join(rows), encoding="utf-8")
    assert convert(tmp_path / "a.jsonl", tmp_path / "b.jsonl", "canonical").rows_good == 1
    cell = json.dumps([{"role": "user", "content": "\ud83d"}, {"role": "assistant", "content": "a"}])
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["messages", "id"], [cell, "1"], [cell.replace("\\ud83d", "q"), "2"]])
    assert convert(tmp_path / "a.csv", tmp_path / "b.jsonl", "canonical").rows_good == 1
