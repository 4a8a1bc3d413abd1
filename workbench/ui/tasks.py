"""Work that takes longer than a second -> a thread with progress, time left and a stop; the page asks how it stands.

The same work is done once, whoever asks: it is found again by its key.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

_KEPT = 24
_LEAST_SECONDS = 0.5  # before that no time left is guessed


class Stopped(Exception):
    """Raised inside the work when somebody pressed stop."""


class Task:
    """fraction: how much is done, None while that is unknown; count: rows (or hits) so far."""

    def __init__(self, work: Callable[[Task], Any]) -> None:
        self.fraction: float | None = None
        self.count = 0
        self.result: Any = None
        self.error: Exception | None = None
        self.stopped = False
        self._work, self._began = work, time.monotonic()
        self._finished, self._asked = threading.Event(), threading.Event()

    def run(self) -> None:
        try:
            self.result = self._work(self)
        except Stopped:
            self.stopped = True
        except Exception as error:  # told by whoever looks
            self.error = error
        finally:
            self._finished.set()

    def tell(self, fraction: float | None, count: int = 0) -> None:
        """Called by the work. Raises Stopped when the work shall end."""
        self.fraction, self.count = fraction, count
        if self._asked.is_set():
            raise Stopped

    def stop(self) -> None:
        self._asked.set()

    @property
    def done(self) -> bool:
        return self._finished.is_set()

    def wait(self, seconds: float) -> bool:
        return self._finished.wait(seconds)

    @property
    def seconds_left(self) -> float | None:
        spent = time.monotonic() - self._began
        if not self.fraction or spent < _LEAST_SECONDS:
            return None
        return spent * (1 - self.fraction) / self.fraction


class Tasks:
    """Tasks by key; finished ones are forgotten when many newer ones came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[Hashable, Task] = OrderedDict()

    def start(self, key: Hashable, work: Callable[[Task], Any], *, afresh: bool = False) -> Task:
        """The task of that key, begun now unless it runs or has a result already (afresh: even then)."""
        with self._lock:
            task = self._known.get(key)
            if task is None or (task.done and (afresh or task.stopped or task.error is not None)):
                task = self._known[key] = Task(work)
                threading.Thread(target=task.run, daemon=True, name=f"task {key}"[:40]).start()
            self._known.move_to_end(key)
            for old in [key for key, task in self._known.items() if task.done][: max(0, len(self._known) - _KEPT)]:
                del self._known[old]
            return task

    def find(self, key: Hashable) -> Task | None:
        return self._known.get(key)
