"""Specs -> runs, trained one after another by the one training thread of this process.

Between processes the workspace's lock file decides who is next (train/turns.py), inside one this queue.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import runs
from workbench.errors import WorkbenchError
from workbench.locales import LANGUAGES
from workbench.runs import Run, utc_now
from workbench.specs import Spec

if TYPE_CHECKING:
    from workbench.models.hub import Hub

_LOOK_SECONDS = 0.5  # how soon a stop that another process asked of a queued run is noticed
_logger = logging.getLogger(__name__)


class Jobs:
    """Everything is on disk; in memory there are only the names that wait and the one that trains."""

    def __init__(self, home: Path, hub: Hub) -> None:
        self.home = Path(home)
        self.hub = hub
        self._changed = threading.Condition()
        self._waiting: list[str] = []
        self._current: str | None = None
        self._closed = False
        self._threads: list[threading.Thread] = []

    def submit(self, spec: Spec, name: str | None = None, stem: str | None = None) -> Run:
        """A new run at the end of the queue. Raises UserError, before anything is written, for what cannot work."""
        from workbench.train.check import check

        check(spec, self.home, foreign=False)
        run = runs.create(self.home, spec, name, stem)
        self._enqueue(run)
        return run

    def resume(self, name: str) -> Run:
        """An ended run at the end of the queue, to go on from its last checkpoint. Raises UserError if it cannot."""
        from workbench.train.resume import check_resumable

        run = runs.find(self.home, name)
        with self._changed:  # two clicks must not queue it twice
            check_resumable(run)
            run.stop_path.unlink(missing_ok=True)
            run.own("queued", reason="", reasons=None, outside=None, ended=None)
        self._enqueue(run)
        return run

    def stop(self, name: str) -> dict[str, Any]:
        """Take a waiting run out of the queue, or ask a training one (of any process) to save and stop."""
        run = runs.find(self.home, name)
        with self._changed:
            if name in self._waiting:
                return self._withdraw(run)
        return run.request_stop()

    def queue(self) -> list[str]:
        """The run that trains, then those that wait, in order."""
        with self._changed:
            return ([self._current] if self._current else []) + list(self._waiting)

    def close(self, timeout_seconds: float = 60.0) -> None:
        """Let go: the training run saves and stops, waiting ones can be resumed later."""
        with self._changed:
            self._closed = True
            for name in list(self._waiting):
                self._withdraw(runs.find(self.home, name))
            if self._current:
                runs.find(self.home, self._current).request_stop()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout_seconds)

    # -- inside ---------------------------------------------------------------------------------------------------
    def _enqueue(self, run: Run) -> None:
        with self._changed:
            self._waiting.append(run.name)
            if not self._threads:
                for target in (self._work, self._look_after_waiting):
                    # Daemons: a second Ctrl-C must end the process even in the middle of a step.
                    self._threads.append(threading.Thread(target=target, name=f"jobs {target.__name__}", daemon=True))
                    self._threads[-1].start()
            self._changed.notify_all()

    def _withdraw(self, run: Run) -> dict[str, Any]:
        """With the lock held: a waiting run ends as stopped."""
        self._waiting.remove(run.name)
        run.stop_path.unlink(missing_ok=True)
        why = WorkbenchError("train.stopped_waiting")
        reasons = {language: why.text(language) for language in LANGUAGES}
        return run.own("stopped", reason=why.text("en"), reasons=reasons, ended=utc_now())

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                self._current = self._waiting.pop(0)
            try:
                self._train(runs.find(self.home, self._current))
            except Exception:  # a run whose folder vanished; the next one shall still be trained
                _logger.exception("run %s", self._current)
            finally:
                with self._changed:
                    self._current = None
                    self._changed.notify_all()

    def _train(self, run: Run) -> None:
        from workbench.train.session import train

        train(run, hub=self.hub)

    def _look_after_waiting(self) -> None:
        """Heartbeats of waiting runs, and stops that came as files."""
        beaten = utc_now()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                self._changed.wait(_LOOK_SECONDS)
                if self._closed:
                    return
                beat = utc_now() - beaten >= runs.HEARTBEAT_SECONDS
                beaten = utc_now() if beat else beaten
                for name in list(self._waiting):
                    run = Run(self.home / "runs" / name)
                    try:
                        if run.stop_path.exists():
                            self._withdraw(run)
                        elif beat:
                            run.write_state(heartbeat=utc_now())
                    except OSError:  # deleted while it waited, or no room; the worker meets it again and says so
                        _logger.exception("run %s", name)
