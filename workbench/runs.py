"""A run is a directory: spec, state, metrics, probes, checkpoints and result as files that anybody may read.

Only the process that trains (or queues) a run writes its state.json; everyone else reads, or leaves a `stop` file.
"""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workbench.errors import UserError, nearest
from workbench.presets import dump, resolve
from workbench.specs import Spec

STATES = ("queued", "running", "stopping", "finished", "stopped", "failed", "interrupted")
ACTIVE = ("queued", "running", "stopping")
RESUMABLE = ("stopped", "failed", "interrupted")
RESERVED = ("base", "embedded")
HEARTBEAT_SECONDS = 5.0
# Only trusted for owners on another host, whose process table cannot be asked.
_STALE_SECONDS = 60.0
_NAME = re.compile(r"[\w][\w.\-]{0,79}")


def check_name(name: str) -> None:
    """Raises UserError unless the name can be a folder's on every system and no reserved word."""
    if not _NAME.fullmatch(name) or ".." in name or name.endswith("."):
        raise UserError("runs.bad_name", name=name[:80])
    if name.lower() in RESERVED:
        raise UserError("runs.reserved_name", name=name)


def utc_now() -> float:
    """UTC seconds since the epoch."""
    return datetime.now(UTC).timestamp()


class Run:
    """One run's directory. Holds no state of its own: every read asks the disk."""

    def __init__(self, directory: Path) -> None:
        self.directory = Path(directory)
        self.name = self.directory.name

    # -- files ------------------------------------------------------------------------------------------------------
    @property
    def home(self) -> Path:
        return self.directory.parent.parent

    @property
    def spec_path(self) -> Path:
        return self.directory / "spec.yaml"

    @property
    def state_path(self) -> Path:
        return self.directory / "state.json"

    @property
    def metrics_path(self) -> Path:
        return self.directory / "metrics.jsonl"

    @property
    def probes_path(self) -> Path:
        return self.directory / "probes.jsonl"

    @property
    def log_path(self) -> Path:
        return self.directory / "log.txt"

    @property
    def stop_path(self) -> Path:
        return self.directory / "stop"

    @property
    def adapter_path(self) -> Path:
        return self.directory / "adapter"

    def spec(self) -> Spec:
        return resolve(self.spec_path)

    def change_spec(self, spec: Spec) -> None:
        """Owner only: what was left open is settled. The run keeps its place in the list, which goes by this file."""
        before = self.spec_path.stat()
        write_whole(self.spec_path, dump(spec, all_values=True))
        os.utime(self.spec_path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))

    def checkpoints(self) -> list[Path]:
        """Complete checkpoints by step; one without trainer_state.json was never finished."""
        found = [path for path in self.directory.glob("checkpoint-*") if (path / "trainer_state.json").is_file()]
        return sorted(found, key=lambda path: int(path.name.rpartition("-")[2]))

    # -- state ------------------------------------------------------------------------------------------------------
    def stored_state(self) -> dict[str, Any]:
        """state.json as it stands, without asking whether its owner lives."""
        try:
            return json.loads(self.state_path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {"state": "interrupted", "reason": "", "step": 0, "total_steps": 0}

    def state(self) -> dict[str, Any]:
        """state.json; an active state whose owner is gone reads as interrupted."""
        state = self.stored_state()
        if state["state"] in ACTIVE and not _owner_lives(state):
            state = state | {"state": "interrupted"}
        elif state["state"] == "running" and self.stop_path.exists():
            state = state | {"state": "stopping"}
        return state

    def write_state(self, **changes: Any) -> dict[str, Any]:
        """Owner only: merge changes into state.json by writing beside it and renaming."""
        state = self.stored_state() if self.state_path.exists() else dict(_BLANK_STATE)
        state |= changes
        write_whole(self.state_path, json.dumps(state, ensure_ascii=False))
        return state

    def own(self, state: str, **changes: Any) -> dict[str, Any]:
        """Owner only: enter a state as this process."""
        return self.write_state(state=state, heartbeat=utc_now(), **owner(), **changes)

    def request_stop(self) -> dict[str, Any]:
        """Ask the owner to save and stop; answers with the state as read afterwards."""
        if self.state()["state"] in ACTIVE:
            self.stop_path.touch()
        return self.state()

    # -- curves -----------------------------------------------------------------------------------------------------
    def metrics(self, since: int = -1) -> list[dict[str, Any]]:
        """Rows of metrics.jsonl with step > since."""
        return [row for row in read_lines(self.metrics_path) if row.get("step", 0) > since]

    def generation(self) -> int:
        """Changes whenever lines that a reader may have seen were taken back (a resume)."""
        return int(self.stored_state().get("generation", 0))

    def probes(self) -> list[dict[str, Any]]:
        return list(read_lines(self.probes_path))

    def summary(self, rows: list[dict[str, Any]] | None = None) -> dict[str, Any]:
        """One line of the list of runs; rows: its metrics, where they have been read already."""
        state = self.state()
        rows = self.metrics() if rows is None else rows
        losses = [row["loss"] for row in rows if "loss" in row]
        scores = [row["score"] for row in rows if "score" in row]
        return {
            "run": self.name,
            "state": state["state"],
            "step": state.get("step", 0),
            "total_steps": state.get("total_steps", 0),
            "loss": losses[-1] if losses else None,
            "score": scores[-1] if scores else None,
            "started": state.get("started"),
            "ended": state.get("ended"),
        }


_BLANK_STATE: dict[str, Any] = {
    "state": "queued", "reason": "", "step": 0, "total_steps": 0, "result": "adapter", "generation": 0,
    "host": "", "pid": 0, "pid_started": 0.0, "heartbeat": 0.0, "started": None, "ended": None,
}  # fmt: skip


def create(home: Path, spec: Spec, name: str | None = None, stem: str | None = None) -> Run:
    """A new run's directory with its spec, queued by this process. Without a name: the first free `stem-N`."""
    folder = Path(home) / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    if name is not None:
        check_name(name)
    for candidate in [name] if name else (f"{stem or spec.stage}-{number}" for number in range(1, 1_000_000)):
        try:
            (folder / candidate).mkdir()
            break
        except FileExistsError:
            if name:
                raise UserError("runs.exists", name=name) from None
    run = Run(folder / candidate)
    write_whole(run.spec_path, dump(spec, all_values=True))
    run.own("queued")
    return run


def find(home: Path, name: str) -> Run:
    """Raises UserError, offering the nearest names, for a run that is not there."""
    check_name(name)
    run = Run(Path(home) / "runs" / name)
    if not run.spec_path.is_file():
        raise UserError("runs.unknown", name=name, nearest=nearest(name, [other.name for other in every(home)]) or "-")
    return run


def every(home: Path) -> list[Run]:
    """All runs of a workspace, newest first."""
    folder = Path(home) / "runs"
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if (path / "spec.yaml").is_file()]
    return [Run(path) for path in sorted(found, key=lambda path: (path / "spec.yaml").stat().st_mtime, reverse=True)]


def owner() -> dict[str, Any]:
    """Who we are: the pid alone would come to life again with another process."""
    import psutil

    return {"host": socket.gethostname(), "pid": os.getpid(), "pid_started": psutil.Process().create_time()}


def _owner_lives(state: dict[str, Any]) -> bool:
    import psutil

    if state.get("host") != socket.gethostname():
        return time.time() - state.get("heartbeat", 0.0) < _STALE_SECONDS
    try:
        process = psutil.Process(state["pid"])
        return abs(process.create_time() - state["pid_started"]) < 2.0 and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, KeyError, ValueError):
        return False


def write_whole(path: Path, text: str) -> None:
    """Replace a file by rename: a kill at any moment leaves the old text or the new one."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """JSON objects of a file that somebody may be appending to: a last line without its end is not there yet."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    for line in text.split("\n")[:-1]:
        if line:
            yield json.loads(line)


def append_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    """Whole lines in one write, so that a reader or a kill never sees half of one."""
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    with path.open("ab", buffering=0) as file:
        file.write(data)
