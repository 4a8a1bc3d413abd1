"""A data file in the browser: upload, report, pages, one row token by token, conversion."""

import json
import re

import pytest
from playwright.sync_api import expect

from workbench import presets
from workbench.data.load import load
from workbench.data.render import render

pytestmark = pytest.mark.browser

LONG = 120_000
NASTY = '<img src=x onerror="alert(1)"> ${alert(1)}'
PAINTED = """ids => String(ids) === String(
  [...document.querySelectorAll("#data-tokens div.wb-tokens i")].map((token) => parseInt(token.title)))"""


@pytest.fixture
def upload(tmp_path):
    rows = [{"instruction": f"问题 {n}", "input": "", "output": f"回答 {n}"} for n in range(1, 31)]
    rows[3] = {"instruction": NASTY, "input": "", "output": NASTY}
    rows[6]["output"] = ""
    path = tmp_path / "nasty <b>.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("language", "good", "bad"), [("en", "29 good rows", "1 bad row"), ("zh", "可用 29 行", "不可用 1 行")]
)
def test_an_uploaded_file_is_looked_at_row_by_row(visit, upload, server, language, good, bad):
    page = visit(language, "data")
    page.locator("#tab-data input[type=file]").first.set_input_files(upload)
    report, listed = page.locator("#data-report"), page.locator("#data-rows")
    expect(report).to_contain_text(good, timeout=30_000)
    expect(report).to_contain_text(bad)
    expect(listed.locator("tr")).to_have_count(15)
    expect(listed).to_contain_text(NASTY)

    # the row's tokens are those that train
    listed.locator("tr").nth(3).click()
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(presets.embedded_model())
    ids = render(load(upload).records[3], tokenizer, 1024).input_ids  # another row's may stand there before
    page.wait_for_function(PAINTED, arg=ids, timeout=LONG)
    assert page.locator("#tab-data img").count() == 0

    # a bad row says why, from the report's link
    report.locator("[data-row='7']").first.click()
    expect(page.locator("#data-tokens [role=alert]")).to_contain_text("output")

    page.locator("#data-forth").click()
    expect(listed).to_contain_text("问题 20")
    expect(page.locator("#data-page input")).to_have_value("2")

    # the whole file is searched
    page.locator("#data-search textarea, #data-search input").first.fill("回答 2")
    page.locator("#data-search textarea, #data-search input").first.press("Enter")
    expect(listed.locator("tr")).to_have_count(11)


def test_a_file_is_converted_and_downloaded(visit, upload, tmp_path):
    page = visit("en", "data")
    page.locator("#tab-data input[type=file]").first.set_input_files(upload)
    expect(page.locator("#data-report")).to_contain_text("29 good rows", timeout=30_000)
    page.locator("#data-convert").get_by_role("button").first.click()
    page.locator("#data-to input").fill("sharegpt")
    page.get_by_role("option", name="sharegpt", exact=True).click()
    page.locator("#data-download").click()
    link = page.locator("#data-result a[download]").first
    link.wait_for(timeout=30_000)
    with page.expect_download() as download:
        link.click()
    assert re.fullmatch(r"nasty _?b_?(-\d+)?\.sharegpt\.jsonl", download.value.suggested_filename)
    download.value.save_as(tmp_path / "got.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "got.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 29 and rows[0]["conversations"][0] == {"from": "human", "value": "问题 1"}


def test_the_tab_fits_a_telephone(visit, upload):
    page = visit("zh", "data", width=390)
    page.locator("#tab-data input[type=file]").first.set_input_files(upload)
    expect(page.locator("#data-rows tr").first).to_be_visible(timeout=30_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_table_is_mapped_and_mixed_into_a_new_data_set_that_a_row_was_changed_in(visit, server):
    home = server[1]
    (home / "data").mkdir(exist_ok=True)
    (home / "data" / "table.csv").write_text("甲,乙\n天空,蓝色\n草,绿色\n", encoding="utf-8")
    (home / "data" / "plain.jsonl").write_text('{"query": "q", "response": "a"}\n' * 4, encoding="utf-8")
    page = visit("zh", "data")
    file, report = page.locator("#data-file input"), page.locator("#data-report")
    file.fill("data/table.csv")
    file.press("Enter")
    expect(report).to_contain_text("不可用 2 行", timeout=30_000)

    page.locator("#data-columns > button").click()
    for role, column in (("prompt", "甲"), ("response", "乙")):
        page.locator(f"#data-map-{role} input").fill(column)
        page.locator(f"#data-map-{role} input").press("Enter")
    expect(page.locator("#data-mapping-shown .wb-record").first).to_contain_text("蓝色")
    page.locator("#data-mapping-use").click()
    expect(report).not_to_contain_text("不可用")
    expect(report).to_contain_text("可用 2 行")

    page.locator("#data-recipe > button").click()
    steps = page.locator("#data-steps li")
    page.locator("#data-take").click()
    expect(steps).to_have_count(1)
    page.locator("#data-edit > button").click()
    editor = page.locator("#data-edit-row .cm-content")
    expect(editor).to_contain_text("蓝色")
    editor.fill('{"query": "大海", "response": "也是蓝色"}')
    page.locator("#data-edit-keep").click()
    expect(steps).to_have_count(2)

    # another file: what was mapped are not its columns
    file.fill("data/plain.jsonl")
    file.press("Enter")
    expect(report).to_contain_text("可用 4 行")
    page.locator("#data-take").click()
    expect(steps).to_have_count(3)
    page.locator("#data-shuffle").click()
    expect(steps).to_have_count(4)
    steps.nth(3).get_by_role("button").click()
    expect(steps).to_have_count(3)

    # what the steps give is looked at, and edited further there
    page.locator("#data-recipe-look").click()
    expect(report).to_contain_text("可用 6 行", timeout=30_000)
    expect(editor).to_contain_text("也是蓝色", timeout=30_000)
    page.locator("#data-edit-delete").click()
    expect(report).to_contain_text("可用 5 行", timeout=30_000)
    expect(editor).to_contain_text("绿色", timeout=30_000)
    page.locator("#data-recipe-name input, #data-recipe-name textarea").fill("mixed")
    page.locator("#data-recipe-save").click()
    told = page.locator("#data-recipe-problem")
    expect(told).to_contain_text("5 行", timeout=30_000)
    asked = [record.messages[0].content for record in load(home / "data" / "mixed.jsonl").records]
    assert asked == ["草", *"qqqq"]
    told.get_by_role("button").click()
    expect(file).to_have_value("data/mixed.jsonl", timeout=30_000)
