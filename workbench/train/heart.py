"""The owner of a run -> its state.json: transitions at once, steps about once a second, a heartbeat in between."""

from __future__ import annotations

import json
import threading
from types import TracebackType
from typing import Any

from workbench import runs
from workbench.runs import Run, utc_now

_FLUSH_SECONDS = 1.0  # a state.json per step would cost a small model's training an fsync each


class Heart:
    """The only writer of a run's state.json while it is open; a light thread keeps the heartbeat going."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._lock = threading.Lock()
        self._pending: dict[str, Any] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heart of {run.name}", daemon=True)

    def __enter__(self) -> Heart:
        self._thread.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._closed.set()
        self._thread.join()

    def enter(self, state: str, **changes: Any) -> dict[str, Any]:
        """A transition, on disk when this returns."""
        with self._lock:
            changes = self._pending | changes
            self._pending = {}
            try:
                return self.run.own(state, **changes)
            except OSError:
                return self._write_in_place(state, changes)

    def _write_in_place(self, state: str, changes: dict[str, Any]) -> dict[str, Any]:
        """On a full disk no new file fits, but the block of the old one is there: how a run ended must not be lost."""
        whole = self.run.stored_state() | runs.owner() | changes | {"state": state, "heartbeat": utc_now()}
        with self.run.state_path.open("r+", encoding="utf-8") as file:
            file.write(json.dumps(whole, ensure_ascii=False))
            file.truncate()
        return whole

    def note(self, **changes: Any) -> None:
        """Something that may reach the disk a moment later, such as the step."""
        with self._lock:
            self._pending |= changes

    def stop_requested(self) -> bool:
        return self.run.stop_path.exists()

    def _beat(self) -> None:
        last_written = utc_now()
        while not self._closed.wait(_FLUSH_SECONDS):
            with self._lock:
                if self._closed.is_set():
                    return
                if self._pending or utc_now() - last_written >= runs.HEARTBEAT_SECONDS:
                    try:
                        self.run.write_state(heartbeat=utc_now(), **self._pending)
                    except OSError:  # a full disk now may have room at the next beat; a lost beat harms nobody
                        continue
                    self._pending = {}
                    last_written = utc_now()
