"""chat/remote.py: a column that is answered elsewhere, beside ours; whatever happens there stays in that column."""

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from workbench.chat import remote
from workbench.chat.engine import Engine
from workbench.errors import UserError
from workbench.models.hub import Hub
from workbench.specs.model import ModelSection

SECRET = "sk-very-secret"


@pytest.fixture
def elsewhere():
    """A server of another program: says what it was asked, word by word, or what a test wants."""
    seen, behaviour = [], {}
    go_on = threading.Event()
    go_on.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            seen.append((self.path, self.headers.get("authorization"), body))
            if behaviour.get("status"):
                self.send_response(behaviour["status"])
                self.end_headers()
                self.wfile.write(json.dumps({"error": {"message": behaviour["says"]}}).encode())
                return
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            for word in ("It ", "is ", body["messages"][-1]["content"]):
                chunk = {"choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]}
                self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
                self.wfile.flush()
                go_on.wait(10)
                if behaviour.get("error"):
                    self.wfile.write(f"data: {json.dumps({'error': behaviour['error']})}\n\n".encode())
                    return
            if behaviour.get("closes"):
                return
            usage = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3}}
            self.wfile.write(f": keep-alive\n\ndata: {json.dumps(usage)}\n\ndata: [DONE]\n\n".encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    server.seen, server.behaviour, server.go_on = seen, behaviour, go_on
    server.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield server
    go_on.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def engine(home, monkeypatch):
    for names in remote._NAMES:
        for name in names:
            monkeypatch.delenv(name, raising=False)
    made = Engine(Hub(), home)
    yield made
    made.close()


def last_of(engine, columns, model, **more):
    section = ModelSection(path=str(model), device="cpu")
    deltas = engine.compare("hi", columns, {"max_tokens": 4, "seed": 5, "system": "be brief"}, section, **more)
    return {delta.column: delta for delta in deltas if delta.done}


def test_a_remote_model_answers_beside_ours_by_the_same_options(engine, elsewhere, tiny_model, caplog):
    caplog.set_level(logging.DEBUG)
    where = remote.endpoint(elsewhere.url, SECRET)
    last = last_of(engine, ["base", "remote:big"], tiny_model("qwen3"), endpoint=where)
    assert last[0].problem is None and last[0].tokens == 4
    delta = last[1]
    assert (delta.text, delta.tokens, delta.prompt_tokens, delta.finish) == ("It is hi", 3, 9, "stop")
    assert 0 < delta.first_seconds <= delta.seconds
    [(path, authorization, body)] = elsewhere.seen
    assert (path, authorization) == ("/v1/chat/completions", f"Bearer {SECRET}")
    assert (body["model"], body["max_tokens"], body["seed"], body["temperature"]) == ("big", 4, 5, 0.0)
    assert [turn["role"] for turn in body["messages"]] == ["system", "user"]
    assert SECRET not in caplog.text and SECRET not in repr(where)


def test_a_remote_model_alone_loads_no_weights_here(engine, elsewhere):
    last = last_of(engine, ["remote:big"], "/no/such/model", endpoint=remote.endpoint(elsewhere.url))
    assert last[0].text == "It is hi" and engine.resident() == []
    assert elsewhere.seen[0][1] is None, "no key, no header"


def test_what_goes_wrong_there_is_a_sentence_in_that_column_and_ours_goes_on(engine, elsewhere, tiny_model):
    model = tiny_model("qwen3")
    down = remote.endpoint("http://127.0.0.1:9/v1", SECRET)
    last = last_of(engine, ["base", "remote:big"], model, endpoint=down)
    assert last[1].problem.key == "remote.unreachable" and last[0].tokens == 4
    last = last_of(engine, ["base", "remote:big"], model)
    assert last[1].problem.key == "remote.no_address" and last[0].tokens == 4
    elsewhere.behaviour |= {"status": 401, "says": "wrong key"}
    last = last_of(engine, ["base", "remote:big"], model, endpoint=remote.endpoint(elsewhere.url, SECRET))
    assert "(401): wrong key" in str(last[1].problem) and last[0].tokens == 4
    assert SECRET not in str(last[1].problem)


def test_a_remote_answer_can_be_stopped(engine, elsewhere, tiny_model, monkeypatch):
    elsewhere.go_on.clear()
    cancel = threading.Event()
    section = ModelSection(path=str(tiny_model("qwen3")), device="cpu")
    stream = engine.compare("hi", ["remote:big"], {}, section, cancel=cancel, endpoint=remote.endpoint(elsewhere.url))
    assert "It is ".startswith(next(stream).text)  # one word or both, as they come in
    cancel.set()
    elsewhere.go_on.set()
    *_, last = stream
    assert last.done and last.finish == "cancelled" and "hi" not in last.text


def test_an_answer_is_stopped_while_the_server_there_says_nothing(engine, elsewhere):
    elsewhere.go_on.clear()
    cancel = threading.Event()
    where = remote.endpoint(elsewhere.url)
    stream = engine.compare("hi", ["remote:big"], {}, ModelSection(), cancel=cancel, endpoint=where)
    said = next(stream).text
    cancel.set()
    *_, last = stream
    assert not elsewhere.go_on.is_set(), "the server there still keeps its answer back"
    assert (last.done, last.finish, last.problem) == (True, "cancelled", None) and last.text.startswith(said.strip())


def test_what_was_written_before_the_connection_broke_stays_beside_the_reason(engine, elsewhere):
    elsewhere.behaviour |= {"error": "out of credits"}
    last = last_of(engine, ["remote:big"], "/no/such/model", endpoint=remote.endpoint(elsewhere.url))[0]
    assert last.text == "It" and "out of credits" in str(last.problem)


def test_a_stream_that_just_closes_is_no_whole_answer(engine, elsewhere):
    elsewhere.behaviour["closes"] = True
    last = last_of(engine, ["remote:big"], "/no/such/model", endpoint=remote.endpoint(elsewhere.url))[0]
    assert last.text == "It is hi" and last.problem.key == "remote.cut_off"


def test_the_environments_key_goes_to_the_environments_address_only(monkeypatch):
    monkeypatch.setenv("WORKBENCH_REMOTE_URL", "http://one.example/v1")
    monkeypatch.setenv("WORKBENCH_REMOTE_KEY", SECRET)
    assert remote.endpoint() == remote.Endpoint("http://one.example/v1", SECRET)
    assert remote.endpoint("http://two.example/v1") == remote.Endpoint("http://two.example/v1", "")
    monkeypatch.delenv("WORKBENCH_REMOTE_URL")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://three.example/v1")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert remote.endpoint() == remote.Endpoint("https://three.example/v1", "")


@pytest.mark.parametrize("address", ["ftp://x/v1", "one.example/v1", "http://", "http://user:pa55@one.example/v1"])
def test_an_address_that_is_none_is_refused_without_repeating_its_password(address):
    with pytest.raises(UserError, match="no address of a model server") as caught:
        remote.endpoint(address)
    assert "pa55" not in str(caught.value)
