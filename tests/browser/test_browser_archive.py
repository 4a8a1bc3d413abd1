"""Kept conversations in the browser: found in the history, opened again, an answer of one added to a data set."""

import json

import pytest
from playwright.sync_api import expect

from workbench.chat import kept

pytestmark = pytest.mark.browser

LONG = 120_000  # the first answer imports torch on a busy machine
NASTY = "<img src=x onerror=alert(1)> ${alert(1)} **bold**"


def history(page):
    page.locator("#part-archive-button").click()
    return page.locator("#archive-list .wb-kept")


def test_a_conversation_is_found_opened_again_and_its_answer_corrected_into_a_data_set(visit, server):
    _, home = server
    said = {"text": "wrong **answer** <b>", "done": True, "finish": "stop"}
    options = {"system": "Be brief.", "temperature": 0.5, "top_p": 1.0, "max_tokens": 7, "seed": 1, "template": "",
               "model": ""}  # fmt: skip
    turn = {"after": None, "shown": True, "question": NASTY, "time": 1.0, "tries": 0, "answers": {"base": said}}
    kept.save(home, {"id": "an-earlier-one", "title": "", "created": 1.0, "changed": 1.0, "columns": ["base"],
                     "options": options, "overrides": {}, "turns": [turn]})  # fmt: skip

    page = visit("en", "chat")
    box = page.locator("#chat-question textarea")
    box.fill("Who are you?")
    box.press("Enter")
    expect(page.locator(".wb-answer[data-state=done]")).to_have_count(1, timeout=LONG)
    rows = history(page)
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("Who are you?")
    page.locator("#archive-search").fill("wrong alert")
    expect(rows).to_have_count(1)
    expect(rows.locator(".wb-kept-title")).to_have_text(NASTY)
    assert page.locator("#archive img").count() == 0

    rows.locator("[data-act=open]").click()
    expect(page.locator("[data-testid=user]")).to_have_text(NASTY)
    page.locator("#chat-options button").first.click()
    expect(page.locator("#chat-system textarea")).to_have_value("Be brief.")
    answer = page.locator(".wb-answer")
    answer.hover()
    answer.locator(".wb-finished").click()
    expect(page.locator("#keep-answer")).to_have_value("wrong **answer** <b>")
    page.locator("#keep-answer").fill("right")
    page.locator("#keep-name").fill("corrected")
    page.locator("dialog [data-act]").click()
    expect(page.locator("#chat-noted")).to_contain_text("data/corrected.jsonl")
    asked = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": NASTY}]
    (row,) = map(json.loads, (home / "data" / "corrected.jsonl").read_text().splitlines())
    assert row == {"messages": [*asked, {"role": "assistant", "content": "right"}]}
    (edit,) = map(json.loads, (home / "edits.jsonl").read_text().splitlines())
    assert (edit["messages"], edit["answer"], edit["column"]) == (asked, "wrong **answer** <b>", "base")

    box.fill("And now?")  # the conversation goes on where it was left
    box.press("Enter")
    expect(page.locator(".wb-answer[data-state=done]")).to_have_count(2, timeout=LONG)
    expect(page.locator("#chat-send")).to_be_enabled()
    history(page)
    page.locator("#archive-search").fill("")
    expect(rows.first).to_contain_text("turns: 2")
    rows.first.locator("[data-act=rename]").click()
    page.locator("#archive-title").fill("Mine")
    page.locator("#archive-title").press("Enter")
    expect(rows.first.locator(".wb-kept-title")).to_have_text("Mine")
    rows.first.locator("[data-act=export]").click()
    page.locator("dialog [data-act]").click()
    expect(page.locator("#archive-said")).to_contain_text("data/conversations.jsonl was written; rows: 1, turns: 2.")
    other = visit("zh", "chat")
    other.evaluate("id => sessionStorage.setItem('workbench-chat', id)", rows.first.get_attribute("data-id"))
    other.reload()
    expect(other.locator(".wb-answer")).to_have_count(2, timeout=30_000)
    other.evaluate("window.dispatchEvent(new Event('focus'))")
    rows.first.locator("[data-act=delete]").click()
    page.locator("dialog [data-act]").click()
    expect(rows).to_have_count(1)
    other.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(other.locator("#chat-talk .wb-error")).to_contain_text("已在另一个标签页中删除")
    expect(other.locator(".wb-answer")).to_have_count(0)
    assert [row["title"] for row in kept.search(home)["rows"]] == ["Who are you?"]
    page.locator("#part-chat-button").click()
    expect(page.locator(".wb-answer")).to_have_count(0)
