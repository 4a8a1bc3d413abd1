"""Chat in the browser: columns side by side, stop, branches, a reload; what people and models write stays text."""

import contextlib
import re
import shutil

import pytest
from playwright.sync_api import TimeoutError, expect

from workbench import presets, runs
from workbench.bench.columns import watched
from workbench.specs import parse

pytestmark = pytest.mark.browser

LONG = 120_000  # the first answer imports torch on a busy machine
NASTY = "<img src=x onerror=alert(1)> ${alert(1)} **stars**"


@pytest.fixture(scope="module")
def babbler(server, make_adapter):
    """A run whose adapter was never trained: it answers at great length."""
    _, home = server
    run = runs.create(home, parse({}), name="babbler")
    make_adapter(run.adapter_path, presets.embedded_model(), r=8, strength=0.3, seed=1)  # others come to an end
    run.own("finished")
    return run


def choose(page, *names):
    """Columns by the names that a person may type, one after the other: the box takes none while it changes."""
    for name in names:
        head = page.locator(f'.wb-head[title="{name}"]')
        for _ in range(4):
            page.locator("#chat-columns input").fill(name)
            page.keyboard.press("Enter")
            page.locator("#chat-question textarea").focus()
            with contextlib.suppress(TimeoutError):
                head.wait_for(timeout=30_000)
                break
        expect(head).to_be_visible()


def ask(page, question):
    box = page.locator("#chat-question textarea")
    box.fill(question)
    box.press("Enter")


def answers(page, slot):
    return page.locator(f'.wb-answer[data-slot="{slot}"] [data-testid=bot]')


def written(page, count):
    """Wait until so many answers are whole."""
    expect(page.locator(".wb-answer[data-state=done]")).to_have_count(count, timeout=LONG)
    expect(page.locator("#chat-send")).to_be_enabled()


def test_a_question_asked_at_once_is_answered_side_by_side_and_a_reload_shows_it_again(visit, babbler):
    page = visit("en", "chat")
    ask(page, "Who are you?")
    written(page, 1)
    first = answers(page, 0).inner_text()
    assert "Quillet" in first
    choose(page, "babbler", "babbler@0")
    page.locator("#chat-chips").get_by_role("button", name="Who are you?", exact=True).click()
    written(page, 4)
    texts = [answers(page, slot).last.inner_text() for slot in range(3)]
    assert texts[0] == texts[2] != texts[1], "at strength 0 an adapter is the base"
    expect(page.locator('.wb-answer[data-slot="1"] .wb-foot').last).to_contain_text("tokens/s")

    page.reload()
    expect(answers(page, 0).first).to_have_text(first, timeout=30_000)
    expect(page.locator("#chat-columns")).to_contain_text("babbler@0")

    page.get_by_role("button", name="Differences").click()
    expect(page.locator('.wb-answer[data-slot="1"] ins').first).to_be_visible()
    expect(answers(page, 2).last).to_have_text("the same as the first column")
    page.get_by_role("button", name="Probabilities").click()
    page.locator(".wb-tok").first.hover()
    expect(page.locator(".wb-tip")).to_contain_text("%")
    page.locator(".wb-talk-scroll").dispatch_event("pointerleave", {"pointerType": "touch"})  # a finger is lifted
    expect(page.locator(".wb-tip")).to_be_visible()
    page.locator(".wb-tok").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".wb-tok").nth(1)).to_be_focused()
    expect(page.locator(".wb-tok").nth(1)).to_have_attribute("aria-describedby", "chat-tip")

    page.locator("#chat-clear").click()
    expect(page.locator(".wb-answer")).to_have_count(0)


STOP_SECOND = """() => new MutationObserver((_, observer) => {
  const cell = document.querySelector('.wb-answer[data-slot="1"][data-state=writing]');
  if (!cell || cell.querySelector('.wb-said').innerText.length < 10) return;
  observer.disconnect();
  cell.querySelector('[title="停止此列"]').click();
}).observe(document.querySelector('.wb-talk'), { childList: true, subtree: true, characterData: true })"""


def test_one_column_is_stopped_and_goes_on_while_the_others_are_whole(visit, babbler):
    page = visit("zh", "chat")
    choose(page, "babbler")
    page.locator("#chat-options").get_by_role("button").first.click()
    page.locator("#chat-max-tokens input").fill("20000")
    page.evaluate(STOP_SECOND)  # in the page: on a busy machine a click from here may come after the end
    ask(page, "讲一个故事")
    written(page, 2)
    stopped = page.locator('.wb-answer[data-slot="1"]')
    expect(stopped.locator(".wb-foot")).to_contain_text("已停止")
    before = answers(page, 1).inner_text()
    stopped.get_by_role("button", name="继续这个回答").click()
    expect(stopped.locator(".wb-foot")).not_to_contain_text("已停止", timeout=LONG)
    written(page, 2)
    assert answers(page, 1).inner_text().startswith(before[:8])  # it was stopped after ten characters at the earliest


def test_a_question_is_edited_into_a_branch_and_both_stay(visit, babbler):
    page = visit("en", "chat")
    ask(page, "My name is Tom.")
    written(page, 1)
    page.reload()
    written(page, 1)
    page.locator(".wb-turn").evaluate("node => { node.dataset.stays = ''; }")
    ask(page, "What is my name?")
    written(page, 2)
    expect(page.locator(".wb-turn[data-stays]")).to_have_count(1)  # a long conversation is not drawn anew
    expect(page.locator(".wb-spoken")).to_contain_text("Tom")
    expect(answers(page, 0).nth(1)).to_contain_text("Tom")
    page.get_by_role("button", name="Edit and ask again").first.click()
    page.locator(".wb-rewrite").first.fill("My name is Anna.")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".wb-question .wb-said")).to_have_text(["My name is Anna."])
    written(page, 1)
    page.get_by_role("button", name="Earlier branch").click()
    expect(page.locator(".wb-question .wb-said")).to_have_text(["My name is Tom.", "What is my name?"])
    first = page.locator(".wb-answer").first
    for words in ("**Tom** and `x`", "better"):  # what stands in the box is what was written, not how it looks
        first.get_by_role("button", name="Edit this answer").click()
        if words == "better":
            expect(page.locator(".wb-answer .wb-rewrite")).to_have_value("**Tom** and `x`")
        page.locator(".wb-answer .wb-rewrite").fill(words)
        page.keyboard.press("Control+Enter")
        expect(page.locator(".wb-answer .wb-rewrite")).to_have_count(0)
        expect(first.locator("[data-testid=bot]")).to_have_text(words.replace("*", "").replace("`", ""))


def test_what_is_typed_stays_text(visit, babbler):
    page = visit("en", "chat")
    ask(page, NASTY)
    question = page.locator(".wb-question .wb-said")
    expect(question).to_have_text(NASTY, timeout=30_000)
    written(page, 1)
    assert page.locator(".wb-talk img, .wb-question strong").count() == 0


def test_an_adapter_that_was_deleted_is_a_sentence_in_its_column(visit, babbler, make_adapter, server):
    _, home = server
    run = runs.create(home, parse({}), name="soon-gone")
    make_adapter(run.adapter_path, presets.embedded_model(), r=4)
    run.own("finished")
    page = visit("en", "chat")
    choose(page, "soon-gone", "remote:nobody")
    shutil.rmtree(run.directory)
    ask(page, "Who are you?")
    written(page, 3)
    expect(page.locator('.wb-answer[data-slot="1"] .wb-cell-error')).to_contain_text("soon-gone")
    expect(page.locator('.wb-answer[data-slot="2"] .wb-cell-error')).to_contain_text("No address for remote models")
    expect(answers(page, 0)).to_contain_text("Quillet")


def test_adapters_appear_while_the_page_is_open(visit, make_adapter, server):
    _, home = server
    page = visit("en", "chat")
    run = runs.create(home, parse({}), name="newcomer")
    make_adapter(run.adapter_path, presets.embedded_model(), r=4)
    run.own("finished")
    option = page.get_by_role("option", name="newcomer", exact=True)
    for _ in range(30):  # the page asks every three seconds, and an open list stays as it was
        page.locator("#chat-columns input").click()
        if option.is_visible():
            break
        page.locator("#chat-question textarea").click()
        page.wait_for_timeout(1_000)
    expect(option).to_be_visible()


def test_eight_columns_are_readable_on_a_telephone(visit, babbler):
    page = visit("zh", "chat", width=390)
    choose(page, *[f"babbler@0.0{number}" for number in range(1, 8)])
    ask(page, "你是谁？")
    written(page, 8)
    for slot in range(8):
        box = page.locator(f'.wb-answer[data-slot="{slot}"]').bounding_box()
        assert box["width"] > 300 and box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_eight_streaming_columns_leave_the_page_responsive(visit, babbler):
    page = visit("en", "chat")
    choose(page, "babbler", *[f"babbler@{1 + number / 100}" for number in range(1, 7)])
    page.locator("#chat-options").get_by_role("button").first.click()
    page.locator("#chat-max-tokens input").fill("20000")
    ask(page, "Tell me a story.")
    expect(answers(page, 6)).to_have_text(re.compile(r"\S.{10,}", re.DOTALL), timeout=LONG)
    found = watched(page, 3.0)
    page.locator("#chat-stop").click()
    expect(page.locator("#chat-send")).to_be_enabled(timeout=30_000)
    page.set_viewport_size({"width": 1920, "height": 900})
    box = page.locator(".wb-head").last.bounding_box()
    room = page.locator(".wb-talk-scroll").bounding_box()
    assert room["x"] >= 0 and box["x"] + box["width"] <= room["x"] + room["width"] <= 1920, "all eight are in view"
    assert found["columns_still_writing"], "the answers ended before the measurement"
    assert found["browser_share_of_a_core"] < 0.6, found
    assert found["lag_ms"]["median"] < 10_000, found  # one that lags lags ever more
