"""A run that ends or fails -> one notification of the browser: in the background, after a reload, with several tabs."""

import pytest
from playwright.sync_api import expect

from workbench import runs
from workbench.specs import parse

pytestmark = pytest.mark.browser
# The browser's own Notification, overheard; the page believes to be in the background.
OVERHEARD = """
  const real = window.Notification;
  window.Notification = class extends real {
    constructor(title, options) { super(title, options); window.told(`${title}: ${options.body}`); }
  };
  Object.defineProperty(document, 'hidden', { get: () => true });
  Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' });
"""
LOOK = "workbench.lookForEnds()"


@pytest.fixture
def make(server):
    made = []

    def run(name):
        one = runs.create(server[1], parse({"identity.name": "Nova", "identity.author": "Lab"}), name)
        one.own("running", started=runs.utc_now(), total_steps=10, phase="training")
        made.append(one)
        return one

    yield run
    for one in made:
        one.spec_path.unlink()  # no run any more


def end(run, state):
    run.write_state(state=state, ended=runs.utc_now(), phase="", reason="no room" if state == "failed" else "")


def test_an_end_is_told_once_by_one_of_the_tabs_in_the_background_and_after_a_reload(visit, server, make):
    address, _ = server
    page = visit("en", "runs")
    told = []
    page.context.grant_permissions(["notifications"], origin=address)
    page.context.expose_function("told", lambda text: told.append(text))
    page.context.add_init_script(OVERHEARD)
    end(make("old"), "finished")
    page.reload()
    page.locator("#runs-notify").click()
    page.locator("#notify-browser").check()
    page.wait_for_function("localStorage.getItem('workbench-notify-seen') !== 'null'")
    other = page.context.new_page()
    other.goto(f"{address}/zh/#runs")
    expect(other.locator("#runs-notify")).to_be_visible(timeout=30_000)
    assert told == []  # what ended before is no news

    one, two = make("one"), make("two")
    page.evaluate(LOOK)
    end(one, "finished")
    for tab in (page, other, page):
        tab.evaluate(LOOK)
    assert told == ["Workbench: “one”: finished"]

    page.goto("about:blank")
    other.close()
    end(two, "failed")
    end(make("quick"), "finished")  # begun and ended while no page was open
    page.goto(f"{address}/en/#runs")
    page.wait_for_function("window.workbench?.lookForEnds")
    page.evaluate(LOOK)
    assert sorted(told[1:]) == ["Workbench: “quick”: finished", "Workbench: “two”: failed"]
    page.reload()
    page.wait_for_function("window.workbench?.lookForEnds")
    page.evaluate(LOOK)
    assert len(told) == 3
