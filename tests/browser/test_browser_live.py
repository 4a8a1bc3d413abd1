"""The live view: refresh, second tab, other language, restarted server, stop and resume, zoom, smoothing, silence."""

import re

import pytest
from playwright.sync_api import expect
from serving import free_port, serving

from workbench import runs
from workbench.specs import parse

pytestmark = pytest.mark.browser

LONG = 120_000
ZOOM = "[...document.querySelector('#runs-chart').layout.xaxis.range]"
POINTS = "(document.querySelector('#runs-chart')?.data?.[1]?.x.length ?? 0)"


@pytest.fixture
def growing(server):
    """A run whose files this test writes; the test's own process is its owner."""
    _, home = server
    run = runs.create(home, parse({"identity.name": "Nova", "identity.author": "Lab"}), None, "grown")
    run.own("running", started=runs.utc_now(), total_steps=100, phase="training")
    yield Growing(run)
    run.spec_path.unlink()  # no run any more


class Growing:
    def __init__(self, run):
        self.run, self.step = run, 0

    def grow(self, count=10):
        rows = []
        for _ in range(count):
            self.step += 1
            row = {"step": self.step, "loss": 3.0 / self.step, "time": runs.utc_now()}
            rows.append(row | {"tokens_per_second": 1234.5})
        runs.append_lines(self.run.metrics_path, rows)
        self.run.write_state(step=self.step)


def test_a_real_run_survives_refresh_is_seen_by_others_and_stops_and_resumes(visit, server):
    address, home = server
    page = visit("en", "train")
    page.locator("#identity-name textarea").fill("Nova")
    page.locator("#identity-author textarea").fill("Lab")
    page.locator("#run-name textarea").fill("long-one")
    page.locator("#training-num_train_epochs input").fill("60")
    page.locator("#train-button").click()
    expect(page.locator("#train-run")).to_have_text("long-one")
    expect(page.locator("#train-chart .main-svg").first).to_be_visible(timeout=LONG)

    page.reload()
    expect(page.locator("#train-run")).to_have_text("long-one")
    expect(page.locator("#train-chart .main-svg").first).to_be_visible()
    other = visit("zh", "runs")
    expect(other.locator("#runs-run")).to_have_text("long-one")
    expect(other.locator("#runs-live .wb-chip")).to_have_text("训练中")

    queued = visit("zh", "train")  # a second start while one runs waits for its turn
    queued.locator("#identity-name textarea").fill("阿澄")
    queued.locator("#identity-author textarea").fill("青禾")
    queued.locator("#run-name textarea").fill("second")
    queued.locator("#train-button").click()
    expect(queued.locator("#train-run")).to_have_text("second")
    expect(queued.locator("#train-live .wb-chip")).to_have_text("排队中")
    queued.locator("#train-stop").click()
    expect(queued.locator("#train-live .wb-chip")).to_have_text("已停止")

    page.locator("#train-stop").click()
    expect(page.locator("#train-live .wb-chip")).to_have_text("stopped", timeout=LONG)
    expect(page.locator("#train-run")).to_have_text("long-one")  # though "second" is newer
    run = runs.find(home, "long-one")
    stopped_at = run.state()["step"]
    assert 0 < stopped_at < run.state()["total_steps"]
    expect(other.locator("#runs-live .wb-chip")).to_have_text("已停止")

    page.locator("#train-resume").click()
    expect(page.locator("#train-live .wb-chip")).to_have_text("running", timeout=LONG)
    page.wait_for_function(f"document.querySelector('#train-chart')?.data?.[1]?.x.length > {stopped_at}", timeout=LONG)
    steps = page.evaluate("document.querySelector('#train-chart').data[1].x")
    assert steps == list(range(1, len(steps) + 1))  # each step stands once
    page.locator("#train-stop").click()
    expect(page.locator("#train-live .wb-chip")).to_have_text("stopped", timeout=LONG)


def test_new_points_are_appended_and_zoom_and_smoothing_stay_the_users(visit, growing):
    growing.grow(20)
    page = visit("en", "runs")
    page.wait_for_function(f"{POINTS} === 20")
    page.evaluate("Plotly.relayout(document.querySelector('#runs-chart'), {'xaxis.range': [5, 12]})")
    growing.grow(20)
    page.wait_for_function(f"{POINTS} === 40")
    assert page.evaluate(ZOOM) == [5, 12]
    raw = page.evaluate("document.querySelector('#runs-chart').data[0].y")
    smooth = page.evaluate("document.querySelector('#runs-chart').data[1].y")
    assert raw == [3.0 / step for step in range(1, 41)] and smooth != raw
    page.locator("#runs-smoothing").fill("0")
    page.wait_for_function("() => { const [a, b] = document.querySelector('#runs-chart').data; return a.y.every((y, i) => Math.abs(y - b.y[i]) < 1e-9) }")  # noqa: E501
    assert page.evaluate(ZOOM) == [5, 12]
    growing.grow(5)
    page.wait_for_function(f"{POINTS} === 45")
    page.get_by_role("button", name="whole curve").locator("visible=true").click()
    page.wait_for_function(f"{ZOOM}[1] > 40")


def test_only_new_rows_travel_and_a_hidden_view_asks_nothing(visit, growing):
    growing.grow(50)
    page = visit("en", "runs")
    page.wait_for_function(f"{POINTS} === 50")
    answers = []
    page.on("response", lambda answer: answers.append(answer) if "/live/run?" in answer.url else None)
    growing.grow(1)
    page.wait_for_function(f"{POINTS} === 51")
    travelled = [row["step"] for answer in answers for row in answer.json()["rows"]]
    assert travelled == [51]
    page.locator("#tab-data-button").click()
    page.locator("#tab-data-button[aria-selected=true]").wait_for()
    page.wait_for_timeout(1000)  # an answer may still be on its way
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/live/" in request.url else None)
    page.wait_for_timeout(3000)  # silence can only be observed by waiting
    assert asked == []


def test_figures_say_steps_speed_and_time_left(visit, growing):
    growing.grow(30)
    page = visit("zh", "runs")
    figures = page.locator("#runs-progress")
    expect(figures).to_contain_text("30 / 100")
    expect(figures).to_contain_text("词元/秒 1,23")
    expect(page.locator("#runs-live progress")).to_have_attribute("value", "0.3")
    assert page.title().startswith("30 %")


def test_a_run_that_was_killed_reads_as_interrupted_and_offers_to_resume(visit, growing):
    growing.grow(3)
    growing.run.write_state(pid=2**22 + 1)  # nobody has that pid
    page = visit("en", "runs")
    expect(page.locator("#runs-live .wb-chip")).to_have_text("interrupted")
    expect(page.locator("#runs-resume")).to_be_visible()
    expect(page.locator("#runs-stop")).to_be_hidden()
    page.locator("#runs-resume").click()
    # it was killed before its first checkpoint, so it begins anew, and each step stands once
    expect(page.locator("#runs-live .wb-chip")).to_have_text("running", timeout=LONG)
    page.locator("#runs-stop").click()
    expect(page.locator("#runs-live .wb-chip")).to_have_text("stopped", timeout=LONG)


def test_a_chosen_run_of_the_list_is_shown(visit, growing, server):
    other = runs.create(server[1], parse({"data.path": "x"}), None, "older")
    other.write_state(state="finished", step=7, total_steps=7)
    page = visit("en", "runs")
    page.get_by_role("button", name=other.name).click()
    expect(page.locator("#runs-run")).to_have_text(other.name)
    expect(page.locator("#runs-live .wb-chip")).to_have_text("finished")
    other.spec_path.unlink()


def test_the_page_outlives_a_restart_of_the_server(browser, tmp_path):
    from serving import write_recipe

    home, port = tmp_path / "workspace", free_port()
    write_recipe(home, max_steps=5, every=5)
    run = runs.create(home, parse({"identity.name": "Nova", "identity.author": "Lab"}), "kept")
    run.write_state(state="finished", step=2, total_steps=2)
    runs.append_lines(run.metrics_path, [{"step": step, "loss": 1.0, "time": float(step)} for step in (1, 2)])
    context = browser.new_context(locale="en-US")
    page = context.new_page()
    with serving(home, port=port) as (address, _):
        page.goto(f"{address}/en/")
        expect(page.locator("#start-run")).to_have_text("kept", timeout=30_000)
    expect(page.locator("#start-live [role=alert]")).to_contain_text("does not answer", timeout=30_000)
    with serving(home, port=port):
        expect(page.locator("#start-live [role=alert]")).to_be_hidden(timeout=30_000)
        expect(page.locator("#start-run")).to_have_text("kept")
        page.locator("#start-identity-author textarea").fill("Lab")  # the old page still works with the new server
        page.locator("#start-button").click()
        expect(page.locator("#start-problem")).to_contain_text(re.compile("name is empty"), timeout=30_000)
    context.close()
