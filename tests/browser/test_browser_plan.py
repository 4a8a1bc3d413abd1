"""The plan beside the form: drawn when the page's scripts come late, and following what is typed."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_parts_that_were_drawn_before_the_scripts_had_come_are_filled_when_they_come(browser, server):
    address, _ = server
    troubles, held = [], []
    context = browser.new_context()
    page = context.new_page()
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.route("**/static/*.js?v=*", lambda route: held.append(route))
    page.goto(f"{address}/en/#train", wait_until="commit")
    page.locator("#start-live .wb-live").wait_for(state="attached", timeout=30_000)
    page.locator("#tab-train-button").click()
    page.locator("#train-plan .wb-plan").wait_for(state="attached")
    assert page.evaluate("typeof window.workbench") == "undefined"
    assert len(held) > 5
    for route in held:
        route.continue_()
    expect(page.locator("#plan-verdict")).to_have_text("fits", timeout=30_000)
    expect(page.locator("#plan-checkpointing")).to_have_text("Gradient checkpointing: off – fits without.")
    expect(page.locator("#train-live .wb-empty")).to_be_visible()
    page.locator("#tab-runs-button").click()
    expect(page.locator("#runs-table")).to_contain_text("run", ignore_case=True)
    context.close()
    assert troubles == []


def test_the_estimate_follows_each_kind_of_field_and_is_asked_for_once_an_edit(visit):
    page = visit("zh", "train")
    memory = page.locator("#plan-memory")
    expect(memory).to_be_visible(timeout=30_000)
    page.locator("#section-adapter button").first.click()
    page.locator("#adapter-use_dora input").wait_for()

    def choose():
        page.locator("#adapter-type input").click()
        page.get_by_role("option", name="ia3", exact=True).click()

    edits = {
        "typed": lambda: page.locator("#adapter-r input").fill("64"),
        "switched": lambda: page.locator("#adapter-use_dora input").click(),
        "chosen": choose,
    }
    for kind, edit in edits.items():
        before, asked = memory.inner_text(), []
        page.on(
            "request", lambda request, asked=asked: asked.append(request.url) if "/live/plan" in request.url else None
        )
        edit()
        page.wait_for_function("before => document.querySelector('#plan-memory').innerText !== before", arg=before)
        page.wait_for_timeout(400)  # until Gradio has told of the same edit too
        assert len(asked) == 1, kind

    batch = page.locator("#training-per_device_train_batch_size input")
    batch.fill("4000")
    expect(page.locator("#plan-verdict")).to_have_text("放不下")
    expect(page.locator("#plan-checkpointing")).to_contain_text("梯度检查点：开启")
    remedy = page.locator(".wb-remedy").first
    (smaller,) = re.findall(r"批大小: (\d+)", remedy.locator("code").inner_text())
    needed = re.search(r"→ (.*) \(", remedy.inner_text())[1]
    remedy.click()
    expect(batch).to_have_value(smaller)
    expect(memory).to_contain_text(f"需 {needed}")
