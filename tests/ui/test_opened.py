"""Data files on the server: scanned once, leafed through by page, never outside the workspace."""

import json
import threading

import pytest

from workbench.data.reading import Reading
from workbench.data.view import View
from workbench.errors import UserError
from workbench.ui.i18n import Texts
from workbench.ui.opened import OpenedFiles, safe_name, summary
from workbench.ui.report import raw_html, report_html, rows_html

T = Texts("en")


@pytest.fixture
def files(home):
    return OpenedFiles(home)


def put(home, name, *rows):
    path = home / "data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return f"data/{name}"


def row(number):
    return {"query": f"question {number}", "response": f"answer {number}"}


def scanned(files, name, **how):
    found = files.open(name, Reading(**how))
    assert found.wait(30)
    return found


def test_a_file_without_a_row_is_no_report_but_a_sentence(files, home):
    page = report_html(scanned(files, put(home, "none.jsonl")), T)
    assert "There is not a single row in it" in page and "0 good" not in page


def test_the_same_file_is_scanned_once_and_again_when_it_changed(files, home):
    name = put(home, "a.jsonl", row(1))
    first = scanned(files, name)
    assert files.open(name) is first
    assert files.open(name, Reading("query_response")) is not first
    put(home, "a.jsonl", row(1), row(2))
    assert scanned(files, name).view.count == 2
    assert scanned(files, "data/").view.count == 2
    put(home, "b.jsonl", row(1))
    assert scanned(files, "data/").view.count == 3  # a folder changes with its files


def test_several_files_folders_and_registry_entries_are_offered_and_read_as_one(files, home):
    put(home, "a.jsonl", row(1), "{broken")
    put(home, "sub/b.jsonl", {"q": "x", "a": "y"})
    columns = {"prompt": "q", "response": "a"}
    put(home, "dataset_info.json", json.dumps({"mine": {"file_name": "sub/b.jsonl", "columns": columns}}))
    assert files.folders() == ["data/sub/", "data/dataset_info.json#mine"]
    found = scanned(files, "data/a.jsonl; data/dataset_info.json#mine")
    assert (found.report.rows_good, found.report.rows_bad) == (2, 1)
    assert found.view.items([3])[0].record.messages[1].content == "y"
    assert "a.jsonl" in found.view.items([2])[0].reason.text()


def test_a_registry_cannot_lead_out_of_the_workspace(files, home, tmp_path):
    (tmp_path / "secret.jsonl").write_text('{"text": "x"}\n')
    put(home, "dataset_info.json", json.dumps({"mine": {"file_name": "../../secret.jsonl"}}))
    with pytest.raises(UserError, match="is not in the workspace"):
        files.open("data/dataset_info.json#mine")


def test_a_hub_that_cannot_be_reached_says_so(files, monkeypatch):
    def fail(*given, **named):
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr("datasets.load_dataset", fail)
    found = scanned(files, "hf://owner/name?split=train[:10]")
    page = report_html(found, T)
    assert found.view is None and "owner/name" in page and "HF_ENDPOINT" in page and 'role="alert"' in page


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
        ("我的 问答（三条）、“新”.xlsx", ("我的 问答（三条）、“新”", ".xlsx")),
        ("a; b * 0.5@c#d\u202e.csv", ("a_ b _ 0.5_c_d_", ".csv")),
        ("...", ("data", "")),
        ("x" * 300 + ".json", ("x" * 80, ".json")),
    ],
)
def test_an_uploads_name_can_be_a_files(given, kept):
    assert safe_name(given) == kept


def test_a_file_that_is_forgotten_is_not_read_to_its_end(files, home, monkeypatch):
    monkeypatch.setattr("workbench.data.view._TOLD_ROWS", 1)
    gate, real = threading.Event(), View.scan

    def held(self, tell):
        gate.wait(30)
        real(self, tell)

    monkeypatch.setattr(View, "scan", held)
    names = [put(home, f"{number}.jsonl", row(1), row(2)) for number in range(8)]
    found = [files.open(name) for name in names]
    gate.set()
    assert all(one.wait(30) for one in found)
    assert [one.task.stopped for one in found] == [True, True, *[False] * 6]


def test_the_report_shows_reasons_warnings_and_figures_without_markup(files, home):
    nasty = {"query": "<img src=x onerror=alert(1)> ${1}", "response": "a@b.com"}
    found = scanned(files, put(home, "a.jsonl", nasty, nasty, {"query": "x", "response": ""}, {"<b>": 1}))
    page = report_html(found, T)
    for text in ("query_response", "2 good rows", "2 bad rows", "row 3, line 3", "e-mail", "turns", "&lt;b&gt;"):
        assert text in page
    pages = rows_html(found.view.page(1, 9)[0], 2, T) + raw_html(found.view.item(1), T)
    assert "<img" not in page + pages and "${" not in page + pages and "<b>:" not in page
    assert 'data-row="2" aria-selected="true"' in pages


def test_a_file_that_cannot_be_read_as_asked_says_so(files, home):
    with pytest.raises(UserError, match="There is no encoding “klingon”"):
        files.open(put(home, "a.jsonl", row(1)), Reading(encoding="klingon"))


def test_a_row_is_one_short_line(files, home):
    found = scanned(files, put(home, "a.jsonl", {"query": "a\n b", "response": "c " * 400}, "{broken"))
    good, bad = found.view.items([1, 2])
    assert summary(good, T).startswith("a b → c c c") and len(summary(good, T)) == 160
    assert summary(bad, T) == "{broken"
    assert "broken" in raw_html(bad, T)


def test_a_file_that_holds_no_rows_says_what_it_is_where_its_row_would_stand(files, home):
    (home / "data").mkdir(exist_ok=True)
    (home / "data" / "photo.csv").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    (item,) = scanned(files, "data/photo.csv").view.items([1])
    assert "this is a PNG file" in rows_html([item], 1, T) and raw_html(item, T) == ""
    assert "PNG 文件" in rows_html([item], 1, Texts("zh"))


def test_personal_data_is_covered_until_asked_for(files, home):
    found = scanned(files, put(home, "a.jsonl", {"query": "mail", "response": "me@example.com 13812345678"}))
    items = found.view.items([1])
    for page in (rows_html(items, 1, T), raw_html(items[0], T)):
        assert "me@" in page and "example.com" not in page and "2345678" not in page
    for page in (rows_html(items, 1, T, covered=False), raw_html(items[0], T, covered=False)):
        assert "me@example.com 13812345678" in page


def test_figures_are_drawn_and_warnings_lead_to_all_their_rows(files, home):
    found = scanned(files, put(home, "a.jsonl", *[row(n) | {"response": "a@b.com"} for n in range(20)], "{", "{"))
    page = report_html(found, T)
    assert page.count("<svg") == 2 and "wb-shares" in page
    assert 'data-show="code:email"' in page


def test_a_scan_that_goes_on_shows_how_far_it_is_and_can_be_stopped(files, home, monkeypatch):
    monkeypatch.setattr("workbench.data.view._TOLD_ROWS", 2)
    gate, begun, real = threading.Event(), threading.Event(), View._fraction

    def held(self):
        begun.set()
        gate.wait(30)
        return real(self)

    monkeypatch.setattr(View, "_fraction", held)
    found = files.open(put(home, "a.jsonl", *[row(n) for n in range(9)]))
    assert begun.wait(30)
    assert "<progress" in report_html(found, T) and "Reading" in report_html(found, T)
    found.task.stop()
    gate.set()
    assert found.wait(30) and found.task.stopped
    assert "Stopped after 2 rows" in report_html(found, T)


def test_a_large_file_is_shown_as_soon_as_it_has_rows_and_a_small_one_when_it_is_read(files, home, monkeypatch):
    going = threading.Event()
    scan = View.scan

    def held(view, tell):
        scan(view, lambda fraction, rows: rows and going.wait(30))

    monkeypatch.setattr(View, "scan", held)
    monkeypatch.setattr("workbench.data.view._SPOOLED_BELOW", 0)
    name = put(home, "a.jsonl", *[row(number) for number in range(600)])
    monkeypatch.setattr("workbench.ui.opened._SMALL_BYTES", 0)
    found = files.open(name)
    found.wait_to_show(30)
    assert found.view.count == 600 and not found.done
    going.set()
    monkeypatch.setattr("workbench.ui.opened._SMALL_BYTES", 1 << 20)
    found.wait_to_show(30)
    assert found.done and found.error is None
