"""The data tab's handlers: report, pages, one row as tokens, conversion; refusals are sentences, nothing is lost."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from workbench.ui.app import App
from workbench.ui.i18n import Texts
from workbench.ui.tabs import data

HOW = ("", "")  # format and encoding are found out


@pytest.fixture
def tab(home, monkeypatch):
    monkeypatch.setattr(data, "_AT_ONCE_SECONDS", 30.0)  # however busy the machine is
    with gr.Blocks():
        return data.build(App(home), Texts("en"))


@pytest.fixture
def put(home):
    def write(name, *rows):
        path = home / "data" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
        return f"data/{name}"

    return write


def rows(count):
    return [{"query": f"question {n}", "response": f"answer {n}"} for n in range(1, count + 1)]


def listed(page):
    return [int(row) for row in re.findall(r'<tr data-row="(\d+)"', page)]


def test_a_chosen_file_is_reported_and_its_first_page_shown(tab, put):
    report, problem, pending, page, where, number = tab.look(put("a.jsonl", *rows(20), "{broken"), *HOW)
    assert "20 good rows" in report and "1 bad rows" in report and (problem, pending, number) == ("", "", 1)
    assert listed(page) == list(range(1, 16)) and "of 2 · 21 rows" in where


def test_pages_turn_within_their_bounds_and_can_show_bad_rows_only(tab, put):
    name = put("a.jsonl", *rows(20), "{broken")
    tab.look(name, *HOW)
    page, _, number = tab.turn(name, *HOW, "all", 1, 1, step=1)
    assert (listed(page), number) == ([16, 17, 18, 19, 20, 21], 2)
    assert tab.turn(name, *HOW, "all", 2, 1, step=1)[2] == 2
    assert tab.turn(name, *HOW, "all", -5, 1)[2] == 1
    assert tab.turn(name, *HOW, "all", None, None)[2] == 1
    assert listed(tab.turn(name, *HOW, "bad", 1, 1)[0]) == [21]


def test_a_clicked_row_is_marked_and_painted_as_it_trains(tab, put, tiny_model):
    from transformers import AutoTokenizer

    from workbench.data.load import load
    from workbench.data.render import render

    name, model = put("a.jsonl", *rows(3)), str(tiny_model())
    tab.look(name, *HOW)
    row, tokens, page, *_ = tab.choose(name, *HOW, "all", 1, 1, model, "", 1024, SimpleNamespace(row=2))
    rendered = render(load(tab.files.locate(name)).records[1], AutoTokenizer.from_pretrained(model), 1024)
    assert row == 2 and 'data-row="2" aria-selected="true"' in page
    assert [int(number) for number in re.findall(r'title="(\d+) ·', tokens)] == rendered.input_ids
    assert "trained special" in tokens  # the end of the answer
    assert "plain special" in tokens  # <|im_start|>


def test_a_row_that_cannot_be_shown_says_why(tab, put, tiny_model):
    name, model = put("a.jsonl", *rows(1), {"query": "x", "response": ""}), str(tiny_model())
    tab.look(name, *HOW)
    assert "“response” is empty" in tab.paint(name, *HOW, 2, model, "", 1024)
    assert "There is no row 3" in tab.paint(name, *HOW, 3, model, "", 1024)
    assert "Choose or upload a data file first." in tab.paint(None, *HOW, 1, model, "", 1024)
    assert "There is no model folder" in tab.paint(name, *HOW, 1, "/nope", "", 1024)
    assert "Nothing of this row would be learned" in tab.paint(name, *HOW, 1, model, "", 8)
    text = put("t.jsonl", {"prompt": "a", "chosen": "b", "rejected": "c"})
    tab.look(text, *HOW)
    assert 'class="wb-raw"' in tab.paint(text, *HOW, 1, model, "", 1024)
    assert 'role="alert"' in tab.paint(text, *HOW, 1, model, "", 1024)


def test_an_upload_is_copied_into_the_workspace_and_chosen(tab, tmp_path, home):
    upload = tmp_path / "mine.jsonl"
    upload.write_text(json.dumps(rows(1)[0]))
    chosen, problem = tab.take(str(upload))
    assert (chosen["value"], problem) == ("data/mine.jsonl", "")
    assert (home / "data" / "mine.jsonl").read_text() == upload.read_text()


def test_a_file_that_is_gone_or_outside_is_a_sentence(tab, tmp_path):
    assert "There is no file data/gone.jsonl" in tab.look("data/gone.jsonl", *HOW)[1]
    assert "is not in the workspace" in tab.look(str(tmp_path / "x"), *HOW)[1]
    assert "No data file yet" in tab.look(None, *HOW)[0]


def test_a_conversion_is_a_download_or_a_file_of_the_workspace(tab, put, home):
    name = put("a.jsonl", *rows(2), "{broken")
    told, result, _ = tab.convert(name, *HOW, "alpaca", ".json", False, kept=False)
    assert "2 rows in a.alpaca.json, 1 bad rows left out." in told
    assert json.loads(Path(result["value"]).read_text())[0] == {
        "instruction": "question 1", "input": "", "output": "answer 1",
    }  # fmt: skip
    told, result, files = tab.convert(name, *HOW, "chatml", ".jsonl", False, kept=True)
    assert "data/a.chatml.jsonl" in told and result["visible"] is False
    assert files["choices"] == ["data/a.chatml.jsonl", "data/a.jsonl"]
    assert "<|im_start|>" in (home / "data" / "a.chatml.jsonl").read_text()


def test_a_conversion_that_is_refused_writes_nothing(tab, put, home):
    told, *_ = tab.convert(put("a.jsonl", "{broken"), *HOW, "alpaca", ".json", False, kept=True)
    assert 'role="alert"' in told
    told, *_ = tab.convert(put("b.jsonl", *rows(1)), *HOW, "alpaca", ".json", True, kept=True)
    assert 'role="alert"' in told
    assert "Choose or upload a data file first." in tab.convert(None, *HOW, "alpaca", ".json", False, kept=True)[0]
    assert sorted(path.name for path in (home / "data").iterdir()) == ["a.jsonl", "b.jsonl"]


def test_a_large_file_is_shown_while_it_is_still_read(tab, put, monkeypatch):
    import threading

    from workbench.data import load

    gate, real = threading.Event(), load.Scan.__iter__

    def slow(self):
        for number, item in enumerate(real(self)):
            if number == 3:
                gate.wait(30)
            yield item

    monkeypatch.setattr(load.Scan, "__iter__", slow)
    monkeypatch.setattr(data, "_AT_ONCE_SECONDS", 0.05)
    name = put("a.jsonl", *rows(5))
    report, _, pending, *_ = tab.look(name, *HOW)
    assert "reading …" in report and pending == name
    assert tab.poll(name, *HOW, "")[0] == gr.skip()
    gate.set()
    assert tab.files.open(name).wait(30)
    report, _, pending, page, *_ = tab.poll(name, *HOW, name)
    assert "5 good rows" in report and pending == "" and listed(page) == [1, 2, 3, 4, 5]
