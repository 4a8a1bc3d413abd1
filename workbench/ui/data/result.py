"""Steps on rows -> what they give: kept in memory for the next step, and as a file that the tab can look at."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from workbench.data import recipe
from workbench.data.recipe import Prepared
from workbench.data.records import Record
from workbench.data.writers import write_rows
from workbench.errors import UserError

_PREPARED_KEPT, _FILES_KEPT = 3, 4
_TOLD_ROWS = 2048
FOLDER = "data/.steps"  # hidden: no list of data sets shows it, and no folder is read with it
Steps = list[dict[str, Any]]
Tell = Callable[[float | None, int], None]


class Prepares:
    """What lists of steps gave, the last few of them: another step goes on from there."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Prepared] = OrderedDict()

    def get(self, steps: Steps, tell: Tell = lambda fraction, rows: None) -> Prepared:
        begun, stamp = None, self._stamp()
        with self._lock:
            for length in range(len(steps), 0, -1):
                if begun := self._known.get(_key(steps[:length], stamp)):
                    break
        state = recipe.prepare(steps, self.home, begun=begun, tell=tell, inside=True)
        with self._lock:
            self._known[_key(steps, stamp)] = state
            while len(self._known) > _PREPARED_KEPT:
                self._known.popitem(last=False)
        return state

    def _stamp(self) -> Any:
        """Changes when a file of the data folder changes: a step is then done on what is there now."""
        folder, found = self.home / "data", []
        for path in sorted(folder.rglob("*")):
            if any(part.startswith(".") for part in path.relative_to(folder).parts):
                continue
            with contextlib.suppress(OSError):  # a half-written file that was renamed meanwhile
                found.append((str(path), path.stat().st_mtime_ns))
        return found

    # -- to be looked at ----------------------------------------------------------------------------------------------

    def file_of(self, steps: Steps) -> str:
        """The path, in the workspace, of what these steps give now; `write` makes it."""
        digest = hashlib.blake2b(_key(steps, self._stamp()).encode(), digest_size=4).hexdigest()
        return f"{FOLDER}/result-{digest}.jsonl"

    def write(self, steps: Steps, tell: Tell = lambda fraction, rows: None) -> str:
        """Write the rows, those held out beside them; answers with the path in the workspace."""
        name = self.file_of(steps)
        path = self.home / name
        if path.exists():
            return name
        state = self.get(steps, tell)
        if not state.records:
            raise UserError("data.recipe_empty", name=path.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if state.held_out:
            write_rows(path.with_suffix(".eval.jsonl"), _rows(state.held_out, tell))
        write_rows(path, _rows(state.records, tell))
        written = sorted(path.parent.glob("result-*.jsonl"), key=lambda file: -file.stat().st_mtime_ns)
        for old in written[2 * _FILES_KEPT :]:  # each may have its held-out rows beside it
            old.unlink(missing_ok=True)
        return name

    def numbers(self, steps: Steps, rows: Sequence[int]) -> list[int]:
        """Rows as the written file lists them -> their numbers in the steps. Raises UserError for one not there."""
        ids = self.get(steps).ids
        if missing := [row for row in rows if not 1 <= row <= len(ids)]:
            raise UserError("dataset.no_row", row=missing[0], count=f"{len(ids):,}")
        return [ids[row - 1] for row in rows]


def _rows(records: Sequence[Record], tell: Tell) -> Iterator[dict[str, Any]]:
    for number, record in enumerate(records):
        if number % _TOLD_ROWS == 0:
            tell(number / len(records), number)
        yield record.to_row()


def is_result(file: str | None) -> bool:
    """Whether the tab looks at what steps gave, not at a source."""
    return bool(file) and str(file).startswith(f"{FOLDER}/")


def _key(steps: Steps, stamp: Any) -> str:
    return json.dumps([steps, stamp], ensure_ascii=False, sort_keys=True, default=str)
