"""Data folders -> a mark each that changes with any file in them, walked in the background: a form waits for none."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from pathlib import Path

_WAIT_SECONDS = 0.05  # enough for some hundred files: these are always told as they are now


class Folders:
    """The last walk answers while the next one goes on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Path, str] = {}
        self._walking: dict[Path, threading.Thread] = {}

    def mark(self, folder: Path) -> str | None:
        """None while the first walk through it is not over."""
        with self._lock:
            thread = self._walking.get(folder)
            if thread is None:
                thread = threading.Thread(target=self._walk, args=(folder,), name="walking data", daemon=True)
                self._walking[folder] = thread
                thread.start()
        thread.join(_WAIT_SECONDS)
        with self._lock:
            return self._known.get(folder)

    def _walk(self, folder: Path) -> None:
        try:
            found = _mark(folder)
        except OSError as error:  # the count reads the same files and says what is wrong with them
            found = type(error).__name__
        with self._lock:
            self._known[folder] = found
            del self._walking[folder]


def _mark(folder: Path) -> str:
    """Of every file's path, time and size."""
    found, waiting = [], [str(folder)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                    continue
                with contextlib.suppress(FileNotFoundError):  # gone meanwhile, or a link to nothing
                    status = entry.stat()
                    found.append(f"{entry.path}\0{status.st_mtime_ns}\0{status.st_size}")
    return hashlib.sha256("\n".join(sorted(found)).encode(errors="surrogateescape")).hexdigest()
