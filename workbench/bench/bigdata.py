"""A JSONL of gigabytes in the data tab of a real browser: its first page, its reading to the end, what the page holds.

Needs Playwright and Chromium (`pip install -e '.[test]'`). WORKBENCH_BENCH_GIGABYTES is the file's size: 0.2 unless it
is set; 5 takes some ten minutes and as much room in the folder for temporary files.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from workbench.bench import data
from workbench.bench.page import browsing

_ROWS_WRITTEN = 100_000  # different ones; then they come again with another number before them
_COPIES = 50  # every so many rows one comes again unchanged
_SAMPLED_SECONDS = 0.2
# Milliseconds from Enter in the box to the frame that shows rows.
_FIRST_PAGE = """() => new Promise((resolve) => {
  let began = 0;
  const box = document.querySelector('#data-file input');
  box.addEventListener('keydown', () => { began ||= performance.now(); }, { capture: true });
  const observer = new MutationObserver(() => {
    if (!began || !document.querySelector('#data-rows tr[data-row="15"]')) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began)));
  });
  observer.observe(document.querySelector('#data-rows').parentElement, { childList: true, subtree: true });
  setTimeout(() => resolve(null), 60000);
})"""


def compare() -> dict[str, Any]:
    """Milliseconds to the first page, rows per second to the end, and the peak of the server's process and of all that
    it started, in bytes; `began` is the process with its page open before the file is."""
    gigabytes = float(os.environ.get("WORKBENCH_BENCH_GIGABYTES", "0.2"))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "workspace"
        (home / "data").mkdir(parents=True)
        rows = generate(home / "data" / "big.jsonl", int(gigabytes * 1e9))
        with browsing(home, "data") as (page, process):
            page.locator("#data-file input").wait_for(timeout=60_000)
            held = Held(process)
            began = held.now()
            return {"rows": rows, "gigabytes": gigabytes, "began_bytes": began, **_measured(page, rows, held)}


def _measured(page: Any, rows: int, held: Held) -> dict[str, Any]:
    box = page.locator("#data-file input")
    page.evaluate("(script) => { window.firstPage = eval(script)(); }", _FIRST_PAGE)
    with held:
        started = time.perf_counter()
        box.fill("data/big.jsonl")
        box.press("Enter")
        first = page.evaluate("() => window.firstPage")
        page.wait_for_function(
            "() => document.querySelector('#data-report')?.innerText.includes('%') && "
            "!document.querySelector('#data-scan-stop')?.offsetParent",
            timeout=3_600_000, polling=500,
        )  # fmt: skip
        seconds = time.perf_counter() - started
        last = -(-rows // 15)
        number = page.locator("#data-page input")
        number.fill(str(last))
        number.press("Enter")
        page.locator(f'#data-rows tr[data-row="{(last - 1) * 15 + 1}"]').wait_for(timeout=60_000)
    return {
        "first_page_ms": round(first) if first else None, "seconds": round(seconds, 1),
        "rows_per_second": round(rows / seconds), "peak_memory_bytes": held.most,
    }  # fmt: skip


def generate(path: Path, size_bytes: int) -> int:
    """Alpaca rows up to a size, in blocks whose rows differ by a number before them; answers with how many."""
    data.generate(path, min(_ROWS_WRITTEN, max(1000, size_bytes // 300)))
    lines = path.read_bytes().splitlines(keepends=True)
    field, written, block = b'"instruction": "', 0, 0
    with path.open("wb") as file:
        while file.tell() < size_bytes:
            mark = field + b"%d " % block
            file.write(b"".join(line if at % _COPIES == 0 else line.replace(field, mark, 1) for at, line in
                                enumerate(lines)))  # fmt: skip
            written, block = written + len(lines), block + 1
    return written


class Held:
    """The most memory that a process and its children held together while the block ran."""

    def __init__(self, pid: int) -> None:
        import psutil

        self._process, self._gone = psutil.Process(pid), psutil.Error
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.most = 0

    def now(self) -> int:
        total = 0
        for process in (self._process, *self._process.children(recursive=True)):
            with suppress(self._gone):  # a child that has just ended
                total += process.memory_info().rss
        return total

    def _sample(self) -> None:
        while not self._done.wait(_SAMPLED_SECONDS):
            self.most = max(self.most, self.now())

    def __enter__(self) -> Held:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self.most = max(self.most, self.now())


if __name__ == "__main__":
    print(json.dumps(compare(), indent=2))
