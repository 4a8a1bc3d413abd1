"""Rows made from documents in the browser: written by a server, reviewed, saved, and looked at as a data file."""

import json

import pytest
from documents import pdf
from openai_server import KEY, fake_server
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

NASTY = '<img src=x onerror="alert(1)"> ${alert(1)}'
WAIT = 60_000


def test_a_document_becomes_a_reviewed_data_file(visit, tmp_path, server):
    document = tmp_path / "长城.pdf"
    document.write_bytes(pdf(["长城东起山海关，西至嘉峪关，全长两万多公里，历代都曾修建，也曾修缮，今天是世界遗产。"],
                             ["Paris lies on the Seine and is the largest city of its country."]))  # fmt: skip
    with fake_server() as fake:
        fake.replies = lambda prompt, number: (
            NASTY if "Paris" in prompt else json.dumps([{"question": "长城有多长？", "answer": "两万多公里。"}])
        )
        page = visit("zh", "data")
        page.locator("#make > button").first.click()
        page.locator("#make-documents input[type=file]").set_input_files(document)
        page.locator("#make-who input").nth(1).click()
        page.locator("#make-url textarea, #make-url input").fill(fake.url)
        page.locator("#make-served textarea, #make-served input").fill("m")
        page.locator("#make-key input").fill(KEY)
        expect(page.locator("#make-documents")).to_contain_text("长城", timeout=WAIT)
        page.locator("#make-start").click()
        listed = page.locator("#make-list tr[data-row]")
        expect(listed).to_have_count(2, timeout=WAIT)
        expect(page.locator("#make-list")).to_contain_text(NASTY)
        assert set(fake.keys) == {f"Bearer {KEY}"}

    listed.filter(has_text="长城有多长").click()
    question = page.locator("#make-question textarea")
    expect(question).to_have_value("长城有多长？")
    expect(page.locator("#make-source")).to_contain_text("长城.pdf")
    question.fill("长城全长多少？")
    page.locator("#make-change").click()
    expect(page.locator("#make-list")).to_contain_text("长城全长多少？")
    page.reload()  # the drafts are the server's
    page.locator("#make > button").first.click()
    expect(page.locator("#make-list tr[data-row]")).to_have_count(2, timeout=WAIT)
    page.locator("#make-save").click()
    expect(page.locator("#make-told")).to_contain_text("data/rows.jsonl", timeout=WAIT)
    expect(page.locator("#data-report")).to_contain_text("1", timeout=WAIT)
    _, home = server
    (row,) = map(json.loads, (home / "data" / "rows.jsonl").read_text(encoding="utf-8").splitlines())
    assert row["messages"][0]["content"] == "长城全长多少？"
    assert not [path for path in home.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
