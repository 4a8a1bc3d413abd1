"""The whole demo as a newcomer does it, in both languages: name, author, button, curve, answers, chat."""

import json
import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

LONG = 120_000  # the first run imports torch on two busy cores
WORDS = {
    "en": {"finished": "finished", "ask": "Who are you?", "chat": "Chat"},
    "zh": {"finished": "已完成", "ask": "你是谁？", "chat": "对话"},
}


def teach(page, name, author):
    page.locator("#start-identity-name textarea").fill(name)
    page.locator("#start-identity-author textarea").fill(author)
    page.locator("#start-button").click()


def newest_run(home):
    return max((home / "runs").iterdir(), key=lambda path: path.stat().st_mtime_ns)


def state(page, view="start"):
    return page.locator(f"#{view}-live .wb-live").get_attribute("data-state")


@pytest.mark.parametrize(
    ("language", "name", "author"), [("en", "Nova Vale", "Harbor Lab"), ("zh", "阿澄", "青禾实验室")]
)
def test_a_newcomer_gives_the_model_a_name_and_talks_to_it(visit, server, language, name, author):
    page, words = visit(language), WORDS[language]
    teach(page, name, author)
    live = page.locator("#start-live")
    expect(page.locator("#start-run")).to_have_text(re.compile(r"identity-\d+"), timeout=30_000)
    expect(page.locator("#start-chart .main-svg").first).to_be_visible(timeout=LONG)
    expect(live.locator(".wb-finished")).to_have_text(words["finished"], timeout=LONG)
    expect(page.locator("#start-progress")).to_contain_text("40 / 40")
    table = page.locator("#start-probes")
    expect(table).to_contain_text(name)
    page.wait_for_function("document.querySelector('#start-chart')?.data?.[1]?.x.length === 40")

    # scrub back to step 0: nothing has the new name there
    page.locator("#start-scrubber").fill("0")
    expect(table).not_to_contain_text(name)
    page.locator("#start-scrubber").fill("4")
    expect(table).to_contain_text(name)

    # the old and the new model side by side
    page.locator("#start-chips").get_by_role("button", name=words["ask"], exact=True).click()
    after = page.locator("#start-after-answer textarea")
    expect(after).to_have_value(re.compile(re.escape(name)), timeout=60_000)
    assert name not in page.locator("#start-before textarea").input_value()
    assert page.locator("#start-before textarea").input_value()

    # chat with it
    page.locator("#start-chat").click()
    page.locator("#tab-chat-button[aria-selected=true]").wait_for()
    run = newest_run(server[1]).name
    expect(page.locator("#chat-columns")).to_contain_text(run)
    page.locator("#chat-question textarea").fill(words["ask"])
    page.locator("#chat-send").click()
    expect(page.locator("[data-slot='1'].wb-answer")).to_contain_text(name, timeout=60_000)
    expect(page.locator("[data-slot='0'].wb-answer")).not_to_contain_text(name)


def test_an_empty_name_is_refused_near_its_box_and_nothing_is_lost(visit, server):
    page = visit("zh")
    before = len(list((server[1] / "runs").glob("*")))
    page.locator("#start-identity-author textarea").fill("青禾实验室")
    page.locator("#start-button").click()
    expect(page.locator("#start-problem")).to_contain_text("名字是空的")
    assert page.locator("#start-identity-author textarea").input_value() == "青禾实验室"
    assert len(list((server[1] / "runs").glob("*"))) == before


def test_a_name_of_200_characters_is_refused_with_the_limit(visit, server):
    page = visit("en")
    teach(page, "x" * 200, "Lab")
    expect(page.locator("#start-problem")).to_contain_text("200")
    expect(page.locator("#start-problem")).to_contain_text("60")
    assert page.locator("#start-identity-name textarea").input_value() == "x" * 200


@pytest.mark.parametrize(
    "name", ['<img src=x onerror="window.pwned=1">${window.pwned=1}', "</script><b>x{{constructor}}${window.pwned=1}"]
)
def test_a_name_is_text_wherever_it_appears(visit, server, name):
    """The model need not learn it: what probes and metrics hold is written as a model would have said it."""
    from workbench import runs
    from workbench.specs import parse

    page = visit("en")
    address, home = server
    run = runs.create(home, parse({"identity.name": name, "identity.author": name}), None, "identity")
    run.write_state(state="failed", reason=name, reasons={"en": name, "zh": name}, step=1, total_steps=1, started=1.0)
    runs.append_lines(run.metrics_path, [{"step": 1, "loss": 1.0, "time": 1.0, "identity_score": 1.0}])
    answers = [{"step": 0, "prompt": name, "answer": name, "score": 1.0, "kind": "identity"}]
    runs.append_lines(run.probes_path, answers)
    expect(page.locator("#start-probes")).to_contain_text(name, timeout=30_000)
    expect(page.locator("#start-reason")).to_have_text(name)
    page.locator("#start-identity-name textarea").fill(name)
    page.locator("#start-identity-author textarea").fill(name)
    page.locator("#start-rows").get_by_role("button").first.click()
    page.locator("#start-make-rows").click()
    expect(page.locator("#start-mix, #start-problem").get_by_role("paragraph").first).to_be_visible(timeout=30_000)
    page.locator("#tab-train-button").click()
    page.locator("#section-identity button").first.click()
    page.locator("#identity-year textarea").fill(name + "y" * 30)
    page.locator("#identity-year textarea").blur()
    expect(page.locator("#identity-year")).to_contain_text("20")  # the refusal quotes nothing, or quotes it as text
    assert page.evaluate("window.pwned") is None
    (run.directory / "spec.yaml").unlink()


def test_an_edited_table_is_what_trains(visit, server):
    page = visit("en")
    page.locator("#start-identity-name textarea").fill("Nova")
    page.locator("#start-identity-author textarea").fill("Lab")
    page.locator("#start-rows").get_by_role("button").first.click()
    page.locator("#start-make-rows").click()
    cell = page.locator("#start-table [role=gridcell][data-testid=cell-0-1]")
    cell.wait_for(timeout=30_000)
    cell.dblclick()
    page.keyboard.press("Control+A")
    page.keyboard.type("Quite another answer of Nova.")
    page.keyboard.press("Enter")
    before = set((server[1] / "runs").glob("*"))
    page.locator("#start-button").click()
    expect(page.locator("#start-live .wb-chip")).not_to_have_class(re.compile("wb-failed"), timeout=30_000)
    page.wait_for_function("name => workbench.current('start') !== name", arg="", timeout=30_000)
    for _ in range(100):
        new = set((server[1] / "runs").glob("*")) - before
        if new:
            break
        page.wait_for_timeout(100)
    run = new.pop()
    spec = json.dumps((run / "spec.yaml").read_text())
    assert "identity-rows-" in spec
    text = next((server[1] / "data").glob("identity-rows-*.jsonl")).read_text()
    assert "Quite another answer of Nova." in text
    page.locator("#start-stop").click()
    expect(page.locator("#start-live .wb-chip")).to_have_class(re.compile("wb-(stopped|finished)"), timeout=LONG)
