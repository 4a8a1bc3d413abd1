"""Several processes in one workspace -> one training at a time: a lock that the system frees when its holder dies."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

LOCK = "training.lock"
_RETRY_SECONDS = 0.25


class Cancelled(Exception):
    """The wait for a turn was given up on request."""


@contextmanager
def turn(home: Path, cancelled: Callable[[], bool], on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the workspace's training lock. `cancelled` is asked while waiting; raises Cancelled when it says so."""
    lock = FileLock(Path(home) / LOCK)
    pause, told = threading.Event(), False
    while True:
        if cancelled():
            raise Cancelled
        try:
            lock.acquire(timeout=0)
            break
        except Timeout:
            if on_wait is not None and not told:
                on_wait()
                told = True
            pause.wait(_RETRY_SECONDS)
    try:
        yield
    finally:
        lock.release()
