"""Figures as they are logged -> TensorBoard, Trackio, W&B or SwanLab as well, beside our own metrics.jsonl.

Called here and not by transformers' own callbacks: those ask for a key at the terminal, write to stdout, leave a run
open that failed, and SwanLab's does not know the library's newer versions. Without a login W&B and SwanLab keep
everything in the run's folder, to be sent later; so they do when they cannot be reached. A report that fails is told in
the log and ends: no run is lost for it.
"""

from __future__ import annotations

import netrc
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from transformers import TrainerCallback

from workbench.runs import Run
from workbench.specs import Spec, flatten, to_mapping

PROJECT = "workbench"
_SERVERS = ("wandb", "swanlab")  # the others write files of this machine
_KEYS = ("WANDB_API_KEY", "SWANLAB_API_KEY", "HF_TOKEN", "TRACKIO_WRITE_TOKEN")


@dataclass(frozen=True)
class _Opened:
    """A run of the service. log: figures by name, their step. note: where they are, for the log."""

    log: Callable[[dict[str, float], int], Any]
    close: Callable[[], Any]
    note: str


class Report(TrainerCallback):
    """What goes to the service: `train/loss` and its like, `eval/loss`, and the spec as the run's settings."""

    def __init__(self, run: Run, spec: Spec, log: Callable[[str], None]) -> None:
        self.run, self.spec, self.log = run, spec, log
        self._opened: _Opened | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        service, settings = self.spec.training.report_to, flatten(to_mapping(self.spec, all_values=True))
        for offline in (False, True) if service in _SERVERS else (False,):
            self._opened = self._attempt(lambda offline=offline: _OPEN[service](self.run, settings, offline))
            if self._opened is not None:
                self.log(f"{service}: {self._opened.note}")
                return

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        logs = logs or {}
        evaluated = any(name.startswith("eval_") for name in logs)
        if self._opened is None or not (evaluated or "loss" in logs):  # the last line is a summary of the whole
            return
        figures = {_name(name): float(value) for name, value in logs.items() if isinstance(value, int | float)}
        self._attempt(lambda: self._opened.log(figures, state.global_step))

    def close(self) -> None:
        """However the run ended."""
        opened, self._opened = self._opened, None
        if opened is not None:
            self._attempt(opened.close)

    def _attempt(self, action: Callable[[], Any]) -> Any:
        try:
            with redirect_stdout(sys.stderr):  # stdout belongs to the caller
                return action()
        except Exception as error:
            self._opened = None
            lines = str(error).strip().splitlines() or [""]
            said = f"{type(error).__name__}: {lines[0][:200]}"
            for name in _KEYS:
                if os.environ.get(name):
                    said = said.replace(os.environ[name], "***")
            self.log(f"{self.spec.training.report_to} does not take the figures: {said}")
            return None


def _name(name: str) -> str:
    return f"eval/{name.removeprefix('eval_')}" if name.startswith("eval_") else f"train/{name}"


def _tensorboard(run: Run, settings: Mapping[str, Any], offline: bool) -> _Opened:
    from torch.utils.tensorboard import SummaryWriter

    folder = run.directory / "tensorboard"
    writer = SummaryWriter(str(folder))
    writer.add_text("spec", "\n".join(f"    {name}: {value}" for name, value in settings.items()))

    def log(figures: dict[str, float], step: int) -> None:
        for name, value in figures.items():
            writer.add_scalar(name, value, step)
        writer.flush()

    return _Opened(log, writer.close, f"tensorboard --logdir {folder}")


def _trackio(run: Run, settings: Mapping[str, Any], offline: bool) -> _Opened:
    import trackio

    made = trackio.init(PROJECT, name=run.name, config=dict(settings), resume="allow", embed=False)
    return _Opened(made.log, made.finish, f"trackio show --project {PROJECT}")


def _wandb(run: Run, settings: Mapping[str, Any], offline: bool) -> _Opened:
    import wandb

    known = bool(os.environ.get("WANDB_API_KEY")) or _in_netrc(urlsplit(wandb.Settings().base_url).hostname)
    mode = _mode("WANDB_MODE", known, offline)
    made = wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT), name=run.name, dir=str(run.directory), mode=mode,
        config=dict(settings), reinit="create_new",
        settings=wandb.Settings(console="off", silent=True, save_code=False, disable_git=True, init_timeout=30),
    )  # fmt: skip
    later = f"; send it later: wandb sync {made.settings.sync_dir}" if mode == "offline" else ""
    return _Opened(lambda figures, step: made.log(figures, step=step), made.finish, f"{mode}{later}")


def _swanlab(run: Run, settings: Mapping[str, Any], offline: bool) -> _Opened:
    import swanlab

    folder = run.directory / "swanlab"
    mode = _mode("SWANLAB_MODE", bool(swanlab.Settings().api_key), offline)
    made = swanlab.init(
        project=os.environ.get("SWANLAB_PROJECT", PROJECT), name=run.name, log_dir=str(folder), mode=mode,
        config=dict(settings), reinit=True, settings=swanlab.Settings(terminal={"proxy_type": "none"}),
    )  # fmt: skip
    later = f"; send it later: swanlab sync {folder}/run-…" if mode == "offline" else ""
    return _Opened(lambda figures, step: made.log(figures, step=step), made.finish, f"{mode}{later}")


_OPEN: dict[str, Callable[[Run, Mapping[str, Any], bool], _Opened]] = {
    "tensorboard": _tensorboard, "trackio": _trackio, "wandb": _wandb, "swanlab": _swanlab,
}  # fmt: skip


def _mode(variable: str, logged_in: bool, offline: bool) -> str:
    if offline:
        return "offline"
    return os.environ.get(variable) or ("online" if logged_in else "offline")


def _in_netrc(host: str | None) -> bool:
    """Whether `wandb login` has written a key for this host."""
    try:
        return host in netrc.netrc(os.environ.get("NETRC")).hosts
    except (OSError, netrc.NetrcParseError):
        return False
