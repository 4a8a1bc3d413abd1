"""The arena in the browser: a blind match, a vote by key, names afterwards, the table; what was asked stays text."""

import json

import pytest
from playwright.sync_api import expect

from workbench import presets, runs
from workbench.chat import votes
from workbench.specs import parse

pytestmark = pytest.mark.browser

LONG = 120_000  # the first answer imports torch on a busy machine
NASTY = "<img src=x onerror=alert(1)> ${alert(1)}"


@pytest.fixture(scope="module")
def zebra(server, make_adapter):
    """A run that speaks otherwise than the base model."""
    _, home = server
    run = runs.create(home, parse({}), name="zebra")
    make_adapter(run.adapter_path, presets.embedded_model(), r=4, strength=0.3)
    run.own("finished")
    return run


def test_a_blind_match_shows_no_name_until_a_key_votes(visit, server, zebra):
    _, home = server
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
    page.reload()  # the match still waits for its vote, as secret as before
    page.locator("#part-arena-button").click()
    expect(page.locator("#arena-votes")).to_be_visible(timeout=30_000)
    expect(page.locator("#arena-asked")).to_have_text(NASTY)
    assert page.locator("#arena-columns").inner_html() == shown
    page.keyboard.press("ArrowRight")
    expect(page.locator("#arena-said")).to_contain_text("is better")
    expect(page.locator("#arena-columns")).to_contain_text("zebra")
    expect(page.locator("#arena-results")).to_contain_text("zebra", timeout=30_000)
    (vote,) = votes.read(home)
    assert vote["blind"] and vote["winner"] == vote["columns"][1]
    assert vote["messages"] == [{"role": "user", "content": NASTY}]


def test_a_corrected_answer_and_the_votes_become_rows(visit, server, zebra):
    _, home = server
    page = visit("en", "chat")
    page.locator("#part-arena-button").click()
    page.locator("#arena-pool input[value=zebra]").check()
    page.locator("#arena-blind").uncheck()
    page.locator(".wb-arena .wb-options summary").click()
    page.locator("#arena-max_tokens").fill("8")
    page.locator("#arena-question").fill("Who are you?")
    page.locator("#arena-question").press("Enter")
    expect(page.locator("#arena-votes")).to_be_visible(timeout=LONG)
    page.locator("#arena-side-1 button").click()
    said = page.locator("#keep-answer").input_value()
    page.locator("#keep-answer").fill(NASTY)
    expect(page.locator("#keep-pair")).to_be_checked()
    page.locator("#keep-name").fill("../../out")
    page.locator("dialog [data-act]").click()
    expect(page.locator("dialog")).to_contain_text("cannot be a data set's name")
    page.locator("#keep-name").fill("mine")
    page.locator("dialog [data-act]").click()
    expect(page.locator("#arena-said")).to_contain_text("data/mine.jsonl")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#arena-said")).to_contain_text("is better")
    page.locator("#arena-make-rows").click()
    expect(page.locator("#arena-rows-said")).to_contain_text("data/preferences.jsonl")
    question = {"role": "user", "content": "Who are you?"}
    (row,) = (json.loads(line) for line in (home / "data/mine.jsonl").read_text().splitlines())
    assert row == {"messages": [question, {"role": "assistant", "content": NASTY}]}
    rows = [json.loads(line) for line in (home / "data/preferences.jsonl").read_text().splitlines()]
    (edit,) = [row for row in rows if row["chosen"][0]["content"] == NASTY]
    assert edit["prompt"] == [question] and edit["rejected"] == [{"role": "assistant", "content": said}]
    vote = votes.read(home)[-1]
    assert not vote["blind"] and vote["winner"] == "base"
    assert {"role": "assistant", "content": vote["answers"][0]} in [row["chosen"][0] for row in rows]


def test_a_prompt_set_is_asked_compared_kept_and_deleted(visit, zebra):
    page = visit("zh", "chat", width=390, dark=True)
    page.locator("#part-sets-button").click()
    page.locator("#sets-pool input[value=zebra]").check()
    page.locator("#sets-list").select_option("typed")
    page.locator("#sets-typed").fill(f"Who are you?\n{NASTY}")
    page.locator(".wb-sets .wb-options summary").click()
    page.locator("#sets-max_tokens").fill("6")
    page.locator("#sets-begin").click()
    expect(page.locator("#sets-status")).to_contain_text("4 / 4", timeout=LONG)
    expect(page.locator("#sets-count")).to_have_text("2 条提示中有 2 条回答不同")
    expect(page.locator("#sets-answers tbody tr").nth(1).locator("td").first).to_have_text(NASTY)
    page.locator(".wb-sets [data-of=changes]").click()
    expect(page.locator("#sets-answers ins").first).to_be_visible()
    with page.expect_download() as download:
        page.locator("#sets-export-jsonl").click()
    lines = [json.loads(line) for line in download.value.path().read_text().splitlines()]
    assert [line["prompt"] for line in lines] == ["Who are you?", NASTY]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    again = visit("en", "chat")
    again.locator("#part-sets-button").click()
    again.locator("#sets-kept [data-act=open]").first.click()
    expect(again.locator("#sets-answers tbody tr")).to_have_count(2)
    again.locator("#sets-kept [data-act=delete]").first.click()
    again.locator("dialog [data-act]").click()
    expect(again.locator("#sets-answers")).to_be_hidden()
    expect(again.locator("#sets-kept")).to_contain_text("Nothing yet")
