"""The page itself: the form, its language, a narrow screen, dark mode, and nothing from the network."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
TABS = ("start", "data", "train", "runs", "chat")


def test_a_preset_fills_the_form_and_a_wrong_value_is_explained_at_its_field(visit, server):
    page = visit("zh", "train")
    page.locator("#preset input").click()
    page.get_by_role("option", name="identity", exact=True).click()
    expect(page.locator("#training-learning_rate input")).to_have_value("0.004")
    expect(page.locator("#training-learning_rate")).to_have_class(re.compile("wb-changed-knob"))
    page.locator("#adapter-r input").fill("2.5")
    page.locator("#adapter-r input").blur()
    expect(page.locator("#adapter-r")).to_contain_text("2.5")
    expect(page.locator("#adapter-r")).to_contain_text("1 … 1024")
    assert page.locator("#adapter-r input").input_value() == "2.5"  # nothing is rounded behind one's back
    before = len(list((server[1] / "runs").glob("*")))
    page.locator("#identity-name textarea").fill("阿澄")
    page.locator("#train-button").click()
    expect(page.locator("#train-problem")).to_contain_text("adapter.r")
    assert page.locator("#identity-name textarea").input_value() == "阿澄"
    assert len(list((server[1] / "runs").glob("*"))) == before
    page.locator("#adapter-r input").fill("8")
    page.locator("#adapter-r input").blur()
    expect(page.locator("#adapter-r")).not_to_contain_text("1 … 1024")


def test_folded_sections_open_and_the_form_shows_its_yaml(visit):
    page = visit("en", "train")
    assert page.locator("#training-seed").count() == 0
    page.locator("#section-training button").first.click()
    page.locator("#training-seed input").fill("7")
    page.locator("#train-yaml-button").click()
    expect(page.locator("#train-yaml")).to_contain_text("seed: 7")


def test_another_stage_and_another_method_show_their_own_fields(visit):
    page = visit("en", "train")
    expect(page.locator("#section-identity")).to_be_visible()
    page.locator("#stage input").click()
    page.get_by_role("option", name="pretrain", exact=True).click()
    expect(page.locator("#pretrain-blocks")).to_be_visible()
    expect(page.locator("#section-identity")).to_be_hidden()
    page.locator("#adapter-type input").click()
    page.get_by_role("option", name="bottleneck", exact=True).click()
    page.locator("#section-adapter button").first.click()
    expect(page.locator("#adapter-bottleneck_size")).to_be_visible()
    expect(page.locator("#adapter-use_dora")).to_have_count(0)
    page.locator("#train-yaml-button").click()
    expect(page.locator("#train-yaml")).to_contain_text("stage: pretrain")
    expect(page.locator("#train-yaml")).to_contain_text("type: bottleneck")


def test_a_missing_data_file_is_refused_before_anything_is_written(visit, server):
    page = visit("en", "train")
    page.locator("#data-path textarea").fill("no/such/file.json")
    page.locator("#train-button").click()
    expect(page.locator("#train-problem")).to_contain_text("no/such/file.json")
    expect(page.get_by_text("no/such/file.json", exact=False).locator("visible=true").first).to_be_visible()
    assert page.locator("#data-path textarea").input_value() == "no/such/file.json"


def test_the_chinese_page_shows_no_english_sentence(visit):
    page = visit("zh")
    found = []
    for tab in TABS:
        page.locator(f"#tab-{tab}-button").click()
        page.locator(f"#tab-{tab}-button[aria-selected=true]").wait_for()
        page.wait_for_timeout(500)  # a tab is drawn when it is first opened
        for text in page.locator("body").inner_text().splitlines():
            # three English words in a row are a sentence, a name or a value is not
            if re.search(r"[A-Za-z]{2,}[ ,]+[A-Za-z]{2,}[ ,]+[A-Za-z]{2,}", text) and "Who are you" not in text:
                found.append((tab, text))
    assert found == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_hangs_over_on_a_narrow_screen(visit, language):
    page = visit(language, width=390)
    for tab in TABS:
        button = page.locator(f"#tab-{tab}-button")
        if not button.is_visible():
            page.locator(".tab-container ~ * button, .overflow-menu button").first.click()
        button.first.click()
        page.wait_for_timeout(300)  # a tab is drawn when it is first opened
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, tab


def test_dark_and_light_are_chosen_by_the_system_and_by_the_button_and_remembered(visit):
    page = visit("en", dark=True)
    assert page.evaluate("document.body.classList.contains('dark')")
    page.locator(".wb-theme").click()
    assert not page.evaluate("document.body.classList.contains('dark')")
    page.reload()
    page.locator("#start-button").wait_for()
    page.wait_for_function("!document.body.classList.contains('dark')")


def test_the_other_language_is_one_click_away_and_stays(visit):
    page = visit("en", "train")
    page.locator(".wb-bar nav a", has_text="中文").click()
    expect(page.locator("#train-button")).to_have_text("开始训练")
    page.goto(page.url.split("/zh")[0] + "/")
    expect(page.locator("#start-button")).to_have_text("教它自己的名字")


def test_what_was_filled_in_and_where_one_was_outlive_a_refresh_and_the_back_key_goes_one_tab_back(visit, server):
    rows = server[1] / "data" / "我的 问答（三条）.jsonl"
    rows.parent.mkdir(parents=True, exist_ok=True)
    rows.write_text('{"instruction": "班主任是谁？", "output": "王老师。"}\n' * 3, encoding="utf-8")
    page = visit("zh")
    page.locator("#start-identity-name textarea").fill("小智")
    page.locator("#tab-train-button").click()
    expect(page.locator("#plan-memory")).to_be_visible()  # the page's script has read the form
    page.locator("#adapter-r input").fill("24")
    page.locator("#run-name textarea").fill("第一次")
    page.locator("#tab-data-button").click()
    page.locator("#data-file input").click()
    page.get_by_role("option", name="data/我的 问答（三条）.jsonl").click()
    page.locator("#data-recipe button").first.click()
    page.locator("#data-deduplicate").click()
    expect(page.locator("#data-steps li")).to_have_count(2)
    page.wait_for_function("sessionStorage.getItem('workbench-data-steps')?.includes('deduplicate')")
    page.reload()
    expect(page.locator("#data-report")).to_contain_text("alpaca")
    page.locator("#data-recipe button").first.click()
    expect(page.locator("#data-steps li")).to_have_count(2)
    page.locator("#tab-train-button").click()
    expect(page.locator("#adapter-r input")).to_have_value("24")
    expect(page.locator("#adapter-r")).to_have_class(re.compile("wb-changed-knob"))
    expect(page.locator("#run-name textarea")).to_have_value("第一次")
    page.locator("#train-reset").click()
    expect(page.locator("#adapter-r input")).to_have_value("16")
    page.locator("#tab-start-button").click()
    expect(page.locator("#start-identity-name textarea")).to_have_value("小智")
    page.go_back()
    page.locator("#tab-train-button[aria-selected=true]").wait_for()


def test_six_tabs_at_once_stay_alive(visit):
    pages = [visit("en") for _ in range(6)]
    for page in pages:
        page.locator("#start-button").click()
        expect(page.locator("#start-problem")).to_contain_text("empty")
