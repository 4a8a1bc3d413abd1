"""Rows by page, found and filtered, without keeping them: by byte offset in lines, by a written copy elsewhere."""

import gzip
import json

import pytest

from workbench.data import view as view_module
from workbench.data.line_index import STRIDE, LineIndex, rows_in
from workbench.data.load import iter_records
from workbench.data.readers import read_rows
from workbench.data.reading import Reading
from workbench.data.row_set import RowSet
from workbench.data.sources import Source, parse
from workbench.data.view import View
from workbench.errors import UserError


def lines(path, *texts, codec="utf-8"):
    path.write_bytes("".join(text + "\n" for text in texts).encode(codec))
    return path


def row(number, answer="fine"):
    return json.dumps({"query": f"问题 {number}", "response": f"{answer} {number}"}, ensure_ascii=False)


def opened(path, monkeypatch=None, **reading):
    if monkeypatch:
        monkeypatch.setattr(view_module, "_SPOOLED_BELOW", 0)
    found = View([Source(str(path))], Reading(**reading))
    found.scan()
    return found


@pytest.fixture
def mixed(tmp_path):
    """300 rows with blank lines, broken ones, Windows line ends and no line break at the end."""
    texts = [row(number) + ("\r" if number % 7 == 0 else "") for number in range(1, 301)]
    for place in (250, 100, 64, 5, 0):
        texts.insert(place, "  \t" if place % 2 else "")
    texts[200] = '{"query": "cut'
    path = tmp_path / "mixed.jsonl"
    path.write_bytes("\n".join(texts).encode())
    return path


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "gb18030"])
def test_rows_fetched_by_number_are_those_that_are_read_in_order(mixed, codec):
    mixed.write_bytes(mixed.read_bytes().decode().encode(codec))
    expected = [(item.row, item.line, item.value, str(item.reason)) for item in read_rows(mixed, encoding=codec)]
    index = LineIndex(mixed, codec)
    index.build()
    assert index.rows == len(expected) == 300 and index.complete.is_set()
    for first in (1, 60, STRIDE, STRIDE + 1, 130, 299):
        got = [(item.row, item.line, item.value, str(item.reason)) for item in index.fetch(first, 15)]
        assert got == expected[first - 1 : first + 14]
    wanted = [3, 64, 65, 66, 192, 193, 300]
    assert [item.value for item in index.fetch_all(wanted)] == [expected[number - 1][2] for number in wanted]


def test_an_index_built_in_small_pieces_is_the_same(mixed, monkeypatch):
    whole = LineIndex(mixed)
    whole.build()
    monkeypatch.setattr("workbench.data.line_index._CHUNK", 100)
    pieces = LineIndex(mixed)
    pieces.build()
    assert (pieces.rows, pieces._offsets, pieces._lines) == (whole.rows, whole._offsets, whole._lines)


def test_blank_lines_are_no_rows():
    starts, numbers, count = rows_in(b"\n{}\n  \r\n\xef\xbb\xbf{}\n \n{}")
    assert (starts.tolist(), numbers.tolist(), count) == ([1, 8, 16], [1, 3, 5], 6)


@pytest.mark.parametrize(
    ("needle", "rows"),
    [("问题 299", [299]), ("FINE 7", [7, *range(70, 80)]), ("query", [197]), ("cut", [197]), ("nothing", [])],
)
def test_a_search_finds_values_in_any_capitals_and_no_column_names_but_all_of_a_broken_row(mixed, needle, rows):
    index = LineIndex(mixed)
    index.build()
    assert list(index.search(needle)) == rows


@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_search_knows_the_capitals_of_other_alphabets(tmp_path, ascii_only):
    path = tmp_path / "a.jsonl"
    texts = ["привет", "Привет", "ПРИВЕТ", "Ärger", "ÄRGER"]
    path.write_text("\n".join(json.dumps({"text": text}, ensure_ascii=ascii_only) for text in texts), encoding="utf-8")
    index = LineIndex(path)
    index.build()
    assert list(index.search("Привет")) == [1, 2, 3] and list(index.search("ärger")) == [4, 5]


def test_a_search_finds_text_that_json_wrote_with_escapes(tmp_path):
    text = 'say "甲\n乙" now'
    path = lines(
        tmp_path / "a.jsonl", json.dumps({"text": text}), json.dumps({"text": text}, ensure_ascii=False), row(1)
    )
    index = LineIndex(path)
    index.build()
    assert list(index.search('"甲\n乙')) == [1, 2]


def test_a_page_of_lines_is_read_where_it_stands(mixed, monkeypatch):
    found = opened(mixed, monkeypatch)
    assert type(found.rows) is LineIndex and found.whole
    items, count = found.page(2, 10)
    assert ([item.row for item in items], count) == (list(range(11, 21)), 300)
    assert items[0].record.messages[0].content == "问题 11"
    assert [(item.row, item.reason.key) for item in found.page(1, 10, ["bad"])[0]] == [(197, "data.row.cut_off")]
    assert found.page(30, 10)[0][-1].row == 300 and found.page(31, 10) == ([], 300)


@pytest.mark.parametrize("form", ["array", "gzip", "utf-16", "csv", "folder", "several"])
def test_what_cannot_be_read_from_the_middle_is_paged_too(tmp_path, form):
    values = [{"query": f"q{number}", "response": f"a{number}" if number != 20 else ""} for number in range(1, 41)]
    text = "\n".join(json.dumps(value) for value in values)
    path = tmp_path / f"a.{'csv' if form == 'csv' else 'jsonl'}"
    what = str(path)
    if form == "array":
        path.write_text(json.dumps(values))
    elif form == "gzip":
        path.write_bytes(gzip.compress(text.encode()))
    elif form == "utf-16":
        path.write_bytes(text.encode("utf-16"))
    elif form == "csv":
        path.write_text("query,response\n" + "".join(f"{one['query']},{one['response']}\n" for one in values))
    else:
        folder = tmp_path / "many"
        folder.mkdir()
        (folder / "1.jsonl").write_text("\n".join(text.split("\n")[:15]))
        (folder / "2.jsonl").write_text("\n".join(text.split("\n")[15:]))
        what = str(folder) if form == "folder" else f"{folder / '1.jsonl'}; {folder / '2.jsonl'}"
    found = View(parse(what, tmp_path), Reading())
    found.scan()
    items, count = found.page(2, 15)
    assert count == 40 and [item.row for item in items] == list(range(16, 31))
    assert [item.value for item in items if item.row != 20] == [value for value in values[15:30] if value["response"]]
    (bad,) = found.page(1, 9, ["bad"])[0]
    assert bad.row == 20 and "“response” is empty" in bad.reason.text()
    assert found.search("Q33") == 1 and found.page(1, 9, ["search:Q33"])[0][0].row == 33


def test_rows_are_filtered_by_kind_format_and_warning_and_filters_are_joined(tmp_path):
    path = lines(
        tmp_path / "a.jsonl", row(1), row(1), '{"text": "mail a@b.com"}', row(2, "a@b.com"), "{",
        '{"prompt": "p", "chosen": "x", "rejected": "y"}',
    )  # fmt: skip
    found = opened(path)
    rows = {name: list(found.select([name])) for name in found.names()}
    assert rows == {
        "good": [1, 2, 3, 4, 6], "bad": [5], "kind:conversation": [1, 2, 4], "kind:text": [3], "kind:preference": [6],
        "format:query_response": [1, 2, 4], "format:raw_text": [3], "format:preference": [6],
        "code:email": [3, 4], "code:exact_duplicates": [2], "code:short_answer": [6],
    }  # fmt: skip
    assert list(found.select(["kind:conversation", "code:email"])) == [4]
    assert found.select(["all"]) is None and list(found.select(["code:nothing"])) == []
    found.found["truncated"] = RowSet([1, 6])
    assert found.names()["truncated"] == 2 and list(found.select(["truncated", "good"])) == [1, 6]


def test_all_rows_of_a_warning_are_listed_however_many(tmp_path):
    found = opened(lines(tmp_path / "a.jsonl", *[row(number, "a@b.com") for number in range(1500)]))
    assert len(found.report.warnings[0].rows) == 1000
    assert found.page(100, 15, ["code:email"])[1] == 1500


def test_rows_that_make_up_one_dialogue_show_it_at_the_first(tmp_path):
    parts = [
        {"message_id": "1", "parent_id": None, "text": "hi", "role": "prompter"},
        {"message_id": "2", "parent_id": "1", "text": "hello", "role": "assistant"},
    ]
    found = opened(lines(tmp_path / "a.jsonl", *map(json.dumps, parts)))
    first, second = found.items([1, 2])
    assert [turn.content for turn in first.record.messages] == ["hi", "hello"]
    assert (second.record, second.reason) == (None, None)


def test_a_reading_overrides_what_is_found_out(tmp_path):
    path = lines(tmp_path / "a.jsonl", json.dumps({"甲": "q &amp; a", "乙": "x"}), codec="gb18030")
    found = opened(path, encoding="gb18030", mapping=(("prompt", "甲"), ("response", "乙")), repairs=("html_entity",))
    (item,) = found.items([1])
    assert [turn.content for turn in item.record.messages] == ["q & a", "x"]
    assert list(found.columns) == ["甲", "乙"] and found.report.repaired == {"html_entity": 1}


def test_a_scan_that_is_stopped_keeps_what_it_saw(tmp_path, monkeypatch):
    monkeypatch.setattr(view_module, "_TOLD_ROWS", 10)
    path = lines(tmp_path / "a.jsonl", *[row(number) for number in range(50)])
    found = View([Source(str(path))], Reading())

    def tell(fraction, rows):
        if rows == 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        found.scan(tell)
    assert not found.whole and found.report.rows_good == 29 and found.statistics["records"] == 29
    assert found.page(2, 15)[0][-1].row == 30


def test_offers_are_counted_by_trying_them(tmp_path):
    path = lines(
        tmp_path / "a.jsonl", row(1, "R&amp;D"), row(2, " spaced"), row(3, "C:\\new"), row(4, "one\\n two"),
        row(5) + ",", '{"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}, '
        '{"role": "assistant", "content": "c"}]}',
    )  # fmt: skip
    found = opened(path)
    counts = {"html_entity": 1, "edge_whitespace": 1, "literal_newline": 1, "trailing_comma": 1, "merge_turns": 1}
    assert found.report.offers == counts and found.report.to_json()["offers"] == counts
    again = opened(path, repairs=tuple(counts))
    assert again.report.repaired == counts and again.report.rows_bad == 0


def test_memory_does_not_grow_with_the_rows(tmp_path, monkeypatch):
    """Numbers that wait on disk give the same report as those in memory."""
    path = lines(tmp_path / "a.jsonl", *[row(number % 40, "x" * (number % 9)) for number in range(400)])
    plain = opened(path)
    for module in ("quality", "numbers"):
        monkeypatch.setattr(f"workbench.data.{module}.SPILLED_ROWS", 16)
    monkeypatch.setattr("workbench.data.numbers._SORTED_AT_ONCE", 50)
    spilled = opened(path)
    assert spilled.report.to_json() == plain.report.to_json() and spilled.statistics == plain.statistics
    assert spilled.watch._row._spilled == 400 and len(spilled.watch._row.tail) == 0


def test_every_page_is_what_the_reader_yields(tmp_path):
    path = lines(tmp_path / "a.jsonl", *[row(number) for number in range(30)], "[1]", '{"x": 1}')
    read = [(item.row, item.slug, item.record, str(item.reason)) for item in iter_records(path)]
    assert [(item.row, item.slug, item.record, str(item.reason)) for item in opened(path).items(range(1, 33))] == read


def test_a_reading_of_unknown_options_is_refused():
    assert Reading.of({"from": "alpaca", "map": {"prompt": "q"}, "repair": "mojibake", "encoding": ""}) == Reading(
        "alpaca", None, (("prompt", "q"),), ("mojibake",)
    )
    for options in ({"form": "alpaca"}, {"map": ["prompt"]}):
        with pytest.raises(UserError):
            Reading.of(options)


def test_rows_that_all_ask_the_same_are_compared_in_parts_too(tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.data.numbers._SORTED_AT_ONCE", 8)
    path = lines(tmp_path / "a.jsonl", *[json.dumps({"query": "q", "response": f"a {n}"}) for n in range(40)])
    assert [(item.code, item.count) for item in opened(path).report.warnings][:1] == [("conflicting_answers", 40)]
