"""A set of prompts asked of several columns: every answer as if asked alone, what failed, stop, and the files."""

import csv
import json
import threading

import pytest

from workbench.chat import set_runs
from workbench.chat.engine import Engine
from workbench.chat.prompts import ChatOptions
from workbench.chat.set_runs import SetRun, SetRuns
from workbench.errors import UserError
from workbench.models.hub import Hub
from workbench.specs.model import ModelSection

NASTY = "<script>alert(1)</script>"


def wait(run):
    for thread in threading.enumerate():
        if thread.name == "prompt set":
            thread.join(60)
    return run


def filled():
    run = SetRun([NASTY, ["q", "a", "q2"]], ["base", "<b>"], ChatOptions(), "")
    run.events += [(0, 0, "same", None), (0, 1, " same", None), (1, 0, NASTY, None), (1, 1, "no", None)]
    return run


def test_every_answer_is_the_one_given_alone_and_a_column_that_fails_says_so(home, make_run, tiny_model, monkeypatch):
    monkeypatch.setattr(set_runs, "ROWS_AT_ONCE", 4)  # several batches
    model = str(tiny_model())
    make_run("anna", tiny_model())
    engine = Engine(Hub(), home, foreign=False)
    prompts = ["one", "two", ["q", "a", "three"]]
    try:
        run = wait(SetRuns(lambda: engine).begin(prompts, ["base", "anna", "lost"], {"max_tokens": 4}, model))
        alone = [engine.answer([p], ["base", "anna"], {"max_tokens": 4}, ModelSection(path=model))[0] for p in prompts]
    finally:
        engine.close()
    shown = run.shown(0, str)
    assert (shown["done"], shown["total"], shown["running"], shown["problem"]) == (9, 9, False, "")
    assert [[row["answers"][name] for name in ("base", "anna")] for row in run.rows()] == alone
    assert {column for _, column, _, error in shown["events"] if error} == {2}
    assert run.shown(7, str)["events"] == shown["events"][7:]


def test_a_stopped_run_has_no_half_answers(home, tiny_model):
    engine = Engine(Hub(), home, foreign=False)
    run = SetRun(["one", "two"], ["base"], ChatOptions(), str(tiny_model()))
    run.stop()
    run.run(engine)
    engine.close()
    shown = run.shown(0, str)
    assert (shown["done"], shown["running"], shown["stopped"]) == (0, False, True)


def test_only_prompts_whose_answers_differ_are_left_by_the_filter():
    assert [row["prompt"] for row in filled().rows(differing=True)] == [["q", "a", "q2"]]


def test_answers_are_written_as_lines_table_and_page(tmp_path):
    run = filled()
    lines = set_runs.export(run, "jsonl", tmp_path / "a.jsonl").read_text().splitlines()
    assert json.loads(lines[1])["answers"] == {"base": NASTY, "<b>": "no"}
    with set_runs.export(run, "csv", tmp_path / "a.csv").open(newline="") as file:
        table = list(csv.reader(file))
    assert table[0] == ["prompt", "base", "<b>"] and table[2] == ["user: q\nassistant: a\nuser: q2", NASTY, "no"]
    page = set_runs.export(run, "html", tmp_path / "a.html").read_text()
    assert NASTY not in page and "<b>" not in page
    assert page.count("&lt;script&gt;") == 2 and "&lt;b&gt;" in page
    with pytest.raises(UserError):
        set_runs.export(run, "exe", tmp_path / "a.exe")
