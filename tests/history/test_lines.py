"""The list of runs: what a line holds, and that it is read again only when something changed."""

import workbench.history.lines as lines
from workbench import runs
from workbench.history.shelf import write_notes


def test_a_line_says_state_figures_duration_disk_and_the_best_checkpoint(make):
    run = make(
        "one", [{"step": 10, "loss": 2.0, "eval_loss": 1.5, "memory_bytes": 9}, {"step": 20, "loss": 1.0}], (10,)
    )
    write_notes(run, "hm")
    found = lines.line(run)
    assert found.pop("disk_bytes") > 1000
    assert found == {
        "run": "one", "state": "finished", "step": 10, "total_steps": 100, "loss": 1.0, "score": None, "started": 100.0,
        "ended": 160.0, "stage": "sft", "model": "embedded", "eval_loss": 1.5, "seconds": 60.0,
        "memory_bytes": 9, "estimated_memory_bytes": None,
        "best": {"checkpoint": "checkpoint-10", "by": "eval_loss", "value": 1.5}, "sweep": None, "noted": True,
    }  # fmt: skip


def test_a_damaged_spec_still_has_its_line(make):
    run = make("one")
    run.spec_path.write_text("stage: [")
    assert lines.line(run)["stage"] == ""


def test_the_list_reads_a_run_again_only_when_it_changed(make, home, monkeypatch):
    run = make("one")
    listed = lines.Lines(home)
    assert listed.every()[0]["run"] == "one"
    monkeypatch.setattr(lines, "line", lambda run: {"run": "read again", "state": "finished"})
    assert listed.every()[0]["run"] == "one"
    runs.append_lines(run.metrics_path, [{"step": 1, "loss": 2.0}])
    assert listed.every()[0]["run"] == "read again"


def test_an_active_line_asks_each_time_whether_its_owner_lives(make, home):
    run = make("one")
    run.own("running")
    listed = lines.Lines(home)
    assert listed.every()[0]["state"] == "running"
    listed._known["one"][1]["state"] = "running"
    run.stop_path.touch()
    assert listed.every()[0]["state"] == "stopping"


def test_equal_lists_have_equal_marks(make, home):
    make("one")
    first, second = lines.Lines(home).every(), lines.Lines(home).every()
    assert lines.mark_of(first) == lines.mark_of(second) != lines.mark_of([])
