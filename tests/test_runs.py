"""Runs as directories: names, states whose owner is gone, whole lines, replaced files."""

import json
import subprocess
import sys

import pytest

from workbench import runs
from workbench.errors import UserError
from workbench.specs import parse

SPEC = parse({"identity": {"name": "阿澄", "author": "青禾"}})


def test_a_new_run_is_queued_by_this_process_and_keeps_its_whole_spec(tmp_path):
    run = runs.create(tmp_path, SPEC)
    assert run.name == "sft-1" and run.spec() == SPEC
    assert run.state()["state"] == "queued"
    assert runs.create(tmp_path, SPEC).name == "sft-2"


@pytest.mark.parametrize("name", ["base", "Embedded", "../x", "a/b", "", ".hidden", "x" * 81, "a..b", "con\n"])
def test_a_name_that_is_reserved_or_no_folder_name_is_refused(tmp_path, name):
    with pytest.raises(UserError):
        runs.check_name(name)
    assert not (tmp_path / "runs").exists()


def test_a_second_run_of_the_same_name_is_refused(tmp_path):
    runs.create(tmp_path, SPEC, name="阿澄")
    with pytest.raises(UserError, match="already a run"):
        runs.create(tmp_path, SPEC, name="阿澄")


def test_an_unknown_run_is_answered_with_the_nearest_names(tmp_path):
    runs.create(tmp_path, SPEC, name="identity-1")
    with pytest.raises(UserError, match="identity-1"):
        runs.find(tmp_path, "identity-2")


def test_a_running_state_whose_process_is_gone_reads_as_interrupted(tmp_path):
    code = f"from pathlib import Path; from workbench import runs; runs.Run(Path({str(tmp_path)!r})).own('running')"
    subprocess.run([sys.executable, "-c", code], check=True)
    run = runs.Run(tmp_path)
    assert run.stored_state()["state"] == "running"
    assert run.state()["state"] == "interrupted"


def test_a_recycled_pid_is_not_taken_for_the_owner(tmp_path):
    run = runs.create(tmp_path, SPEC)
    run.own("running")
    assert run.state()["state"] == "running"
    run.write_state(pid_started=1.0)
    assert run.state()["state"] == "interrupted"


def test_an_owner_on_another_host_lives_by_its_heartbeat(tmp_path):
    run = runs.create(tmp_path, SPEC)
    run.write_state(state="running", host="elsewhere", heartbeat=runs.utc_now())
    assert run.state()["state"] == "running"
    run.write_state(heartbeat=runs.utc_now() - 3600)
    assert run.state()["state"] == "interrupted"


def test_a_stop_request_shows_at_once_and_leaves_a_file(tmp_path):
    run = runs.create(tmp_path, SPEC)
    run.own("running")
    assert run.request_stop()["state"] == "stopping"
    assert run.stop_path.exists()


def test_a_stop_request_for_an_ended_run_changes_nothing(tmp_path):
    run = runs.create(tmp_path, SPEC)
    run.own("finished")
    assert run.request_stop()["state"] == "finished"
    assert not run.stop_path.exists()


def test_half_a_line_is_not_there_yet(tmp_path):
    path = tmp_path / "metrics.jsonl"
    runs.append_lines(path, [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}])
    with path.open("a") as file:
        file.write('{"step": 3, "lo')
    assert [row["step"] for row in runs.read_lines(path)] == [1, 2]


def test_metrics_since_a_step(tmp_path):
    run = runs.create(tmp_path, SPEC)
    runs.append_lines(run.metrics_path, [{"step": step, "loss": 1 / step} for step in (1, 2, 3)])
    assert [row["step"] for row in run.metrics(since=1)] == [2, 3]
    assert run.summary()["loss"] == pytest.approx(1 / 3)


def test_a_file_is_replaced_whole_and_nothing_lies_beside_it(tmp_path):
    path = tmp_path / "state.json"
    runs.write_whole(path, json.dumps({"a": 1}))
    runs.write_whole(path, json.dumps({"a": 2}))
    assert json.loads(path.read_text()) == {"a": 2}
    assert [item.name for item in tmp_path.iterdir()] == ["state.json"]


def test_an_unfinished_checkpoint_is_not_counted(tmp_path):
    run = runs.create(tmp_path, SPEC)
    for step, complete in ((10, True), (9, True), (20, False)):
        folder = run.directory / f"checkpoint-{step}"
        folder.mkdir()
        if complete:
            (folder / "trainer_state.json").write_text("{}")
    assert [path.name for path in run.checkpoints()] == ["checkpoint-9", "checkpoint-10"]
