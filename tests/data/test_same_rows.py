"""A row in the page is the row that the report, the conversion and the training see, whatever its container holds."""

import datetime
import decimal
import json
import math

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from workbench.data.convert import convert
from workbench.data.load import load
from workbench.data.readers import read_rows
from workbench.data.reading import Reading
from workbench.data.sources import Source
from workbench.data.spool import Spool
from workbench.data.view import View

DAY, MOMENT = datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 13, 5, 7)
TABLE = {
    "prompt": ["When?", "What?", "Who?"],
    "response": pyarrow.array([MOMENT, None, MOMENT]),
    "chat": pyarrow.array([[{"day": DAY, "price": decimal.Decimal("1.10"), "score": math.nan}], [], None]),
    "share": [0.1, math.nan, math.inf],
    "price": pyarrow.array([decimal.Decimal("1.10"), None, decimal.Decimal("2.50")]),
    "raw": [b"text", "é".encode(), b"\xff\x00"],
    "pairs": pyarrow.array([[("a", 1.5)], [], None], pyarrow.map_(pyarrow.string(), pyarrow.float64())),
    "seconds": pyarrow.array([datetime.timedelta(seconds=90), None, None]),
    "sure": [True, None, False],
}
PLAIN = [
    {"prompt": "When?", "response": "2024-02-29 13:05:07", "chat": [{"day": "2024-02-29", "price": "1.10",
     "score": None}], "share": "0.1", "price": "1.10", "raw": "text", "pairs": [["a", 1.5]], "seconds": "0:01:30",
     "sure": True},
    {"prompt": "What?", "response": None, "chat": [], "share": None, "price": None, "raw": "é", "pairs": [],
     "seconds": None, "sure": None},
    {"prompt": "Who?", "response": "2024-02-29 13:05:07", "chat": None, "share": "inf", "price": "2.50", "raw": "/wA=",
     "pairs": None, "seconds": None, "sure": False},
]  # fmt: skip


def parquet(folder):
    path = folder / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table(TABLE), path)
    return path


def arrow(folder):
    path = folder / "a.arrow"
    table = pyarrow.table(TABLE)
    with pyarrow.ipc.new_file(path, table.schema) as file:
        file.write_table(table)
    return path


def sheet(folder):
    path, book = folder / "a.xlsx", openpyxl.Workbook()
    head = ("prompt", "response", "when", "share", "sure")
    for cells in (head, ("When?", MOMENT, DAY, 0.1, True), ("What?", 3, None, 1e20, None)):
        book.active.append(cells)
    book.save(path)
    return path


def values(folder):
    path = folder / "a.json"
    rows = [
        {"prompt": "big", "response": "x", "id": 2**70}, {"prompt": "none", "response": "y", "id": None},
        {"prompt": "not a number", "response": "z", "id": [1.5, math.nan, -math.inf]},
    ]  # fmt: skip
    path.write_text(json.dumps(rows))
    return path


@pytest.mark.parametrize("write", [parquet, arrow, sheet, values])
def test_page_report_and_conversion_see_the_same_row(tmp_path, write):
    path = write(tmp_path)
    view = View([Source(str(path))], Reading())
    view.scan()
    assert type(view.rows) is Spool
    pages, read = view.items(range(1, 100)), load(path)
    assert repr([row.value for row in view.rows.fetch(1, 99)]) == repr([row.value for row in read_rows(path)])
    assert [(item.row, item.record) for item in pages if item.record is not None] == [
        *zip(read.rows, read.records, strict=True)
    ]
    assert [(item.row, item.reason.text()) for item in pages if item.reason] == [
        (bad.row, bad.reason.text()) for bad in read.report.bad
    ]
    report = convert(path, tmp_path / "out.jsonl", "canonical")
    assert (report.rows_good, report.rows_bad) == (view.report.rows_good, view.report.rows_bad)
    written = [json.loads(line)["messages"][1]["content"] for line in (tmp_path / "out.jsonl").open(encoding="utf-8")]
    assert written == [item.record.messages[1].content for item in pages if item.record is not None] != []


@pytest.mark.parametrize("write", [parquet, arrow])
def test_a_packed_row_is_plain_json(tmp_path, write):
    assert [row.value for row in read_rows(write(tmp_path))] == PLAIN


def test_a_sheet_is_text_yes_and_no_too(tmp_path):
    first, second = [row.value for row in read_rows(sheet(tmp_path))]
    assert first == {
        "prompt": "When?", "response": "2024-02-29 13:05:07", "when": "2024-02-29", "share": "0.1", "sure": "TRUE"
    }  # fmt: skip
    assert second["response"] == "3" and second["share"] == "1e+20"
