"""Real Chromium against a real server; whatever the page throws, or asks of another host, fails the test."""

import functools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from serving import serving, write_recipe

WIDE = {"width": 1280, "height": 900}


def chromium_path() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.fail("The browser tests need Chromium: apt-get install chromium fonts-noto-cjk (or your system's package).")


@pytest.fixture(scope="module")  # Playwright's loop keeps the thread: other tests may need one of their own
def browser():
    from playwright.sync_api import Locator, expect, sync_playwright

    expect.set_options(timeout=30_000)  # a busy machine draws late; what holds is seen at once all the same
    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Locator, "fill", after_drawing(Locator.fill))
        launched = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        yield launched
        launched.close()


def after_drawing(fill: Callable[..., None]) -> Callable[..., None]:
    """Two frames later, as any hand is: Gradio writes a just unfolded field's first value again in the next frame."""

    @functools.wraps(fill)
    def later(self, *given, **options):
        self.wait_for(timeout=options.get("timeout"))
        self.page.evaluate("() => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))")
        fill(self, *given, **options)

    return later


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[tuple[str, Path]]:
    """Address and workspace. Its own `identity` preset is the shipped recipe with fewer steps."""
    home = tmp_path_factory.mktemp("browser") / "workspace"
    write_recipe(home, max_steps=40, every=10)
    with serving(home) as (address, _):
        yield address, home


@pytest.fixture
def visit(browser, server):
    """visit("zh", "train", width=390) -> a page on that tab; errors are collected and fail the test at its end."""
    address, _ = server
    contexts, troubles = [], []

    def go(language: str = "en", tab: str = "start", *, width: int = 1280, dark: bool = False, at: str = address):
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            locale="zh-CN" if language == "zh" else "en-US",
            color_scheme="dark" if dark else "light",
        )
        context.set_default_timeout(30_000)
        contexts.append(context)
        page = context.new_page()
        watch(page, at, troubles)
        page.goto(f"{at}/{language}/#{tab}")
        page.locator(f"#tab-{tab}-button[aria-selected=true]").wait_for(timeout=30_000)
        return page

    go.troubles = troubles
    yield go
    for context in contexts:
        context.close()
    assert troubles == []


def watch(page, address: str, troubles: list) -> None:
    page.on("pageerror", lambda error: troubles.append(f"page error: {error}"))
    page.on("dialog", lambda dialog: (troubles.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: local(request.url, address) or troubles.append(f"asked {request.url}"))
    page.on(
        "console",
        lambda message: troubles.append(f"console: {message.text}") if "Content Security" in message.text else None,
    )


def local(url: str, address: str) -> bool:
    return url.startswith((f"{address}/", "data:", "blob:"))
