"""Pieces of work -> done one after the other in a thread of their own, which nobody else enters."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from workbench.errors import UserError


class Worker:
    """The thread begins with the first piece of work and ends with `close`."""

    def __init__(self, name: str, at_end: Callable[[], object]) -> None:
        """at_end: done last, in the thread."""
        self.closed = threading.Event()
        self._name, self._at_end = name, at_end
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._inbox: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()  # None: leave

    def post(self, work: Callable[[], object]) -> None:
        """To be done when it is its turn; what it raises ends the thread. Raises UserError when closed."""
        with self._lock:
            if self.closed.is_set():
                raise UserError("engine.closed")
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
                self._thread.start()
            self._inbox.put(work)

    def call(self, function: Callable[[], object]) -> None:
        """Have it done and wait for it; its error is raised here."""
        outcome: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

        def work() -> None:
            try:
                function()
            except Exception as error:
                outcome.put(error)
            outcome.put(None)

        self.post(work)
        error = outcome.get()
        if error is not None:
            raise error

    def soon(self, work: Callable[[], object]) -> None:
        """At once when called by something that is being done here, else when it is its turn; not without a thread."""
        if threading.current_thread() is self._thread:
            work()
        elif self._thread is not None and not self.closed.is_set():
            self._inbox.put(work)

    def close(self) -> None:
        """Nothing more is taken; waits for the end of what is being done. What waits sees `closed`."""
        with self._lock:
            self.closed.set()
            thread = self._thread
        if thread is not None:
            self._inbox.put(None)
            thread.join()

    def _serve(self) -> None:
        while (work := self._inbox.get()) is not None:
            work()
        self._at_end()
