"""The workspace -> what a chat column can be: the base model and every adapter and checkpoint, newest first."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from workbench import runs
from workbench.models import adapters
from workbench.ui.i18n import Texts


class Columns:
    """Asked by every page every few seconds: a run is read again only when something in its folder changed."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._lock = threading.Lock()
        self._known: dict[str, tuple[tuple[int, ...], list[adapters.AdapterRef]]] = {}

    def refs(self) -> list[adapters.AdapterRef]:
        """Whole adapters, newest run first; within a run its result, then its checkpoints from the last one back."""
        with self._lock:
            found = []
            for run in runs.every(self.home):
                mark = _mark(run.directory)
                known = self._known.get(run.name)
                if known is None or known[0] != mark:
                    whole = list(adapters.of_run(run))
                    results = [ref for ref in whole if ref.step is None]
                    known = (mark, results + [ref for ref in reversed(whole) if ref.step is not None])
                    self._known[run.name] = known
                found += known[1]
            return found

    def choices(self, t: Texts, live: Mapping[str, int] | None = None) -> list[tuple[str, str]]:
        """(shown, column) pairs for a dropdown; live: the runs that train in this process."""
        training = [(t("chat.live", run=run), f"{run}@now") for run in live or ()]
        return [(t("chat.base"), adapters.BASE.name), *training, *((_label(ref), ref.name) for ref in self.refs())]

    def adapters(self) -> list[tuple[str, str]]:
        """(shown, column) pairs of adapters alone."""
        return [(_label(ref), ref.name) for ref in self.refs()]


def _label(ref: adapters.AdapterRef) -> str:
    return ref.name if ref.step is None else f"{ref.run} · {ref.step}"


def _mark(folder: Path) -> tuple[int, ...]:
    """Changes when an adapter folder appears, goes or gets another file."""
    marks = []
    results = [folder / name for name in ("adapter", "bottleneck", "model")]
    for path in sorted([*results, *folder.glob("checkpoint-*")]):
        try:
            marks.append(path.stat().st_mtime_ns)
        except FileNotFoundError:
            continue
    return tuple(marks)
