"""The chat in a real browser: from Enter to the first token, and what eight streaming columns cost the page.

Needs Playwright and Chromium (`pip install -e '.[test]'`). The server is a process of its own, as a user starts it.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workbench.errors import UserError

_SECONDS = 5.0
# Milliseconds from the key to the first token painted, measured inside the page. An <em> says that it is awaited.
_FIRST_TOKEN = """() => new Promise((resolve) => {
  const turns = document.querySelectorAll('.wb-turn').length;
  let began = 0;
  document.querySelector('#chat-question textarea').addEventListener('keydown', () => { began = performance.now(); }, { once: true, capture: true });
  const observer = new MutationObserver(() => {
    const rows = document.querySelectorAll('.wb-turn');
    const said = rows.length > turns && rows[rows.length - 1].querySelector('.wb-answer .wb-said');
    if (began && said && !said.querySelector('.wb-settled > em') && said.innerText.trim()) {
      observer.disconnect();
      requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began)));  // after it is painted
    }
  });
  observer.observe(document.querySelector('.wb-talk'), { childList: true, subtree: true, characterData: true });
  setTimeout(() => resolve(null), 30000);
})"""  # noqa: E501


def compare(rounds: int = 7) -> dict[str, Any]:
    """First token in milliseconds (min, median), and with eight columns: share of a core, updates a second, lag."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise UserError("bench.no_browser") from None
    chromium = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )  # noqa: E501
    if chromium is None:
        raise UserError("bench.no_browser")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "workspace"
        _babbler(home)
        with _served(home) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1900, "height": 1000})
            page.goto(f"{address}/en/#chat")
            page.locator("#chat-question textarea").wait_for(timeout=60_000)
            try:
                return {"first_token_ms": _first_token(page, rounds), "eight_columns": _eight(page)}
            finally:
                browser.close()


def _first_token(page: Any, rounds: int) -> dict[str, float]:
    box = page.locator("#chat-question textarea")
    times = []
    for number in range(rounds + 1):  # the first loads the model
        box.fill("Who are you?")
        page.evaluate("(script) => { window.firstToken = eval(script)(); }", _FIRST_TOKEN)
        box.press("Enter")
        took = page.evaluate("() => window.firstToken")
        if number and took is not None:
            times.append(took)
        page.wait_for_function("() => !document.querySelector('.wb-answering')", timeout=120_000)
    return {"min": min(times), "median": statistics.median(times)}


def _eight(page: Any) -> dict[str, float]:
    """All columns babble up to the end of the model's window meanwhile."""
    columns = page.locator("#chat-columns input")
    for number in range(7):
        columns.fill(f"babbler@{1 + number / 100}")
        page.keyboard.press("Enter")
        page.locator("#chat-question textarea").focus()
    page.locator('.wb-head[data-slot="7"]').wait_for(timeout=30_000)
    page.locator("#chat-clear").click()
    page.locator("#chat-options").get_by_role("button").first.click()
    page.locator("#chat-max-tokens input").fill("20000")
    box = page.locator("#chat-question textarea")
    box.fill("Tell me a story.")
    box.press("Enter")
    page.wait_for_function(  # the first adapter imports PEFT
        """() => document.querySelector('.wb-answer[data-slot="7"] .wb-said')?.innerText.length > 10""", timeout=120_000
    )
    before, began = _browser_seconds(), time.monotonic()
    updates = page.evaluate(
        """(seconds) => new Promise((resolve) => {
          let count = 0;
          const observer = new MutationObserver(() => { count += 1; });
          observer.observe(document.querySelector('.wb-turns'), { childList: true, subtree: true });
          setTimeout(() => { observer.disconnect(); resolve(count); }, seconds * 1000);
        })""",
        _SECONDS,
    )
    spent, seconds = _browser_seconds() - before, time.monotonic() - began
    still = page.locator(".wb-answer[data-state=writing]").count()
    page.locator("#chat-stop").click()
    page.wait_for_function("() => !document.querySelector('.wb-answering')", timeout=60_000)
    return {
        "browser_share_of_a_core": spent / seconds,
        "updates_per_second": updates / seconds,
        "columns_still_writing": still,
    }


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


@contextmanager
def _served(home: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GRADIO_TEMP_DIR": str(home.parent / "uploads")}
    command = [sys.executable, "-m", "workbench", "ui", "--port", str(port), "--home", str(home)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            if process.poll() is not None:
                raise RuntimeError(f"the server ended with code {process.returncode}")
            try:
                urllib.request.urlopen(f"{address}/en/", timeout=10)
                break
            except OSError:
                time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.wait(60)


if __name__ == "__main__":
    print(json.dumps(compare(), indent=2))
