"""Tables: the header names the columns, cells stay text, a broken record costs itself only."""

import gzip
import zipfile

import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest

from workbench.data.load import load
from workbench.data.records import Conversation, Feedback, Message


@pytest.fixture
def write(tmp_path):
    def write(name: str, content: str, encoding: str = "utf-8"):
        path = tmp_path / name
        path.write_bytes(content.encode(encoding))
        return path

    return write


TALK = Conversation.of(("user", "a, b"), ("assistant", "N/A"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", 'instruction,input,output\n"a, b",,N/A\n'),
        ("a.csv", 'instruction;input;output\n"a, b";;N/A\n'),
        ("a.csv", "instruction\tinput\toutput\na, b\t\tN/A\n"),
        ("a.tsv", "instruction\tinput\toutput\na, b\t\tN/A\n"),
        ("a.csv", 'Instruction,Output\r\n"a, b",N/A\r\n'),
        ("a.csv", '\ufeff指令,输入,输出\n"a, b",,N/A\n'),
        ("a.csv", '问题,回答\n"a, b",N/A\n'),
        ("a", 'question,answer\n"a, b",N/A\n'),
    ],
)
def test_delimiters_and_headers_are_told_and_cells_stay_as_they_stand(write, name, text):
    assert load(write(name, text)).records == [TALK]


def test_numbers_keep_their_leading_zeros(write):
    assert load(write("a.csv", "question,answer\nphone?,01012345678\n")).records[0].messages[1].content == "01012345678"


def test_a_gbk_table_from_excel_is_read(write):
    loaded = load(write("a.csv", "指令,输出\n你好吗,我很好\n", "gbk"))
    assert loaded.report.encoding == "gb18030"
    assert loaded.records == [Conversation.of(("user", "你好吗"), ("assistant", "我很好"))]


def test_a_cell_may_span_lines(write):
    loaded = load(write("a.csv", 'question,answer\n"a\nb","c\n\nd"\ne,f\n'))
    assert [record.messages[1].content for record in loaded.records] == ["c\n\nd", "f"]


def test_a_quote_that_never_closes_costs_its_own_line_only(write):
    report = load(write("a.csv", 'question,answer\na,b\nc,"d\ne,f\ng,h\n')).report
    assert report.rows_good == 3
    assert [(bad.row, bad.line, bad.reason.key) for bad in report.bad] == [(2, 3, "data.row.broken_quote")]


def test_a_row_with_too_many_cells_names_both_numbers(write):
    report = load(write("a.csv", "question,answer\na,b,c\nd,e\n")).report
    assert [(bad.row, bad.line, bad.reason.params) for bad in report.bad] == [(1, 2, {"cells": 3, "columns": 2})]
    assert report.rows_good == 1


def test_nested_columns_of_a_table_are_unfolded(write):
    text = 'messages,label\n"[{""role"":""user"",""content"":""a""},{""role"":""assistant"",""content"":""b""}]",true\n'
    assert load(write("a.csv", text)).records == [Feedback((Message("user", "a"),), (Message("assistant", "b"),), True)]


def test_an_answer_that_is_json_stays_text(write):
    loaded = load(write("a.csv", 'prompt,completion\nq,"{""label"": ""好""}"\nq,"[{""a"": 1}]"\nq,%s\n' % ("[" * 9999)))
    said = [record.messages[1].content for record in loaded.records]
    assert said == ['{"label": "好"}', '[{"a": 1}]', "[" * 9999]
    pairs = load(write("b.csv", 'prompt,chosen,rejected\n"{""q"": 1}","{""a"": 1}","{""a"": 2}"\n')).records
    assert pairs[0].prompt[0].content == '{"q": 1}' and pairs[0].rejected[0].content == '{"a": 2}'


def test_excels_line_that_names_the_delimiter_is_no_header(write):
    assert load(write("a.csv", "sep=;\ninstruction;output\na, b;N/A\n")).records == [TALK]


def test_parquet_and_arrow_are_read(tmp_path):
    table = arrow.table({"question": ["a", "b", None], "answer": ["1", "", "x"], "id": [1, 2, 3]})
    parquet.write_table(table, tmp_path / "a.parquet")
    with arrow.ipc.new_stream(tmp_path / "b.arrow", table.schema) as stream:
        stream.write_table(table)
    with arrow.ipc.new_file(tmp_path / "c.arrow", table.schema) as file:
        file.write_table(table)
    for name in ("a.parquet", "b.arrow", "c.arrow"):  # under a wrong name, or packed, the bytes still tell what it is
        data = (tmp_path / name).read_bytes()
        (tmp_path / f"{name}.json").write_bytes(data)
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(data))
    for name in (first + more for first in ("a.parquet", "b.arrow", "c.arrow") for more in ("", ".json", ".gz")):
        report = load(tmp_path / name).report
        assert (report.format, report.rows_good, report.encoding) == ("question_answer", 2, ""), name
        assert [(bad.row, bad.line) for bad in report.bad] == [(2, None)]


def test_a_broken_parquet_file_says_so(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and nothing more")
    report = load(tmp_path / "a.parquet").report
    assert [bad.reason.key for bad in report.bad] == ["data.row.broken_container"]


def test_a_workbook_is_read_as_text_over_all_its_sheets(tmp_path):
    _workbook(
        tmp_path / "a.xlsx",
        [
            [["问题", "回答"], ["一加一", 2], [], ["电话", "01012345678"]],
            [["question", "answer"], ["pi", 3.5], ["so?", True]],
            [],
        ],
    )
    loaded = load(tmp_path / "a.xlsx")
    assert [record.messages[1].content for record in loaded.records] == ["2", "01012345678", "3.5", "TRUE"]
    assert loaded.report.format == "question_answer"


def _workbook(path, sheets):
    """The smallest XLSX that Excel would open: a zip of XML, one part per sheet."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    names, links, types = "", "", ""
    with zipfile.ZipFile(path, "w") as file:
        for number, rows in enumerate(sheets, 1):
            names += f'<sheet name="S{number}" sheetId="{number}" r:id="r{number}"/>'
            links += f'<Relationship Id="r{number}" Type="{office}/worksheet" Target="worksheets/s{number}.xml"/>'
            types += f'<Override PartName="/xl/worksheets/s{number}.xml" ContentType="{kind}.worksheet+xml"/>'
            body = ""
            for at, cells in enumerate(rows, 1):
                body += f'<row r="{at}">'
                for column, cell in zip("ABC", cells, strict=False):
                    if isinstance(cell, str):
                        body += f'<c r="{column}{at}" t="inlineStr"><is><t>{cell}</t></is></c>'
                    else:
                        told = ' t="b"' if isinstance(cell, bool) else ""
                        body += f'<c r="{column}{at}"{told}><v>{int(cell) if told else cell}</v></c>'
                body += "</row>"
            sheet = f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>'
            file.writestr(f"xl/worksheets/s{number}.xml", sheet)
        book = f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>{names}</sheets></workbook>'
        file.writestr("xl/workbook.xml", book)
        file.writestr(
            "xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{package}/relationships">{links}</Relationships>'
        )
        root = f'<Relationship Id="r1" Type="{office}/officeDocument" Target="xl/workbook.xml"/>'
        file.writestr("_rels/.rels", f'<Relationships xmlns="{package}/relationships">{root}</Relationships>')
        types += f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        default = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        file.writestr("[Content_Types].xml", f'<Types xmlns="{package}/content-types">{default}{types}</Types>')


def test_headers_in_traditional_characters_are_known(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("問題,回覆\n這是什麼意思？請用繁體中文回答,這是一個用來測試編碼的例子\n".encode("big5"))
    loaded = load(path, encoding="big5")
    assert loaded.report.rows_good == 1, loaded.report.bad
