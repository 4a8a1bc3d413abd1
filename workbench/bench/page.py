"""The chat in a real browser: from Enter to the first token.

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
    """First token in milliseconds (min, median)."""
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder) / "workspace") as page:
        return {"first_token_ms": _first_token(page, rounds)}


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


@contextmanager
def opened(home: Path) -> Iterator[Any]:
    """The chat tab of a server over this workspace, in Chromium. Raises UserError where there is no browser."""
    with browsing(home, "chat") as (page, _):
        page.locator("#chat-question textarea").wait_for(timeout=60_000)
        yield page


@contextmanager
def browsing(home: Path, tab: str) -> Iterator[tuple[Any, int]]:
    """A tab of a server over this workspace, in Chromium, and the server's process id. Raises as `opened`."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise UserError("bench.no_browser") from None
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = next((path for name in names if (path := shutil.which(name))), None)
    if chromium is None:
        raise UserError("bench.no_browser")
    with _process(home) as (address, process), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1900, "height": 1000})
        page.goto(f"{address}/en/#{tab}")
        try:
            yield page, process
        finally:
            browser.close()


@contextmanager
def _process(home: Path) -> Iterator[tuple[str, int]]:
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
        yield address, process.pid
    finally:
        process.terminate()
        process.wait(60)


if __name__ == "__main__":
    print(json.dumps(compare(), indent=2))
