"""Who hears of a run that ends: a page may only set a public webhook, a command comes from this machine alone."""

import http.server
import json
import os
import stat
import threading

import pytest

from workbench import notices, runs
from workbench.errors import Quoted, UserError, WorkbenchError
from workbench.specs import parse


@pytest.fixture
def receiver():
    """An address on this machine, and what was posted to it."""
    posted = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            posted.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("location", "/elsewhere")
            else:
                self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", posted
    server.shutdown()
    server.server_close()


def ended(home, state="finished", **more):
    run = runs.create(home, parse({"identity.name": "Nova", "identity.author": "Lab"}), "one; touch x")
    return run, run.write_state(state=state, step=7, **more)


@pytest.fixture(autouse=True)
def any_name(monkeypatch):
    monkeypatch.setattr(runs, "check_name", lambda name: None)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "[::1]", "0.0.0.0"])
def test_a_page_cannot_make_the_server_knock_at_its_neighbours_doors(home, host):
    with pytest.raises(UserError, match="a page may only set a public one"):
        notices.set_webhook(home, f"http://{host}/hook", local=False)
    assert notices.read(home) == notices.Notices()


@pytest.mark.parametrize(
    "address",
    [
        "ftp://example.org/x",
        "file:///etc/passwd",
        "https://",
        "https://u:p@example.org",
        "u:p@example.org/x",
        "x",
        "http://h:99999",
    ],
)
def test_what_is_no_webhook_is_refused_without_repeating_its_secrets(home, address):
    with pytest.raises(UserError) as caught:
        notices.set_webhook(home, address, local=True)
    assert "u:p" not in caught.value.text("en") and "“://”" not in caught.value.text("en")


def test_the_choice_is_readable_by_its_owner_alone_and_is_switched_off_by_nothing(home):
    notices.set_webhook(home, "https://203.0.113.5/secret", local=True)
    assert stat.S_IMODE(os.stat(home / notices.FILE).st_mode) == 0o600
    assert notices.read(home).host == "203.0.113.5"
    assert notices.set_webhook(home, "", local=True).webhook == ""


def test_what_rows_of_data_say_does_not_leave_the_machine(home, receiver):
    address, posted = receiver
    notices.set_webhook(home, f"{address}/hook", local=True)
    rows = Quoted("3 “my secret”", "3")
    why = WorkbenchError("train.not_finite", step=7, what="loss", rows=rows)
    told = {"reasons": {"en": why.text("en")}, "outside": {"en": why.text("en", outside=True)}}
    run, state = ended(home, "failed", reason=why.text("en"), **told)
    notices.tell(run, state, print)
    assert "my secret" in state["reason"] and "my secret" not in str(posted) and "batch: 3 (whole" in posted[0]["text"]


def test_a_webhook_gets_the_end_of_a_run(home, receiver):
    address, posted = receiver
    notices.set_webhook(home, f"{address}/hook", local=True)
    run, state = ended(home, "failed", reason="no room", reasons={"en": "no room", "zh": "没有空间"})
    log = []
    notices.tell(run, state, log.append)
    assert log == []
    assert posted == [{
        "text": "Workbench: “one; touch x” failed at step 7: no room", "run": "one; touch x", "state": "failed",
        "step": 7, "total_steps": 0, "loss": None, "reason": "no room",
    }]  # fmt: skip


def test_a_redirect_is_not_followed_and_a_failure_tells_no_address(home, receiver):
    address, posted = receiver
    notices.set_webhook(home, f"{address}/moved", local=True)
    log = []
    notices.tell(*ended(home), log.append)
    assert len(posted) == 1 and log == ["notice to 127.0.0.1 failed: HTTP 302"]
    with pytest.raises(UserError, match="127.0.0.1"):
        notices.send_test(home)


def test_a_command_gets_the_run_in_its_environment_and_no_shell(home, tmp_path):
    out = tmp_path / "out"
    notices.set_command(home, f"sh -c 'echo \"$WORKBENCH_RUN|$WORKBENCH_STATE\" > {out}'")
    notices.tell(*ended(home), pytest.fail)
    assert out.read_text() == "one; touch x|finished\n"


def test_a_program_that_is_not_there_is_refused_and_an_interrupted_run_tells_nobody(home, tmp_path):
    for text in ("no-such-program-here", "'unfinished"):
        with pytest.raises(UserError):
            notices.set_command(home, text)
    notices.set_command(home, f"touch {tmp_path / 'told'}")
    notices.tell(*ended(home, "interrupted"), pytest.fail)
    assert not (tmp_path / "told").exists()
    notices.set_command(home, "")
    with pytest.raises(UserError, match="Neither"):
        notices.send_test(home)
