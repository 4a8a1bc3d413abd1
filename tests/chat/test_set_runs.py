"""A set of prompts asked of several columns: every answer as if asked alone, what failed, stop, and the files."""

import csv
import json
import threading

import pytest

from workbench.chat import kept_sets, set_runs
from workbench.chat.engine import Delta, Engine
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
    run.answers |= {(0, 0): "same", (0, 1): " same", (1, 0): NASTY, (1, 1): "no"}
    return run


def test_every_answer_is_the_one_given_alone_and_a_column_that_fails_says_so(home, make_run, tiny_model, monkeypatch):
    monkeypatch.setattr(set_runs, "ROWS_AT_ONCE", 4)  # several batches
    model = str(tiny_model())
    make_run("anna", tiny_model())
    engine = Engine(Hub(), home, foreign=False)
    prompts = ["one", "two", ["q", "a", "three"]]
    try:
        sets = SetRuns(home, lambda: engine)
        run = wait(sets.begin(prompts, ["base", "anna", "lost"], {"max_tokens": 4}, model))
        alone = [engine.answer([p], ["base", "anna"], {"max_tokens": 4}, ModelSection(path=model))[0] for p in prompts]
    finally:
        engine.close()
    shown = run.shown(str)
    assert (shown["done"], shown["total"], shown["running"], shown["problem"]) == (9, 9, False, "")
    assert (shown["failed"], shown["stopped"], shown["unsaved"]) == (3, False, "")
    assert [[row["answers"][name] for name in ("base", "anna")] for row in run.rows()] == alone
    assert {column for (_, column), said in run.answers.items() if isinstance(said, UserError)} == {2}
    after = SetRuns(home, lambda: engine).get(run.id)  # another server
    assert {place: str(said) for place, said in after.answers.items()} == {
        place: str(said) for place, said in run.answers.items()
    }
    assert after.shown(str) == shown and after.prompts == prompts and after.options == run.options


class Waiting:
    """An engine that answers nothing until it may."""

    def __init__(self):
        self.may = threading.Event()

    def answer(self, *_, **__):
        self.may.wait(30)


def test_a_set_that_was_just_begun_is_never_forgotten_and_asked_twice(home, tiny_model, monkeypatch):
    monkeypatch.setattr(set_runs, "_IN_MEMORY", 0)
    engine, model = Waiting(), str(tiny_model())
    sets = SetRuns(home, lambda: engine)
    asking = []
    remember = sets._remember
    monkeypatch.setattr(sets, "_remember", lambda run: (asking.append(run.running), remember(run)))
    first, second = (sets.begin(["q"], ["base"], {}, model) for _ in range(2))
    assert asking == [True, True] and sets.get(first.id) is first and sets.get(second.id) is second
    with pytest.raises(UserError) as refused:
        sets.resume(first.id)
    assert refused.value.key == "prompt_sets.running"
    engine.may.set()
    wait(first)
    wait(second)
    assert sets.get(first.id).prompts == ["q"], "one that is idle is read from disk and stays while it is looked at"


class StoppingAfterOne:
    """An engine of one batch in which an answer is whole when somebody presses stop, and the other is cut off."""

    def __init__(self, run):
        self.run = run

    def answer(self, prompts, columns, options, model, *, cancel, on_answer):
        self.asked = list(prompts)
        on_answer(0, 0, Delta(0, "whole", True, finish="stop"))
        self.run.stop()
        on_answer(1, 0, Delta(0, "hal", True, finish="cancelled" if cancel.is_set() else "stop"))


def test_a_stop_in_the_middle_of_a_batch_keeps_what_was_whole_and_the_rest_is_asked_later(home, tiny_model):
    run = SetRun(["one", "two"], ["base"], ChatOptions(max_tokens=4), str(tiny_model()), home=home)
    run.create()
    run.run(StoppingAfterOne(run))
    shown = run.shown(str)
    assert (shown["done"], shown["running"], shown["stopped"]) == (1, False, True)
    engine = Engine(Hub(), home, foreign=False)
    sets = SetRuns(home, lambda: engine)
    try:
        again = wait(sets.resume(run.id))
        [[two]] = engine.answer(["two"], ["base"], {"max_tokens": 4}, ModelSection(path=str(tiny_model())))
    finally:
        engine.close()
    assert again.answers == {(0, 0): "whole", (1, 0): two}
    assert SetRun.kept(home, run.id).answers == again.answers


def test_a_set_that_is_being_asked_is_not_asked_twice(home):
    run = SetRun(["one"], ["base"], ChatOptions(), "")
    run.running = True
    with pytest.raises(UserError) as refused:
        run.begin(None)
    assert refused.value.key == "prompt_sets.running"


def test_kept_sets_are_listed_newest_first_and_deleted_and_nothing_comes_back(home):
    first, second = (SetRun(["q", "r"], ["base"], ChatOptions(), "", name=name, home=home) for name in ("a", " b\n b "))
    first.create(), second.create()
    first._put(0, 0, NASTY)
    sets = SetRuns(home, lambda: None)
    assert [(row["name"], row["done"], row["total"], row["running"]) for row in sets.listed()["rows"]] == [
        ("b b", 0, 2, False),
        ("a", 1, 2, False),
    ]
    assert sets.get(first.id).rows()[0]["answers"] == {"base": NASTY}
    taken = sets.get(first.id)
    sets.delete(first.id)
    taken._put(1, 0, "too late")
    assert [row["id"] for row in sets.listed()["rows"]] == [second.id]
    for wrong in (first.id, "../votes", "0" * 16, ""):
        with pytest.raises(UserError) as refused:
            sets.delete(wrong)
        assert refused.value.key == "prompt_sets.no_run"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("about.json", "{"),
        ("about.json", '{"id": "x"}'),
        ("prompts.json", '["one more", "than", "said"]'),
        ("answers.jsonl", '{"prompt": 7, "column": 0, "text": "x"}\n'),
        ("answers.jsonl", '{"prompt": 0, "column": 0, "error": {"key": "of.another.version", "params": {}}}\n'),
    ],
)
def test_a_broken_file_takes_only_its_own_set_along(home, name, text):
    fine, broken = (SetRun(["q"], ["base"], ChatOptions(), "", name=name, home=home) for name in ("fine", "broken"))
    fine.create(), broken.create()
    (kept_sets.path(home, broken.id) / name).write_text(text)
    sets = SetRuns(home, lambda: None)
    with pytest.raises(UserError) as refused:
        sets.get(broken.id)
    assert refused.value.key == "prompt_sets.broken" and broken.id in str(refused.value)
    listed = sets.listed()
    assert fine.id in [row["id"] for row in listed["rows"]]
    assert name == "prompts.json" or listed["broken"] == [broken.id]
    sets.delete(broken.id)


def test_half_a_line_that_a_kill_left_is_no_answer(home):
    run = SetRun(["q", "r"], ["base"], ChatOptions(), "", home=home)
    run.create()
    run._put(0, 0, "whole")
    with (kept_sets.path(home, run.id) / "answers.jsonl").open("a") as file:
        file.write('{"prompt": 1, "col')
    assert SetRun.kept(home, run.id).answers == {(0, 0): "whole"}


def test_a_full_disk_leaves_the_answers_in_memory_and_is_said(home):
    run = SetRun(["q"], ["base"], ChatOptions(), "", home=home)
    run.create()
    (kept_sets.path(home, run.id) / "answers.jsonl").mkdir()
    run._put(0, 0, "said")
    assert run.answers == {(0, 0): "said"} and "directory" in run.shown(str)["unsaved"]


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


@pytest.mark.parametrize("answer", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_an_answer_never_becomes_a_formula_of_a_table_program(answer, tmp_path):
    run = SetRun(["q"], ["base"], ChatOptions(), "")
    run._put(0, 0, answer)
    with set_runs.export(run, "csv", tmp_path / "a.csv").open(newline="") as file:
        assert list(csv.reader(file))[1] == ["q", f"'{answer}"]
    assert json.loads(set_runs.export(run, "jsonl", tmp_path / "a.jsonl").read_text())["answers"] == {"base": answer}
