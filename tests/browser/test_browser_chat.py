"""Chat in the browser: columns side by side, stop, a reload, what was typed and what a model says stay text."""

import re
import shutil

import pytest
from playwright.sync_api import expect

from workbench import presets, runs
from workbench.specs import parse

pytestmark = pytest.mark.browser

LONG = 120_000  # the first answer imports torch on a busy machine
NASTY = "<img src=x onerror=alert(1)> ${alert(1)} **stars**"


@pytest.fixture(scope="module")
def babbler(server, make_adapter):
    """A run whose adapter was never trained: it answers at great length."""
    _, home = server
    run = runs.create(home, parse({}), name="babbler")
    make_adapter(run.adapter_path, presets.embedded_model(), r=8, strength=0.3)
    run.own("finished")
    return run


def choose(page, *labels):
    for label in labels:
        page.locator("#chat-columns input").click()
        page.get_by_role("option", name=label, exact=True).click()
        page.keyboard.press("Escape")


def ask(page, question):
    box = page.locator("#chat-question textarea")
    box.fill(question)
    box.press("Enter")


def answers(page, slot):
    return page.locator(f"#chat-column-{slot} [data-testid=bot]")


def test_base_and_adapter_answer_side_by_side_and_a_reload_shows_them_again(visit, babbler):
    page = visit("en", "chat")
    choose(page, "babbler")
    expect(page.locator("#chat-column-1")).to_contain_text("babbler")
    page.locator("#chat-chips").get_by_role("button", name="Who are you?", exact=True).click()
    for slot in (0, 1):
        expect(page.locator(f"#chat-stats-{slot}")).to_contain_text("tokens/s", timeout=LONG)
    expect(page.locator("#chat-send")).to_be_enabled()
    first = answers(page, 0).inner_text()
    assert "Quillet" in first and first != answers(page, 1).inner_text()

    page.reload()
    page.locator("#chat-column-1 [data-testid=bot]").wait_for(timeout=30_000)
    assert answers(page, 0).inner_text() == first
    expect(page.locator("#chat-columns")).to_contain_text("babbler")

    page.locator("#chat-clear").click()
    expect(answers(page, 0)).to_have_count(0)


def test_stop_ends_a_long_answer_and_keeps_what_was_said(visit, babbler):
    page = visit("zh", "chat")
    choose(page, "babbler")
    page.locator("#chat-options").get_by_role("button").first.click()
    page.locator("#chat-max-tokens input").fill("20000")
    ask(page, "讲一个故事")
    expect(answers(page, 1)).to_have_text(re.compile(r"\S.{10,}", re.DOTALL), timeout=LONG)
    page.locator("#chat-stop").click()
    expect(page.locator("#chat-send")).to_be_enabled(timeout=20_000)
    expect(page.locator("#chat-stop")).to_be_disabled()
    assert len(answers(page, 1).inner_text()) > 10
    expect(page.locator("#chat-stats-1")).to_contain_text("词元/秒")


def test_a_dialogue_goes_on_and_retry_answers_its_last_question(visit, babbler):
    page = visit("en", "chat")
    ask(page, "My name is Tom.")
    expect(page.locator("#chat-stats-0")).to_contain_text("tokens/s", timeout=LONG)
    expect(page.locator("#chat-send")).to_be_enabled(timeout=LONG)
    ask(page, "What is my name?")
    expect(answers(page, 0)).to_have_count(2, timeout=LONG)
    expect(answers(page, 0).nth(1)).to_contain_text("Tom", timeout=LONG)
    page.locator("#chat-retry").click()
    expect(page.locator("#chat-send")).to_be_enabled(timeout=LONG)
    expect(answers(page, 0)).to_have_count(2)
    expect(answers(page, 0).nth(1)).to_contain_text("Tom")


def test_a_question_asked_before_the_page_has_settled_is_answered(visit, babbler):
    page = visit("en", "chat")
    page.evaluate("sessionStorage.clear()")
    page.reload(wait_until="commit")
    box = page.locator("#chat-question textarea")
    box.fill("Who are you?")
    box.press("Enter")
    expect(answers(page, 0)).to_contain_text("Quillet", timeout=LONG)


def test_what_is_typed_stays_text(visit, babbler):
    page = visit("en", "chat")
    ask(page, NASTY)
    question = page.locator("#chat-column-0 [data-testid=user]")
    expect(question).to_have_text(NASTY, timeout=30_000)
    expect(page.locator("#chat-stats-0")).to_contain_text("tokens/s", timeout=LONG)
    assert question.locator("img, strong").count() == 0


def test_an_adapter_that_was_deleted_is_a_sentence_in_its_column(visit, babbler, make_adapter, server):
    _, home = server
    run = runs.create(home, parse({}), name="soon-gone")
    make_adapter(run.adapter_path, presets.embedded_model(), r=4)
    run.own("finished")
    page = visit("en", "chat")
    choose(page, "soon-gone")
    shutil.rmtree(run.directory)
    ask(page, "Who are you?")
    expect(answers(page, 1)).to_contain_text("soon-gone", timeout=LONG)
    expect(answers(page, 0)).to_contain_text("Quillet", timeout=LONG)


def test_adapters_appear_while_the_page_is_open(visit, make_adapter, server):
    _, home = server
    page = visit("en", "chat")
    run = runs.create(home, parse({}), name="newcomer")
    make_adapter(run.adapter_path, presets.embedded_model(), r=4)
    run.own("finished")
    page.wait_for_timeout(4_000)  # the page asks every three seconds
    page.locator("#chat-columns input").click()
    expect(page.get_by_role("option", name="newcomer", exact=True)).to_be_visible()


def test_four_columns_are_readable_on_a_telephone(visit, babbler):
    page = visit("zh", "chat", width=390)
    choose(page, "babbler")
    for slot in (0, 1):
        box = page.locator(f"#chat-column-{slot}").bounding_box()
        assert box["width"] > 300 and box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
