"""A spec -> seconds per token and peak memory, measured over a few real steps in a process of its own.

The first step warms up and does not count. It trains in a temporary workspace, so nothing of it stays; it waits for its
turn in the real one, because two trainings at once would slow each other down and measure nothing.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from workbench import runs
from workbench.data import sources
from workbench.errors import UserError, WorkbenchError
from workbench.specs import Spec, layered, parse, to_mapping
from workbench.train.turns import Cancelled, turn

STEPS = 4
_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Trial:
    tokens_per_second: float
    seconds_per_step: float
    peak_memory_bytes: int
    setup_seconds: float  # weights and data, which the real run needs as well
    import_seconds: float = 0.0  # the libraries, which only the first run of a process needs

    def seconds(self, tokens: int) -> float:
        """How long a run over so many tokens takes in this process, evaluations and questions left out."""
        imports = 0.0 if "trl" in sys.modules else self.import_seconds
        return imports + self.setup_seconds + tokens / self.tokens_per_second


def measure(spec: Spec, home: Path, stop: threading.Event) -> Trial | None:
    """None when `stop` was set meanwhile. Raises WorkbenchError with the run's own reason when the steps fail."""
    given = to_mapping(_short(spec, home), all_values=True)
    with tempfile.TemporaryDirectory() as folder:
        path, data = Path(folder) / "spec.yaml", Path(home).absolute() / "data"
        (Path(folder) / "workspace").mkdir()
        if data.is_dir():
            (Path(folder) / "workspace" / "data").symlink_to(data, target_is_directory=True)
        path.write_text(yaml.safe_dump(given, allow_unicode=True), encoding="utf-8")
        try:
            with turn(home, stop.is_set):
                return _measured(path, Path(folder), stop)
        except Cancelled:
            return None


def _short(spec: Spec, home: Path) -> Spec:
    """The same rows, weights and batches for a few steps, without what happens only now and then."""
    changes: dict[str, Any] = {
        "training.max_steps": STEPS, "training.save_steps": 10_000, "training.logging_steps": 1, "probes.path": "",
        "data.eval_fraction": 0.0, "training.load_best_model_at_end": False, "training.early_stopping_patience": 0,
        "training.report_to": "none", "training.warmup_steps": 0,
        # The rate costs no time; schedules that follow an evaluation, or fall over more steps than these, end a trial.
        "training.lr_scheduler_type": "constant", "training.lr_scheduler_kwargs": "",
        "adapter.tinit": -1, "adapter.tfinal": -1,
    }  # fmt: skip
    known = to_mapping(spec, all_values=True)
    kept = {path: value for path, value in changes.items() if path.split(".")[1] in known.get(path.split(".")[0], {})}
    if spec.data.path:
        with contextlib.suppress(UserError):  # several sources, or an address: found through the link to `data`
            kept["data.path"] = str(sources.place(spec.data.path, home).absolute())
    return parse(layered(known, kept))


def _measured(path: Path, folder: Path, stop: threading.Event) -> Trial | None:
    with (folder / "said.txt").open("w+", encoding="utf-8") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "workbench.train.trial", str(path)], stdout=subprocess.PIPE, stderr=said, text=True
        )
        try:
            while process.poll() is None:
                if stop.wait(_LOOK_SECONDS):
                    return None
            lines = (process.stdout.read() if process.stdout else "").splitlines()
            said.seek(0)
            last = (said.read().strip().splitlines() or [""])[-1]
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()
    if process.returncode or not lines:
        raise WorkbenchError("plan.trial_failed", reason=last[:300])
    found = json.loads(lines[-1])
    if "reason" in found:
        raise WorkbenchError("plan.trial_failed", reason=found["reason"])
    return Trial(**found)


class Trials:
    """One trial at a time, in the background; its answer belongs to the spec that it was asked for."""

    def __init__(self, home: Path) -> None:
        self.home = Path(home)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._key = ""
        self._known: dict[str, Trial | WorkbenchError] = {}

    def start(self, spec: Spec) -> None:
        """Begin, unless one is going on."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return
            self._key, self._stop = _key(spec), threading.Event()
            self._known.pop(self._key, None)
            self._thread = threading.Thread(
                target=self._run, args=(self._key, spec, self._stop), name="trial", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def busy(self, spec: Spec) -> bool:
        """Whether this very spec is being tried."""
        return self._thread is not None and self._thread.is_alive() and self._key == _key(spec)

    def known(self, spec: Spec) -> Trial | WorkbenchError | None:
        return self._known.get(_key(spec))

    def close(self) -> None:
        self.stop()
        if self._thread is not None:
            self._thread.join(10)

    def _run(self, key: str, spec: Spec, stop: threading.Event) -> None:
        found: Trial | WorkbenchError | None
        try:
            found = measure(spec, self.home, stop)
        except WorkbenchError as error:
            found = error
        except Exception as error:
            found = WorkbenchError("train.defect", kind=type(error).__name__, text=str(error)[:200])
        if found is not None:
            self._known[key] = found


_NOT_SPEED = ("learning_rate", "lr_scheduler_type", "lr_scheduler_kwargs", "warmup_steps", "num_train_epochs",
              "max_steps", "save_steps", "save_total_limit", "logging_steps", "seed")  # fmt: skip


def _key(spec: Spec) -> str:
    """What speed and memory depend on: a trial still holds when only the rate or the length of the run changes."""
    values = to_mapping(spec, all_values=True)
    values["training"] = {name: value for name, value in values["training"].items() if name not in _NOT_SPEED}
    values.pop("probes", None)
    return json.dumps(values, sort_keys=True)


def _child(path: Path, tell: Callable[[str], None]) -> None:
    """In the process of its own: train, and print what was measured as one line of JSON."""
    from workbench.models.hub import Hub
    from workbench.presets import resolve
    from workbench.train.session import train

    spec, began = resolve(path), time.monotonic()
    importlib.import_module(f"workbench.stages.{spec.stage}")
    imports = time.monotonic() - began
    run = runs.create(path.parent / "workspace", spec)
    state = train(run, hub=Hub())
    rows = [row for row in run.metrics() if "loss" in row]
    if state["state"] != "finished" or len(rows) < 2:
        tell(json.dumps({"reason": state.get("reason") or state["state"]}))
        return
    counted = rows[1:]  # the first warms up
    seconds = (counted[-1]["time"] - rows[0]["time"]) / len(counted)
    tokens = sum(row["tokens_per_second"] for row in counted) / len(counted)
    peak = max(row["memory_bytes"] for row in rows)
    found = Trial(tokens, seconds, peak, max(0.0, rows[0]["time"] - state["started"] - seconds), imports)
    tell(json.dumps(asdict(found)))


if __name__ == "__main__":
    out = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        _child(Path(sys.argv[1]), lambda text: print(text, file=out, flush=True))
