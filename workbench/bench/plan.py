"""The plan beside the form in a real browser: from a key in a box to the estimate on the screen.

Needs Playwright and Chromium (`pip install -e '.[test]'`). Measured inside the page, after the new estimate is painted.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from workbench.bench.page import browsing

# Milliseconds from the event to the frame that shows another estimate. `type` tells which event of which box begins it.
_SHOWN = """([box, type]) => new Promise((resolve) => {
  const text = () => document.querySelector('#plan-memory')?.innerText;
  const before = text();
  let began = 0;
  document.querySelector(box).addEventListener(type, () => { began ||= performance.now(); }, { once: true, capture: true });
  const observer = new MutationObserver(() => {
    if (!began || !text() || text() === before) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began)));  // after it is painted
  });
  observer.observe(document.querySelector('#train-plan'), { childList: true, subtree: true, characterData: true });
  setTimeout(() => resolve(null), 10000);
})"""  # noqa: E501


def compare(rounds: int = 12) -> dict[str, Any]:
    """Milliseconds (min, median, max) for a number that is typed, for a switch, and for a plan that does not fit."""
    with tempfile.TemporaryDirectory() as folder, browsing(Path(folder) / "workspace", "train") as (page, _):
        page.locator("#plan-memory").wait_for(timeout=60_000)
        return _measured(page, rounds)


def _measured(page: Any, rounds: int) -> dict[str, Any]:
    rank, batch = page.locator("#adapter-r input"), page.locator("#training-per_device_train_batch_size input")
    page.locator("#section-adapter button").first.click()
    dora = page.locator("#adapter-use_dora input")
    dora.wait_for()
    return {
        "typed_ms": _times(page, rank, "input", [lambda n=n: rank.fill(str(17 + n)) for n in range(rounds)]),
        "switched_ms": _times(page, dora, "click", [dora.click] * rounds),
        # Far too large a batch: the three cheapest ways to make it fit are looked for as well.
        "too_big_ms": _times(page, batch, "input", [lambda n=n: batch.fill(str(4096 - 2 * n)) for n in range(rounds)]),
    }


def _times(page: Any, box: Any, event: str, edits: list[Any]) -> dict[str, float]:
    """The first edit warms up and does not count."""
    times = []
    selector = f"#{box.locator('xpath=ancestor::*[@id][1]').get_attribute('id')} input"
    for number, edit in enumerate(edits):
        page.evaluate("([script, given]) => { window.shown = eval(script)(given); }", [_SHOWN, [selector, event]])
        edit()
        took = page.evaluate("() => window.shown")
        if took is None:
            raise RuntimeError(f"no estimate followed edit {number} of {selector}")
        if number:
            times.append(took)
    return {"min": round(min(times), 1), "median": round(statistics.median(times), 1), "max": round(max(times), 1)}


if __name__ == "__main__":
    print(json.dumps(compare(), indent=2))
