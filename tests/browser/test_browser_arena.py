"""The arena in the browser: a blind match, a vote by key, names afterwards, the table; what was asked stays text."""

import pytest
from playwright.sync_api import expect

from workbench import presets, runs
from workbench.chat import votes
from workbench.specs import parse

pytestmark = pytest.mark.browser

LONG = 120_000  # the first answer imports torch on a busy machine
NASTY = "<img src=x onerror=alert(1)> ${alert(1)}"


def test_a_blind_match_shows_no_name_until_a_key_votes(visit, server, make_adapter):
    _, home = server
    run = runs.create(home, parse({}), name="zebra")
    make_adapter(run.adapter_path, presets.embedded_model(), r=4, strength=0.05)
    run.own("finished")
    page = visit("en", "chat")
    page.locator("#part-arena-button").click()
    page.locator("#arena-pool input[value=zebra]").check()
    page.locator("#arena-question").fill(NASTY)
    page.locator("#arena-question").press("Enter")
    expect(page.locator("#arena-votes")).to_be_visible(timeout=LONG)
    expect(page.locator("#arena-asked")).to_have_text(NASTY)
    assert page.locator("#arena-asked img").count() == 0
    shown = page.locator("#arena-columns").inner_html()
    assert "zebra" not in shown and "base" not in shown
    page.keyboard.press("ArrowRight")
    expect(page.locator("#arena-said")).to_contain_text("is better")
    expect(page.locator("#arena-columns")).to_contain_text("zebra")
    expect(page.locator("#arena-results")).to_contain_text("zebra", timeout=30_000)
    (vote,) = votes.read(home)
    assert vote["blind"] and vote["winner"] == vote["columns"][1]
    assert vote["messages"] == [{"role": "user", "content": NASTY}]
