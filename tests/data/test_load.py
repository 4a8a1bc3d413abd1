"""Files of every container and with every kind of dirt -> records, reasons and lines."""

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import random
import tarfile
import zipfile

import pytest

from workbench.data.load import load
from workbench.data.records import Conversation, Message, Text
from workbench.errors import UserError

GOOD = [
    {"instruction": "译", "input": "雨", "output": "rain"},
    {"instruction": "Say hi", "input": "", "output": "hi"},
]
SECOND = Conversation.of(("user", "Say hi"), ("assistant", "hi"))


@pytest.fixture
def write(tmp_path):
    def write(name: str, content: str | bytes):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def lines(rows) -> str:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


WRAPPINGS = {
    "array": json.dumps(GOOD),
    "indented array": json.dumps(GOOD, indent=2, ensure_ascii=False),
    "lines": lines(GOOD),
    "lines with crlf": lines(GOOD).replace("\n", "\r\n") + "\r\n",
    "lines with blanks": "\n\n" + lines(GOOD).replace("\n", "\n \n") + "\n\n",
    "wrapped": json.dumps({"data": GOOD}),
    "wrapped after metadata": json.dumps({"version": 1, "data": GOOD}, indent=1),
    "table of rows": json.dumps({str(index): row for index, row in enumerate(GOOD)}),
    "columns of pandas": json.dumps(
        {column: {str(index): row[column] for index, row in enumerate(GOOD)} for column in GOOD[0]}
    ),
    "objects one after the other": "\n".join(json.dumps(row, indent=2) for row in GOOD),
    "trailing comma": json.dumps(GOOD)[:-1] + ",]",
}


@pytest.mark.parametrize("ending", [".json", ".jsonl", ".txt", ""])
@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_rows_are_found_in_any_wrapping_under_any_ending(write, wrapping, ending):
    loaded = load(write("rows" + ending, WRAPPINGS[wrapping]))
    assert loaded.report.to_json() == {
        "format": "alpaca", "formats": {"alpaca": 2}, "kind": "conversation", "encoding": "utf-8",
        "rows_good": 2, "rows_bad": 0, "bad": [], "warnings": [],
    }  # fmt: skip
    assert loaded.rows == [1, 2] and loaded.records[1] == SECOND


def test_instruction_and_input_are_joined_and_both_kept(write):
    question = load(write("a.json", json.dumps(GOOD))).records[0].messages[0]
    assert question.to_row() == {"role": "user", "content": "译\n雨", "instruction": "译", "input": "雨"}


ENCODINGS = {"utf-8-sig": "utf-8-sig", "utf-16": "utf-16", "utf-16-le": "utf-16-le", "gbk": "gb18030",
             "gb18030": "gb18030", "big5": "big5"}  # fmt: skip


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("wrapping", ["lines", "array"])
def test_encodings_are_told_from_the_bytes(write, encoding, wrapping):
    rows = [{"instruction": "翻译" if encoding != "big5" else "今天天氣", "output": "雨雪"}] * 3
    text = lines(rows) if wrapping == "lines" else json.dumps(rows, ensure_ascii=False)
    loaded = load(write("a.json", text.encode(encoding)))
    assert loaded.report.encoding == ENCODINGS[encoding]
    assert loaded.records == [Conversation.of(("user", rows[0]["instruction"]), ("assistant", "雨雪"))] * 3


def _table(rows, delimiter: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerows([list(rows[0]), *(row.values() for row in rows)])
    return text.getvalue()


TEXT_CONTAINERS = {
    "array.json": lambda rows: json.dumps(rows, ensure_ascii=False), "lines.jsonl": lines, "lines.json": lines,
    "array.jsonl": lambda rows: json.dumps(rows, ensure_ascii=False), "lines.txt": lines, "no_ending": lines,
    "data.json": lambda rows: json.dumps({"data": rows}, ensure_ascii=False),
    "comma.csv": lambda rows: _table(rows, ","), "semicolon.csv": lambda rows: _table(rows, ";"),
    "tab.csv": lambda rows: _table(rows, "\t"), "tab.tsv": lambda rows: _table(rows, "\t"),
}  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", *ENCODINGS, "utf-16-be"])
def test_every_text_container_is_read_in_every_encoding_packed_or_not(write, encoding):
    question = "請介紹臺灣的歷史與文化" if encoding == "big5" else "请介绍一下北京的历史"
    rows = [
        {"instruction": question, "input": "", "output": "雨，雪"},
        {"instruction": "a", "input": "b", "output": "c"},
    ]
    for name, text in TEXT_CONTAINERS.items():
        for ending, pack in (("", bytes), (".gz", gzip.compress)):
            loaded = load(write(name + ending, pack(text(rows).encode(encoding))))
            assert loaded.report.encoding == ENCODINGS.get(encoding, encoding), name
            assert loaded.records == [
                Conversation.of(("user", question), ("assistant", "雨，雪")),
                Conversation((Message("user", "a\nb", "a", "b"), Message("assistant", "c"))),
            ], name + ending


@pytest.mark.parametrize("ending", [".json", ".jsonl", ".csv", ".txt", ".parquet", ".xlsx", ".json.gz"])
def test_pointers_and_web_pages_are_named_under_any_ending(write, ending):
    pointer = load(write("pointer" + ending, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n"))
    assert pointer.report.format == "git_lfs_pointer"
    page = load(write("page" + ending, "<!DOCTYPE html>\n<html>404</html>"))
    assert [bad.reason.key for bad in page.report.bad] == ["data.row.html"]


def test_archives_and_documents_are_no_rows_of_rubbish(tmp_path):
    inner = json.dumps(GOOD[0]).encode()
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as packed, zipfile.ZipFile(tmp_path / "b.zip", "w") as other:
        entry = tarfile.TarInfo("a.bin")
        entry.size = len(inner)
        packed.addfile(entry, io.BytesIO(inner))
        other.writestr("a.bin", inner)
    (tmp_path / "c.jsonl").write_bytes(bz2.compress(inner))
    (tmp_path / "d.json").write_bytes(lzma.compress(inner))
    (tmp_path / "e.txt").write_bytes(b"%PDF-1.7 ...")
    (tmp_path / "f.csv").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    (tmp_path / "g.json").write_bytes(b"RIFF\x24\x08\x00\x00WAVEfmt " + bytes(64))
    for name, key, kind in [
        ("a.tar.gz", "archive", "tar"), ("b.zip", "archive", "zip"), ("c.jsonl", "archive", "bzip2"),
        ("d.json", "archive", "xz"), ("e.txt", "document", "pdf"),
        ("f.csv", "medium", "PNG"), ("g.json", "medium", "WAV"),
    ]:  # fmt: skip
        (bad,) = load(tmp_path / name).report.bad
        assert (bad.reason.key, bad.reason.params) == (f"data.row.{key}", {"kind": kind}), name


@pytest.mark.parametrize("content", [bytes(400), bytes(range(256)) * 4, b"BM\x88\x13" + bytes(40) + b"\xf7\x10" * 30])
@pytest.mark.parametrize("name", ["a.jsonl", "a.txt", "a.csv", "a.bin"])
def test_what_is_no_text_is_said_once_for_the_file(write, content, name):
    (bad,) = load(write(name, content)).report.bad
    assert (bad.row, bad.reason.key) == (1, "data.row.binary")


def test_zeros_that_a_crash_left_behind_good_rows_cost_no_more_than_a_row(write):
    report = load(write("a.jsonl", lines([{"instruction": "q", "output": "a"}]).encode() + b"\n" + bytes(5000))).report
    assert (report.encoding, report.rows_good, report.rows_bad) == ("utf-8", 1, 1)


def test_an_encoding_can_be_overridden_and_a_wrong_name_is_refused(write):
    path = write("a.json", lines([{"instruction": "é", "output": "ü"}]).encode("latin-1"))
    assert load(path, encoding="latin-1").records == [Conversation.of(("user", "é"), ("assistant", "ü"))]
    with pytest.raises(UserError, match="no encoding “klingon”"):
        load(path, encoding="klingon")


def test_a_bad_row_costs_only_itself_and_is_named_with_line_and_reason(write):
    path = write(
        "a.jsonl",
        b'{"instruction":"a","output":"b"}\n'
        b'{"instruction":"he said "hi" ","output":"b"}\n'
        b"\n"
        b'{"instruction":"a","output":"b"},\n'
        b'{"instruction":"a","output":NaN}\n'
        b'{"instruction":"\\ud83d","output":"b"}\n'
        b'{"instruction":"\xff","output":"b"}\n'
        b'{"instruction":"a","output":"  "}\n'
        b'{"instruction":"a"}\n'
        b"[1]\n"
        b'{"instruction":"a","output":"b"}',
    )
    report = load(path).report
    assert (report.rows_good, report.rows_bad, report.format) == (2, 8, "alpaca")
    told = [(bad.row, bad.line, bad.reason.key.removeprefix("data.row.")) for bad in report.bad]
    assert told == [
        (2, 2, "not_json"), (3, 4, "trailing_comma"), (4, 5, "not_text"), (5, 6, "lone_surrogate"), (6, 7, "not_utf8"),
        (7, 8, "empty_answer"), (8, 9, "no_answer"), (9, 10, "not_an_object"),
    ]  # fmt: skip


def test_an_array_goes_on_after_a_broken_element(write):
    rows = json.dumps(GOOD[1])
    text = (
        f'[{rows},\n{{"instruction": "he said "hi"", "output": {{"a": [{{"b": 1}}, {{"b": 2}}]}}}},\n{rows},\n{rows}]'
    )
    report = load(write("a.json", text)).report
    assert (report.rows_good, [(bad.row, bad.line, bad.reason.key) for bad in report.bad]) == (
        3, [(2, 2, "data.row.not_json")]
    )  # fmt: skip


@pytest.mark.parametrize("wrapping", ["array", "lines", "indented array"])
def test_a_truncated_file_says_so_at_its_last_row(write, wrapping):
    report = load(write("a.json", WRAPPINGS[wrapping][:-20])).report
    assert report.rows_good == 1
    assert [(bad.row, bad.reason.key) for bad in report.bad] == [(2, "data.row.cut_off")]


def test_gzip_is_unpacked_and_a_broken_stream_keeps_what_came_before(write):
    assert load(write("a.json.gz", gzip.compress(json.dumps(GOOD).encode()))).report.rows_good == 2
    many = lines({"instruction": os.urandom(20).hex(), "output": "b"} for _ in range(3000))
    report = load(write("b.jsonl.gz", gzip.compress(many.encode())[:-500])).report
    assert report.rows_good > 2500
    assert [bad.reason.key for bad in report.bad] == ["data.row.stream_ends"]


def test_files_that_are_no_data_are_named_as_what_they_are(write):
    pointer = load(write("a.json", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n")).report
    assert pointer.format == "git_lfs_pointer" and "git lfs pull" in pointer.to_json()["bad"][0]["reason"]
    page = load(write("b.json", "<!DOCTYPE html><html><title>404</title></html>")).report
    assert "web page" in page.to_json()["bad"][0]["reason"]
    empty = load(write("c.json", ""))
    assert empty.report.error("c.json").key == "data.no_rows"
    tokens = load(write("d.json", '[{"input_ids": [1], "labels": [1]}]')).report
    assert tokens.format == "tokenized" and tokens.error("d.json").key == "data.no_good_rows"


def test_plain_text_is_a_row_a_line(write):
    loaded = load(write("a.txt", "一\n\n二 \nthree"))
    assert loaded.records == [Text("一"), Text("二 "), Text("three")]
    assert loaded.report.kind == "text"


def test_a_line_of_text_ends_at_a_line_break_and_nowhere_else(write):
    kept = "一\f二\u2028三\x85四"
    text = "\n".join([kept] * 3) + "\n" + "字" * 70_000 + kept
    records = load(write("a.txt", text)).records
    assert records == [Text(kept)] * 3 + [Text("字" * 70_000 + kept)]


@pytest.mark.parametrize("end", ["", "]", "]}"])
def test_a_list_of_rows_that_is_not_closed_says_so(write, end):
    opened = load(write("a.json", '{"data": [' + lines(GOOD).replace("\n", ",\n") + end)).report
    assert opened.rows_good == 2
    assert [bad.reason.key for bad in opened.bad] == ([] if end else ["data.row.list_not_closed"])


@pytest.mark.parametrize("indent", [None, 1])
def test_a_second_list_of_rows_is_not_left_out_silently(write, indent):
    report = load(write("a.json", json.dumps({"train": GOOD, "about": {"n": [1]}, "test": GOOD}, indent=indent))).report
    assert (report.rows_good, [bad.reason.text() for bad in report.bad]) == (
        2, ["a second list, “test”, is in this file, and it is not read; give it a file of its own"],
    )  # fmt: skip
    after = load(write("b.json", json.dumps({"data": GOOD}, indent=1) + "{}")).report
    assert (after.rows_good, after.bad[0].reason.key) == (2, "data.row.behind_the_end")


def test_lines_whose_first_is_long_and_holds_a_list_are_still_lines(write):
    rows = [{"examples": [{"a": 1}]} | GOOD[0] | {"output": "长" * 9000}, *GOOD]
    report = load(write("a.jsonl", lines(rows))).report
    assert (report.container, report.rows_good, report.rows_bad) == ("jsonl", 3, 0)


LONG_NUMBER = 123456789012345678901234


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".csv", ".parquet"])
def test_integers_of_any_size_keep_their_digits(write, ending, tmp_path):
    from workbench.data.convert import convert

    call = {"type": "function", "function": {"name": "f", "arguments": {"id": LONG_NUMBER}}}
    turns = [
        {"role": "user", "content": "q"}, {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "r"}, {"role": "assistant", "content": "a"},
    ]  # fmt: skip
    rows = [{"messages": turns}] * 2
    source = write("a" + (ending if ending in (".json", ".jsonl") else ".jsonl"),
                   json.dumps(rows) if ending == ".json" else lines(rows))  # fmt: skip
    convert(source, tmp_path / f"b{ending}", "canonical")
    for path in (source, tmp_path / f"b{ending}"):
        assert [record.to_row() for record in load(path).records] == rows


@pytest.mark.parametrize("wrapping", ["lines", "array"])
def test_a_number_that_nobody_can_read_costs_its_own_row(write, wrapping):
    row = lines(GOOD[:1])[:-1] + f', "id": {"9" * 5000}' + "}"
    text = f"{row}\n{lines(GOOD)}" if wrapping == "lines" else f"[{row},{json.dumps(GOOD)[1:]}"
    report = load(write("a.json", text)).report
    assert (report.rows_good, [(bad.row, bad.reason.key) for bad in report.bad]) == (
        2, [(1, "data.row.too_many_digits")],
    )  # fmt: skip


@pytest.mark.parametrize("name", ["hex", "rot13", "idna", "undefined", "a\0b"])
def test_a_codec_that_is_none_of_text_is_refused_as_an_encoding(write, name):
    with pytest.raises(UserError, match="There is no encoding"):
        load(write("a.jsonl", lines(GOOD)), encoding=name)


def test_utf_16_is_read_without_its_mark_when_it_is_asked_for(write):
    for codec in ("utf-16-le", "utf-16-be", "utf-16"):
        assert load(write("a.jsonl", lines(GOOD).encode(codec)), encoding="utf-16").records[1] == SECOND
    assert load(write("a.jsonl", lines(GOOD).encode("utf-32-le")), encoding="utf-32").records[1] == SECOND


def test_what_a_row_says_stays_on_this_machine(write):
    secrets = ['{"instruction": "hush', '{"instruction": "a", "output": 5, "hush": 1}', '{"hush": 1}', '{"text": hush}',
               '{"messages": [{"role": "hush", "content": "a"}]}', '{"query": "a", "response": "b", "history": "hush"}',
               '["hush"]', '{"instruction": "a", "output": {"b": "hush"}}']  # fmt: skip
    bad = load(write("a.jsonl", "\n".join(secrets))).report.bad
    assert len(bad) == len(secrets) and sum("hush" in one.reason.text() for one in bad) >= 6
    assert not any("hush" in one.reason.text("en", outside=True) for one in bad)


def test_mixed_schemas_are_split(write):
    rows = [*GOOD, {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}]
    report = load(write("a.json", json.dumps(rows))).report
    assert report.format == "mixed" and dict(report.formats) == {"alpaca": 2, "sharegpt": 1}


def test_a_file_that_is_not_there_is_the_users_mistake(tmp_path):
    with pytest.raises(UserError, match="There is no file"):
        load(tmp_path / "nothing.json")


def _member(archive, name, content):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def test_an_archive_is_read_member_by_member(tmp_path):
    """As COIG's counterfactual dialogues come: one JSON file each in a tar.gz."""
    path = tmp_path / "coig.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for number in range(3):
            answer = json.dumps({"Q": f"甲{number}", "A": "乙"}, ensure_ascii=False)
            _member(archive, f"chat/{number}.json", json.dumps({"round_0": {"response": answer}}, indent=1).encode())
        _member(archive, "chat/._0.json", b"\x00\x05")
        _member(archive, "README.md", b"# not data")
        _member(archive, "table.csv", "问题,回答\n一加一,二\n".encode("gb18030"))
        _member(archive, "more.parquet", b"PAR1")
    loaded = load(path)
    assert [record.messages[0].content for record in loaded.records] == ["甲0", "甲1", "甲2", "一加一"]
    assert loaded.report.formats["coig_counterfactual"] == 3 and loaded.report.container == "tar"
    (bad,) = loaded.report.bad
    assert bad.row == 5 and "more.parquet: this is a tar archive; unpack it" in bad.reason.text()


def test_an_archive_that_breaks_off_keeps_what_came_before(tmp_path):
    path = tmp_path / "rows.tar.gz"
    noise = random.Random(0)
    with tarfile.open(path, "w:gz") as archive:
        for number in range(2):
            row = {"query": f"q{number}", "response": "".join(chr(noise.randrange(97, 123)) for _ in range(40_000))}
            _member(archive, f"{number}.jsonl", json.dumps(row).encode() + b"\n")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 3 // 4])
    loaded = load(path)
    assert len(loaded.records) == 1 and loaded.report.rows_bad >= 1


@pytest.mark.parametrize("ending", ["tar", "zip"])
def test_a_broken_member_is_told_and_takes_no_other_row_with_it(tmp_path, ending):
    path, noise = tmp_path / f"rows.{ending}", random.Random(0)
    lines = [json.dumps({"query": f"q{row}", "response": noise.randbytes(600).hex()}) + "\n" for row in range(300)]
    text = "".join(lines).encode()
    if ending == "tar":
        with tarfile.open(path, "w") as archive:
            _member(archive, "a.jsonl", text)
        path.write_bytes(path.read_bytes()[: len(text) * 3 // 4])
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.jsonl", text)
            archive.writestr("b.jsonl", lines[0])
        raw = bytearray(path.read_bytes())
        raw[len(text) * 3 // 4] ^= 1  # its checksum is wrong now
        path.write_bytes(raw)
    report = load(path).report
    assert 150 <= report.rows_good < 300
    last = [bad.reason.text() for bad in report.bad if "breaks off here" in bad.reason.text()]
    assert last[0].startswith("a.jsonl: the compressed file breaks off here") and (ending == "tar" or len(last) == 1)
    if ending == "zip":
        assert load(path).records[-1].messages[0].content == "q0"  # of the next member


def test_a_locked_member_of_a_zip_is_a_bad_row_and_the_others_are_read(tmp_path):
    path = tmp_path / "locked.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.jsonl", '{"query": "one", "response": "a"}\n')
        archive.writestr("b.jsonl", '{"query": "two", "response": "b"}\n')
    raw = bytearray(path.read_bytes())
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.find(mark) + flags] |= 1  # encrypted, it says
    path.write_bytes(raw)
    loaded = load(path)
    assert [record.messages[0].content for record in loaded.records] == ["two"]
    assert [bad.reason.text()[:36] for bad in loaded.report.bad] == ["a.jsonl: this is a zip archive; unpa"]


def test_a_zip_whose_texts_speak_of_office_folders_is_still_a_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:  # stored, so that the words stand in the file's bytes
        archive.writestr("1.jsonl", '{"query": "xl/ or word/?", "response": "a"}\n')
    assert [record.messages[0].content for record in load(tmp_path / "a.zip").records] == ["xl/ or word/?"]


def test_a_zip_of_data_files_is_read_in_the_order_of_their_names(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("b/2.jsonl", '{"query": "two", "response": "b"}\n')
        archive.writestr("b/1.jsonl", '{"query": "one", "response": "a"}\n')
        archive.writestr("__MACOSX/b/._1.jsonl", b"\x00")
    assert [record.messages[0].content for record in load(tmp_path / "a.zip").records] == ["one", "two"]
