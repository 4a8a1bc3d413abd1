"""Data files on the server: scanned once, leafed through by page, never outside the workspace."""

import json
import threading

import pytest

from workbench.errors import UserError
from workbench.ui import opened as opened_module
from workbench.ui.i18n import Texts
from workbench.ui.opened import OpenedFiles, safe_name, summary
from workbench.ui.report import raw_html, report_html, rows_html

T = Texts("en")


@pytest.fixture
def files(home):
    return OpenedFiles(home)


def put(home, name, *rows):
    path = home / "data" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return f"data/{name}"


def row(number):
    return {"query": f"question {number}", "response": f"answer {number}"}


def scanned(files, name, **how):
    found = files.open(name, **how)
    assert found.wait(30)
    return found


def test_pages_hold_all_good_or_bad_rows(files, home):
    name = put(home, "a.jsonl", *[row(n) for n in range(1, 8)], "{broken", row(9))
    found = scanned(files, name)
    items, count = found.page(2, 4)
    assert ([item.row for item in items], count) == ([5, 6, 7, 8], 9)
    assert [item.row for item in found.page(3, 4)[0]] == [9]
    assert [item.row for item in found.page(1, 4, "bad")[0]] == [8]
    assert found.page(1, 4, "good")[1] == 8
    assert found.item(9).record.messages[0].content == "question 9"
    assert found.item(10) is None
    assert found.statistics["records"] == 8


def test_the_same_file_is_scanned_once_and_again_when_it_changed(files, home):
    name = put(home, "a.jsonl", row(1))
    first = scanned(files, name)
    assert files.open(name) is first
    assert files.open(name, source="query_response") is not first
    put(home, "a.jsonl", row(1), row(2))
    assert scanned(files, name).page(1, 9)[1] == 2


def test_every_row_is_counted_but_only_the_first_are_kept(files, home, monkeypatch):
    monkeypatch.setattr(opened_module, "ROWS_KEPT", 3)
    found = scanned(files, put(home, "a.jsonl", *[row(n) for n in range(5)]))
    assert found.page(1, 9)[1] == 3 and found.report.rows_good == 5


def test_a_path_out_of_the_workspace_is_refused(files, home, tmp_path):
    (tmp_path / "secret.jsonl").write_text('{"text": "x"}\n')
    (home / "data").mkdir()
    (home / "data" / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    for name in ("../secret.jsonl", str(tmp_path / "secret.jsonl"), "data/link.jsonl"):
        with pytest.raises(UserError) as refusal:
            files.open(name)
        assert refusal.value.key == "dataset.outside"
    with pytest.raises(UserError, match="There is no file nope.jsonl"):
        files.open("nope.jsonl")


def test_an_upload_never_replaces_another_file(files, home, tmp_path):
    upload = tmp_path / "my rows.jsonl"
    upload.write_text('{"text": "one"}\n')
    assert files.add(upload) == "data/my rows.jsonl"
    assert files.add(upload) == "data/my rows.jsonl"  # the same bytes
    upload.write_text('{"text": "two"}\n')
    assert files.add(upload) == "data/my rows-2.jsonl"
    assert (home / "data" / "my rows.jsonl").read_text() == '{"text": "one"}\n'
    assert files.choices() == ["data/my rows-2.jsonl", "data/my rows.jsonl"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a.jsonl", ("a", ".jsonl")),
        ("a.b.jsonl.gz", ("a.b", ".jsonl.gz")),
        ("../../etc/passwd", ("passwd", "")),
        ("..\\x\\y.csv", ("y", ".csv")),
        (".hidden", ("hidden", "")),
        ("a\n<b>.json", ("a__b_", ".json")),
        ("数据.json", ("数据", ".json")),
        ("...", ("data", "")),
        ("x" * 300 + ".json", ("x" * 80, ".json")),
    ],
)
def test_an_uploads_name_can_be_a_files(given, kept):
    assert safe_name(given) == kept


def test_a_file_that_is_forgotten_is_not_read_to_its_end(files, home):
    found = opened_module.Opened(home / put(home, "a.jsonl", *[row(n) for n in range(9)]))
    found.drop()
    thread = threading.Thread(target=found.scan, args=(None, None))
    thread.start()
    thread.join(30)
    assert found.done and len(found.items) == 1


def test_the_report_shows_reasons_warnings_and_figures_without_markup(files, home):
    nasty = {"query": "<img src=x onerror=alert(1)> ${1}", "response": "a@b.com"}
    found = scanned(files, put(home, "a.jsonl", nasty, nasty, {"query": "x", "response": ""}, {"<b>": 1}))
    page = report_html(found, T)
    for text in ("query_response", "2 good rows", "2 bad rows", "row 3, line 3", "e-mail", "turns", "&lt;b&gt;"):
        assert text in page
    pages = rows_html(found.page(1, 9)[0], 2, T) + raw_html(found.item(1), T)
    assert "<img" not in page + pages and "${" not in page + pages and "<b>:" not in page
    assert 'data-row="2" aria-selected="true"' in pages


def test_a_file_that_cannot_be_read_says_so_in_the_report(files, home):
    found = scanned(files, put(home, "a.jsonl", row(1)), encoding="klingon")
    assert "There is no encoding “klingon”" in report_html(found, T)


def test_a_row_is_one_short_line(files, home):
    found = scanned(files, put(home, "a.jsonl", {"query": "a\n b", "response": "c " * 400}, "{broken"))
    assert summary(found.items[0]).startswith("a b → c c c") and len(summary(found.items[0])) == 160
    assert summary(found.items[1]) == "{broken"
