"""Figures go to the chosen service too: its files hold them, without a network; whatever it does, the run goes on."""

from __future__ import annotations

import json
import sqlite3
import struct

import pytest

from workbench.train import reports
from workbench.train.session import train

EVALUATING = {"training.max_steps": 3, "data.eval_fraction": 0.3, "training.save_steps": 2}


@pytest.fixture(autouse=True)
def nobody_is_logged_in(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))  # read when it is imported
    for name in ("WANDB_API_KEY", "WANDB_MODE", "SWANLAB_API_KEY", "SWANLAB_MODE", "NETRC"):
        monkeypatch.delenv(name, raising=False)


def trained(new_run, hub, service):
    """The run, the losses of its curve and the losses on its held-out rows."""
    run = new_run(**EVALUATING, **{"training.report_to": service})
    state = train(run, hub=hub)
    assert state["state"] == "finished", state["reason"]
    assert "does not take" not in run.log_path.read_text(encoding="utf-8")
    rows = run.metrics()
    return run, [row["loss"] for row in rows], [row["eval_loss"] for row in rows if "eval_loss" in row]


def test_tensorboard_holds_the_curve(new_run, hub):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run, losses, evaluated = trained(new_run, hub, "tensorboard")
    read = accumulator.EventAccumulator(str(run.directory / "tensorboard"))
    read.Reload()
    shown = {name: [(event.step, event.value) for event in read.Scalars(name)] for name in read.Tags()["scalars"]}
    assert shown["train/loss"] == [(step, pytest.approx(loss)) for step, loss in enumerate(losses, 1)]
    assert shown["eval/loss"] == [(step, pytest.approx(loss)) for step, loss in zip((2, 3), evaluated, strict=True)]


def test_trackio_holds_the_curve(new_run, hub, tmp_path, capsys):
    pytest.importorskip("trackio", reason="an extra: pip install trackio")
    _, losses, evaluated = trained(new_run, hub, "trackio")
    (base,) = (tmp_path / "trackio").glob("workbench*.db")
    rows = sqlite3.connect(base).execute("select run_name, step, metrics from metrics order by id").fetchall()
    figures = [(name, step, json.loads(values)) for name, step, values in rows]
    assert [(name, step) for name, step, _ in figures] == [("first", 1), ("first", 2), ("first", 2), ("first", 3), ("first", 3)]  # fmt: skip # noqa: E501
    assert [values["train/loss"] for *_, values in figures if "train/loss" in values] == losses
    assert [values["eval/loss"] for *_, values in figures if "eval/loss" in values] == evaluated
    assert capsys.readouterr().out == ""  # stdout belongs to the caller


def test_wandb_without_a_login_keeps_the_curve_in_the_run(new_run, hub):
    pytest.importorskip("wandb", reason="an extra: pip install wandb")
    run, losses, evaluated = trained(new_run, hub, "wandb")
    (file,) = run.directory.glob("wandb/offline-run-*/*.wandb")
    kept = file.read_bytes()
    assert b"train/loss" in kept and b"eval/loss" in kept
    assert all(repr(loss).encode() in kept for loss in losses + evaluated)
    assert "send it later: wandb sync" in run.log_path.read_text(encoding="utf-8")


def test_swanlab_without_a_login_keeps_the_curve_in_the_run(new_run, hub, capsys):
    pytest.importorskip("swanlab", reason="an extra: pip install swanlab")
    run, losses, evaluated = trained(new_run, hub, "swanlab")
    (file,) = run.directory.glob("swanlab/run-*/*.swanlab")
    kept = file.read_bytes()
    assert b"train/loss" in kept and b"eval/loss" in kept
    assert all(struct.pack("<d", loss) in kept for loss in losses + evaluated)
    assert capsys.readouterr().out == ""


def test_a_service_that_fails_costs_no_run_and_tells_no_key(new_run, hub, monkeypatch):
    monkeypatch.setattr("workbench.models.abilities.no_reporter", lambda name: None)  # installed or not
    monkeypatch.setenv("WANDB_API_KEY", "a-secret-key")
    asked, closed = [], []

    def refused(run, settings, offline):
        asked.append(offline)
        if not offline:
            raise ConnectionError("a-secret-key is not welcome")

        def full(figures, step):
            if step == 2:
                raise OSError("no room")

        return reports._Opened(full, lambda: closed.append(True), "offline")

    monkeypatch.setitem(reports._OPEN, "wandb", refused)
    run = new_run(**{"training.max_steps": 3, "training.report_to": "wandb"})
    assert train(run, hub=hub)["state"] == "finished"
    said = run.log_path.read_text(encoding="utf-8")
    assert asked == [False, True] and "a-secret-key" not in said
    assert "wandb does not take the figures: ConnectionError: *** is not welcome" in said
    assert said.count("OSError: no room") == 1 and len(run.metrics()) == 3


def test_a_report_is_closed_when_the_run_fails(new_run, hub, monkeypatch):
    monkeypatch.setattr("workbench.models.abilities.no_reporter", lambda name: None)  # installed or not
    closed = []
    opened = reports._Opened(lambda figures, step: None, lambda: closed.append(True), "here")
    monkeypatch.setitem(reports._OPEN, "trackio", lambda run, settings, offline: opened)
    monkeypatch.setattr("workbench.stages.sft.trained_losses", lambda model, batch: 1 / 0)
    monkeypatch.setattr("workbench.stages.sft.SftTrainer._flat_is_exact", lambda trainer: False)
    run = new_run(**{"training.report_to": "trackio"})
    assert train(run, hub=hub)["state"] == "failed"
    assert closed == [True]
