"""Eight columns that stream at once, in a real browser: what they cost the page, and how late their words are drawn.

Needs Playwright and Chromium (`pip install -e '.[test]'`). The columns are one adapter at eight strengths; it was
never trained, and answers without end.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from workbench.bench.page import opened

COLUMNS = 8
_QUESTION = "Tell me a story."
_TOKENS_TRIED = 200  # a strength that has not come to an end by then goes round in circles
# Per update of the page: milliseconds from the newest token of each cell that it brings to the frame that shows it.
_WATCH = """(seconds) => new Promise((resolve) => {
  const lags = [];
  let updates = 0;
  const look = ({ detail }) => {
    updates += 1;
    const times = (detail.cells ?? []).filter((cell) => cell.state === 'writing' && cell.when).map((cell) => cell.when * 1000);
    requestAnimationFrame(() => setTimeout(() => lags.push(...times.map((time) => Date.now() - time))));  // painted
  };
  const talk = document.querySelector('.wb-talk');
  talk.addEventListener('drawn', look);
  setTimeout(() => { talk.removeEventListener('drawn', look); resolve({ updates, lags }); }, seconds * 1000);
})"""  # noqa: E501


def compare(seconds: float = 8.0) -> dict[str, Any]:
    """Share of a core that the browser takes, updates a second, and lag behind the server in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "workspace"
        _babbler(home)
        names = _endless(home)
        with opened(home) as page:
            return _measured(page, names, seconds)


def _measured(page: Any, names: list[str], seconds: float) -> dict[str, Any]:
    columns = page.locator("#chat-columns input")
    columns.press("Backspace")  # the base, which comes to an end
    for name in names:
        columns.fill(name)
        page.keyboard.press("Enter")
        page.locator("#chat-question textarea").focus()
    page.locator(f'.wb-head[data-slot="{len(names) - 1}"]').wait_for(timeout=30_000)
    page.locator("#chat-options").get_by_role("button").first.click()
    page.locator("#chat-max-tokens input").fill("20000")  # up to the end of the model's window
    box = page.locator("#chat-question textarea")
    box.fill(_QUESTION)
    box.press("Enter")
    page.wait_for_function(
        "(slot) => document.querySelector(`.wb-answer[data-slot='${slot}'] .wb-said`)?.innerText.length > 10",
        arg=len(names) - 1, timeout=120_000,
    )  # fmt: skip
    found = watched(page, seconds)
    page.locator("#chat-stop").click()
    page.wait_for_function("() => !document.querySelector('.wb-answering')", timeout=60_000)
    return found


def watched(page: Any, seconds: float) -> dict[str, Any]:
    """A chat tab in which answers are being written, looked at for so long."""
    before, began = _browser_seconds(), time.monotonic()
    seen = page.evaluate(_WATCH, seconds)
    spent, took = _browser_seconds() - before, time.monotonic() - began
    lags = sorted(seen["lags"])
    return {
        "browser_share_of_a_core": spent / took,
        "updates_per_second": seen["updates"] / took,
        "columns_still_writing": page.locator(".wb-answer[data-state=writing]").count(),
        "lag_ms": {
            "median": statistics.median(lags), "p95": lags[int(0.95 * (len(lags) - 1))], "max": lags[-1],
        } if lags else None,
    }  # fmt: skip


def _endless(home: Path) -> list[str]:
    """Strengths of the adapter at which it does not come to an end."""
    from workbench.chat.engine import Engine
    from workbench.models.hub import Hub

    engine, found = Engine(Hub(), home), []
    names = [f"babbler@{1 + number / 100:g}" for number in range(2 * COLUMNS)]
    try:
        engine.answer(
            [_QUESTION], names, {"max_tokens": _TOKENS_TRIED},
            on_answer=lambda _, column, delta: found.append(names[column]) if delta.finish == "length" else None,
        )  # fmt: skip
    finally:
        engine.close()
    return sorted(found)[:COLUMNS]


def _babbler(home: Path) -> None:
    """A run whose adapter was never trained: it answers at great length."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from workbench import presets, runs
    from workbench.specs import parse

    home.mkdir(parents=True)
    run = runs.create(home, parse({}), name="babbler")
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(presets.embedded_model())
    tuned = get_peft_model(model, LoraConfig(r=8, target_modules="all-linear", task_type="CAUSAL_LM"))
    with torch.no_grad():
        for parameter in tuned.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.3)
    tuned.save_pretrained(run.adapter_path)
    run.own("finished")


def _browser_seconds() -> float:
    """CPU seconds of all processes of the browsers that this process started, drawing included."""
    import psutil

    total = 0.0
    for child in psutil.Process().children(recursive=True):
        try:
            if "chrom" in child.name():
                times = child.cpu_times()
                total += times.user + times.system
        except psutil.Error:  # it ended meanwhile
            continue
    return total


if __name__ == "__main__":
    print(json.dumps(compare(), indent=2))
