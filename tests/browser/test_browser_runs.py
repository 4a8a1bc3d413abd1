"""The runs tab and the plan as a visitor uses them: compare, rename, delete, take back, duplicate, memory at once."""

import pytest
from playwright.sync_api import expect

from workbench import runs
from workbench.specs import parse

pytestmark = pytest.mark.browser
NAMED = {"identity.name": "Nova", "identity.author": "Lab"}


@pytest.fixture
def history(server):
    """Two ended runs with curves; their folders are gone afterwards, wherever they are by then."""
    import shutil

    _, home = server
    made = []
    for name, rank in (("thin", 4), ("wide", 32)):
        run = runs.create(home, parse(NAMED | {"adapter.r": rank}), name)
        rows = [{"step": step, "loss": rank / step, "time": 100.0 + step, "grad_norm": 1.0} for step in range(1, 31)]
        runs.append_lines(run.metrics_path, rows)
        answer = {"step": 30, "prompt": "Who?", "answer": f"<b>{name}</b>", "score": 1.0, "kind": "identity"}
        runs.append_lines(run.probes_path, [answer])
        run.write_state(state="finished", step=30, total_steps=30, started=100.0, ended=130.0)
        made.append(run)
    yield home
    for folder in (home / "runs", home / "trash"):
        for path in folder.glob("*") if folder.is_dir() else ():
            if path.name.rpartition(".")[2] in ("thin", "wide", "broad"):
                shutil.rmtree(path)


def test_runs_are_compared_renamed_deleted_and_taken_back(visit, history):
    page = visit("en", "runs")
    page.get_by_label("Choose thin").check()
    page.get_by_label("Choose wide").check()
    figures = page.locator("#compare-figures")
    expect(figures).to_contain_text("Rank r")
    expect(figures).not_to_contain_text("Learning rate")
    page.wait_for_function("document.querySelector('#compare-chart')?.data?.length === 2")
    expect(page.locator("#compare-answers")).to_contain_text("<b>thin</b>")  # text, never markup
    page.locator("#compare").get_by_role("button", name="close", exact=False).click()

    page.get_by_role("button", name="wide", exact=True).click()
    expect(page.locator("#runs-run")).to_have_text("wide")
    expect(page.locator("#runs-grad_norm canvas")).to_be_visible()
    page.locator("#runs-rename").click()
    page.locator("#runs-new-name").fill("broad")
    page.locator("dialog [data-act]").click()
    expect(page.locator("#runs-run")).to_have_text("broad")

    page.locator("#runs-delete-this").click()
    page.locator("dialog [data-act]").click()
    expect(page.get_by_role("button", name="broad", exact=True)).to_have_count(0)
    page.locator("#runs-trash").click()
    page.locator("dialog").get_by_role("button", name="Take back").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="broad", exact=True)).to_be_visible()


def test_a_run_becomes_a_new_form_and_the_plan_follows_the_knobs_at_once(visit, history):
    page = visit("en", "runs")
    page.get_by_role("button", name="thin", exact=True).click()
    expect(page.locator("#runs-run")).to_have_text("thin")
    page.locator("#runs-duplicate-this").click()
    expect(page.locator("#adapter-r input")).to_have_value("4")
    verdict = page.locator("#plan-verdict")
    expect(verdict).to_have_text("fits")
    expect(page.locator("#plan-course")).to_contain_text("tokens an epoch", timeout=60_000)
    expect(page.locator("#plan-memory")).to_be_visible()
    before = page.locator("#plan-memory").inner_text()
    page.locator("#adapter-r input").fill("1024")
    page.wait_for_function("before => document.querySelector('#plan-memory').innerText !== before", arg=before)


def test_a_run_is_one_button_away_from_being_chatted_with(visit, history, tiny_model, make_adapter):
    make_adapter(history / "runs" / "wide" / "adapter", tiny_model("qwen3"))
    page = visit("zh", "runs")
    page.get_by_role("button", name="thin", exact=True).click()
    expect(page.locator("#runs-run")).to_have_text("thin")
    page.locator("#runs-talk").click()
    expect(page.locator(".toast-body")).to_contain_text("thin")  # nothing was saved: said, and one stays here
    page.get_by_role("button", name="wide", exact=True).click()
    expect(page.locator("#runs-run")).to_have_text("wide")
    page.locator("#runs-talk").click()
    page.locator("#tab-chat-button[aria-selected=true]").wait_for()
    expect(page.locator("#chat-columns")).to_contain_text("wide")
