"""Who writes: a server of OpenAI's API in this process, and models of the engine. The key goes nowhere else."""

import json
import logging
import threading

import pytest
from openai_server import KEY

from workbench.errors import UserError
from workbench.synthesis import authors
from workbench.synthesis.authors import Endpoint, Resident, address, environment_key


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(authors, "_pause", lambda wanted, attempt: 0.0)


def write(author, *prompts):
    return author.write(list(prompts), threading.Event())


def error(status, message, **headers):
    return status, {"error": {"message": message}}, headers


def test_prompts_are_asked_together_and_answered_in_order(fake):
    fake.replies = lambda prompt, number: f"reply to {prompt}"
    author = Endpoint(fake.url, "m", KEY, {"temperature": 0.5, "max_tokens": 9})
    assert write(author, "a", "b", "c") == ["reply to a", "reply to b", "reply to c"]
    assert {key for key in fake.keys} == {f"Bearer {KEY}"}
    asked = next(body for body in fake.asked if body["messages"][0]["content"] == "a")
    assert asked == {"path": "/v1/chat/completions", "model": "m", "temperature": 0.5, "max_tokens": 9,
                     "messages": [{"role": "user", "content": "a"}]}  # fmt: skip


def test_without_a_key_no_header_is_sent(fake):
    assert write(Endpoint(fake.url + "/chat/completions/", "m"), "a")
    assert fake.keys == [None]


def test_a_busy_server_is_asked_again(fake):
    fake.replies = lambda prompt, number: error(429, "slow down", **{"retry-after": "0"}) if number < 3 else "done"
    assert write(Endpoint(fake.url, "m"), "a") == ["done"] and len(fake.asked) == 3


def test_newer_models_get_the_options_that_they_take(fake):
    refusals = ["use max_completion_tokens", "Unsupported value: temperature"]
    fake.replies = lambda prompt, number: error(400, refusals[number - 1]) if number < 3 else "done"
    assert write(Endpoint(fake.url, "m", options={"max_tokens": 7, "temperature": 0.0}), "a") == ["done"]
    assert [set(body) - {"path", "model", "messages"} for body in fake.asked] == [
        {"max_tokens", "temperature"}, {"max_completion_tokens", "temperature"}, {"max_completion_tokens"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "key"),
    [
        (error(401, f"Incorrect API key provided: {KEY}"), "synthesis.key_refused"),
        (error(404, "no model m"), "synthesis.not_there"),
        ((302, {}, {"location": "http://x/"}), "synthesis.not_there"),
        ((200, b"<html>", {}), "synthesis.other_api"), ((200, {"choices": []}, {}), "synthesis.other_api"),
    ],
)  # fmt: skip
def test_what_is_wrong_for_all_is_one_refusal_without_the_key(fake, caplog, reply, key):
    fake.replies = lambda prompt, number: reply
    with caplog.at_level(logging.DEBUG), pytest.raises(UserError) as refused:
        write(Endpoint(fake.url, "m", KEY), "a", "b")
    assert refused.value.key == key and refused.value.text("zh")
    assert KEY not in refused.value.text() and KEY not in caplog.text


def test_what_one_passage_meets_costs_only_that_one(fake):
    fake.replies = lambda prompt, number: error(400, "content policy") if prompt == "b" else "fine"
    first, second = write(Endpoint(fake.url, "m"), "a", "b")
    assert (first, second.key) == ("fine", "synthesis.refused") and "content policy" in second.text()
    fake.replies = lambda prompt, number: error(503, "overloaded")
    (busy,) = write(Endpoint(fake.url, "m"), "a")
    assert busy.key == "synthesis.refused" and len(fake.asked) == 2 + authors._TRIES


def test_a_stop_does_not_wait_for_the_server(fake):
    fake.gate.clear()
    cancel = threading.Event()
    stopping = threading.Thread(target=lambda: (fake.waiting.wait(30), cancel.set()))
    stopping.start()
    assert Endpoint(fake.url, "m").write(["a"], cancel) == []  # the gate is still shut
    stopping.join()


def test_a_server_that_is_not_there_is_named(fake):
    fake.close()
    with pytest.raises(UserError, match="cannot be reached"):
        write(Endpoint(fake.url, "m"), "a")


def test_addresses_and_names_are_checked_before_anything_is_sent():
    assert address(" https://h.example/v1/chat/completions/ ") == "https://h.example/v1"
    for wrong in ("", "h.example/v1", "file:///etc/passwd", "http://", "http://u:secret@h/v1", "http://h/v1?k=secret"):
        with pytest.raises(UserError) as refused:
            address(wrong)
        assert "secret@" not in refused.value.text()
    with pytest.raises(UserError, match="Which model"):
        Endpoint("http://h/v1", " ")
    with pytest.raises(UserError) as refused:
        Endpoint("http://h/v1", "m", "sk-né two")
    assert refused.value.key == "synthesis.bad_key" and "two" not in refused.value.text()


def test_the_environments_key_goes_to_its_own_server_only(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert environment_key("https://api.openai.com/v1") == KEY
    assert environment_key("https://api.openai.com.evil.example/v1") == ""
    assert environment_key("http://api.openai.com/v1") == ""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
    assert environment_key("http://127.0.0.1:8000/v1/chat/completions") == KEY
    assert environment_key("https://api.openai.com/v1") == ""


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    from workbench.chat.engine import Engine
    from workbench.models.hub import Hub

    engine = Engine(Hub(), tmp_path_factory.mktemp("home"))
    yield engine
    engine.close()


def test_the_embedded_model_writes(engine):
    replies = write(Resident(engine, options={"max_tokens": 40}), "How are you?", "你好")
    assert replies == [row[0] for row in engine.answer(["How are you?", "你好"], ["base"], {"max_tokens": 40})]
    assert all(replies)


def test_a_passage_that_the_model_cannot_hold_leaves_the_others_alone(engine):
    long = "word " * 5000
    author = Resident(engine, options={"max_tokens": 40})
    first, second = write(author, long, "你好")
    assert first.key == "engine.too_long" and [second] == write(author, "你好")


def test_a_run_that_is_not_there_is_refused_for_all(engine):
    with pytest.raises(UserError) as refused:
        write(Resident(engine, "gone"), "a", "b")
    assert refused.value.key == "adapters.unknown"
    assert json.dumps(refused.value.text("zh"))
