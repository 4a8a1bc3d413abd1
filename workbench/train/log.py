"""What the libraries and the session say in the training thread -> the run's log.txt."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

_LIBRARIES = ("transformers", "trl", "peft", "accelerate", "datasets")


class RunLog:
    """Appends lines with the time in front; a disk without room costs the line, not the run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, text: str) -> None:
        stamp = datetime.now().strftime("%H:%M:%S")
        lines = "".join(f"{stamp} {line}\n" for line in text.splitlines() or [""])
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(lines)
        except OSError as error:
            logging.getLogger(__name__).warning("log.txt: %s", error)


class _FromThisThread(logging.Handler):
    def __init__(self, log: RunLog) -> None:
        super().__init__(logging.WARNING)
        self.log = log
        self.thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread:  # other threads chat meanwhile
            self.log(f"{record.levelname.lower()}: {record.getMessage()}")


@contextmanager
def libraries_logged(log: RunLog) -> Iterator[None]:
    """Warnings of the training libraries in this thread go to the log."""
    handler = _FromThisThread(log)
    loggers = [logging.getLogger(name) for name in _LIBRARIES]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # deprecations: ours to heed, not a user's
            yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
