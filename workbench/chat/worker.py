"""Pieces of work -> done one after the other in a thread of their own, which nobody else enters."""

from __future__ import annotations

import queue
import threading
from collections import deque
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
        self._news = threading.Condition()
        self._inbox: deque[Callable[[], object] | None] = deque()  # None: leave

    def post(self, work: Callable[[], object]) -> None:
        """To be done when it is its turn; what it raises ends the thread. Raises UserError when closed."""
        with self._lock:
            if self.closed.is_set():
                raise UserError("engine.closed")
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
                self._thread.start()
            self._put(work)

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
            self._put(work)

    def next(self) -> Callable[[], object] | None:
        """What is due after the work that asks: for that work alone, which may do it at once and then say `drop`."""
        return self._inbox[0] if self._inbox else None

    def drop(self) -> None:
        """What `next` told is being done."""
        self._inbox.popleft()

    def close(self) -> None:
        """Nothing more is taken; waits for the end of what is being done. What waits sees `closed`."""
        with self._lock:
            self.closed.set()
            thread = self._thread
        if thread is not None:
            self._put(None)
            thread.join()

    def _put(self, work: Callable[[], object] | None) -> None:
        with self._news:
            self._inbox.append(work)
            self._news.notify()

    def _take(self) -> Callable[[], object] | None:
        with self._news:
            self._news.wait_for(lambda: self._inbox)
            return self._inbox.popleft()

    def _serve(self) -> None:
        while (work := self._take()) is not None:
            work()
        self._at_end()
