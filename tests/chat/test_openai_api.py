"""chat/openai_api.py: the engine as clients of OpenAI's API see it."""

import json
import threading

import pytest

from workbench import presets
from workbench.chat.engine import Engine
from workbench.models.hub import Hub
from workbench.specs.model import ModelSection


@pytest.fixture
def model(tiny_model, monkeypatch):
    """A tiny model in place of the embedded one, which `base` means here."""
    folder = tiny_model("qwen3")
    monkeypatch.setattr(presets, "embedded_model", lambda: folder)
    return folder


@pytest.fixture
def serve(home, model):
    """serve(api_key=None) -> a test client of an app with the routes."""
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    from workbench.chat.openai_api import router

    engine = Engine(Hub(), home, foreign=False)

    def make(api_key=None):
        app = FastAPI()
        app.include_router(router(engine, api_key=api_key))
        return TestClient(app)

    make.engine = engine
    yield make
    engine.close()


ASK = {"model": "base", "messages": [{"role": "user", "content": "Who are you?"}], "temperature": 0, "max_tokens": 12}


def test_models_are_the_base_and_what_is_on_disk(serve, make_run, model):
    make_run("one", model, checkpoints=(5,))
    client = serve()
    assert {row["id"] for row in client.get("/v1/models").json()["data"]} == {"base", "one", "one/checkpoint-5"}
    assert client.get("/v1/models/one/checkpoint-5").json()["id"] == "one/checkpoint-5"
    assert client.get("/v1/models/nobody").status_code == 404


def test_a_completion_is_what_the_engine_answers(serve, make_run, model):
    make_run("one", model)
    client = serve()
    for name in ("base", "one"):
        answer = client.post("/v1/chat/completions", json=ASK | {"model": name}).json()
        [[wanted]] = serve.engine.answer(["Who are you?"], [name], {"max_tokens": 12})
        (choice,) = answer["choices"]
        assert choice["message"] == {"role": "assistant", "content": wanted}
        assert answer["model"] == name and choice["finish_reason"] in ("stop", "length")
        usage = answer["usage"]
        assert usage["prompt_tokens"] > 0 and 0 < usage["completion_tokens"] <= 12
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def events(client, **request):
    with client.stream("POST", "/v1/chat/completions", json=ASK | {"stream": True} | request) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line.removeprefix("data: ") for line in response.iter_lines() if line]
    return lines


def test_a_stream_adds_up_to_the_whole_answer_and_ends(serve, monkeypatch):
    from workbench.chat import engine as module

    monkeypatch.setattr(module, "UPDATE_SECONDS", 0.0)
    client = serve()
    whole = client.post("/v1/chat/completions", json=ASK).json()["choices"][0]
    *lines, end = events(client, stream_options={"include_usage": True})
    chunks = [json.loads(line) for line in lines]
    assert end == "[DONE]" and chunks[-1]["usage"]["completion_tokens"] > 0
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks[:-1])
    assert text == whole["message"]["content"] and len(chunks) > 5
    assert chunks[-2]["choices"][0]["finish_reason"] == whole["finish_reason"]


def test_a_stop_word_ends_the_answer_and_never_shows_not_even_in_part(serve, monkeypatch):
    from workbench.chat import engine as module

    monkeypatch.setattr(module, "UPDATE_SECONDS", 0.0)
    client = serve()
    request = ASK | {"max_tokens": 40, "temperature": 1.5, "seed": 5}
    text = client.post("/v1/chat/completions", json=request).json()["choices"][0]["message"]["content"]
    places = (place for place in range(2, len(text) - 2) if text.find(text[place : place + 2]) == place)
    place = next(place for place in places if text[place : place + 2].isprintable() and text[place] != "\ufffd")
    word = text[place : place + 2]
    choice = client.post("/v1/chat/completions", json=request | {"stop": [word, "never"]}).json()["choices"][0]
    assert choice["message"]["content"] == text[:place] and choice["finish_reason"] == "stop"
    chunks = [json.loads(line) for line in events(client, **request, stop=word)[:-1]]
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == text[:place]


def test_what_was_written_after_a_stop_word_is_neither_counted_nor_scored(serve, monkeypatch):
    from workbench.chat import engine as module

    client = serve()
    request = ASK | {"max_tokens": 40, "temperature": 1.5, "seed": 5, "logprobs": True}
    free = client.post("/v1/chat/completions", json=request).json()["choices"][0]
    rows = free["logprobs"]["content"]
    place, word = next((place, row["token"]) for place, row in enumerate(rows) if place > 3 and row["token"].isalpha())
    for seconds in (0.0, 30.0):  # the word is looked for after every token, or once all are there
        monkeypatch.setattr(module, "UPDATE_SECONDS", seconds)
        answer = client.post("/v1/chat/completions", json=request | {"stop": word}).json()
        content, scored = answer["choices"][0]["message"]["content"], answer["choices"][0]["logprobs"]["content"]
        assert content == free["message"]["content"].partition(word)[0]
        assert scored == rows[: len(scored)] and 0 < len(scored) <= place
        assert answer["usage"]["completion_tokens"] == len(scored) + 1
        asked = request | {"stop": word, "stream_options": {"include_usage": True}}
        chunks = [json.loads(line) for line in events(client, **asked)[:-1]]
        told = [row for chunk in chunks[:-1] for row in chunk["choices"][0].get("logprobs", {}).get("content", [])]
        assert told == scored and chunks[-1]["usage"] == answer["usage"]


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_stops_its_answer(serve, monkeypatch, stream):
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from workbench.chat.request import Delta

    app, cancels, begun = serve().app, [], threading.Event()

    def endless(*_, cancel, **__):
        cancels.append(cancel)
        begun.set()
        for _ in range(500):
            if cancel.wait(0.01):
                break
            yield Delta(0, "on and on")
        yield Delta(0, "on and on", True, finish="cancelled")

    monkeypatch.setattr(serve.engine, "compare", endless)
    body = json.dumps(ASK | {"stream": stream}).encode()
    told = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive():
        if message := next(told, None):
            return message
        await asyncio.to_thread(begun.wait)
        return {"type": "http.disconnect"}

    async def send(message):
        pass

    scope = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "POST",
             "path": "/v1/chat/completions", "raw_path": b"", "query_string": b"", "root_path": "", "scheme": "http",
             "headers": [], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}  # fmt: skip
    with ThreadPoolExecutor(1) as pool:  # the main thread may have a loop already: Playwright's
        pool.submit(asyncio.run, asyncio.wait_for(app(scope, receive, send), 60)).result()
    assert [cancel.is_set() for cancel in cancels] == [True]


def test_an_adapter_that_is_half_written_is_no_unknown_model(serve, make_run, model):
    run = make_run("broken", model)
    file = run / "adapter" / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    refused = serve().post("/v1/chat/completions", json=ASK | {"model": "broken"})
    assert refused.status_code == 404
    assert "adapter_model.safetensors is missing or cut off" in refused.json()["error"]["message"]


def test_the_same_seed_gives_the_same_answer(serve):
    client = serve()
    request = ASK | {"temperature": 1.5, "seed": 7, "max_tokens": 20}
    first, again = (client.post("/v1/chat/completions", json=request).json()["choices"] for _ in range(2))
    other = client.post("/v1/chat/completions", json=request | {"seed": 8}).json()["choices"]
    assert first == again != other


def test_logprobs_come_with_the_likeliest(serve):
    choice = serve().post("/v1/chat/completions", json=ASK | {"logprobs": True, "top_logprobs": 3}).json()["choices"][0]
    rows = choice["logprobs"]["content"]
    assert len(rows) >= 1
    for row in rows:  # greedy: the chosen one is the likeliest
        assert len(row["top_logprobs"]) == 3
        assert row["logprob"] == row["top_logprobs"][0]["logprob"] <= 0
        assert row["token"] == row["top_logprobs"][0]["token"]


def test_tools_reach_the_template(serve, model):
    tokenizer = serve.engine.hub.tokenizer(ModelSection())
    tokenizer.chat_template = "{% if tools %}{{ tools[0].function.name }}{% endif %}" + tokenizer.chat_template
    tool = {"type": "function", "function": {"name": "look_up_the_weather", "parameters": {}}}
    client = serve()
    bare, armed, unused = (
        client.post("/v1/chat/completions", json=ASK | more).json()["usage"]["prompt_tokens"]
        for more in ({}, {"tools": [tool]}, {"tools": [tool], "tool_choice": "none"})
    )
    assert armed > bare == unused


def test_a_dialogue_with_a_tool_s_answer_is_taken(serve):
    call = {"id": "1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    turns = [
        {"role": "developer", "content": "be brief"},
        {"role": "user", "content": "1+1?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "2"},
    ]
    assert serve().post("/v1/chat/completions", json=ASK | {"messages": turns}).status_code == 200
    call["function"]["arguments"] = "{oops"
    refused = serve().post("/v1/chat/completions", json=ASK | {"messages": turns})
    assert refused.status_code == 400 and "Message 3" in refused.json()["error"]["message"]


@pytest.mark.parametrize(("change", "status"), [
    ({"model": "nobody"}, 404),
    ({"model": "../../etc"}, 404),
    ({"messages": []}, 400),
    ({"messages": [{"role": "assistant", "content": "x"}]}, 400),
    ({"messages": "hi"}, 400),
    ({"temperature": -1}, 400),
    ({"top_p": 0}, 400),
    ({"max_tokens": 0}, 400),
    ({"n": 2}, 400),
    ({"presence_penalty": 0.5}, 400),
    ({"logit_bias": {"5": 100}}, 400),
    ({"response_format": {"type": "json_object"}}, 400),
    ({"tool_choice": "required"}, 400),
    ({"messages": [{"role": "user", "content": "word " * 2000}]}, 400),
])  # fmt: skip
def test_what_cannot_be_is_an_error_object(serve, change, status):
    response = serve().post("/v1/chat/completions", json=ASK | change)
    assert response.status_code == status
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}


def test_wishes_for_nothing_and_fields_that_change_no_answer_are_taken(serve):
    neutral = {"presence_penalty": 0, "logit_bias": {}, "response_format": {"type": "text"}, "user": "x", "store": True}
    assert serve().post("/v1/chat/completions", json=ASK | neutral).status_code == 200


def test_a_body_that_is_no_json_is_an_error_object(serve):
    response = serve().post("/v1/chat/completions", content=b"{", headers={"content-type": "application/json"})
    assert response.status_code == 400 and response.json()["error"]["message"].startswith("body: ")


def test_with_a_key_nobody_asks_without_it(serve):
    client = serve(api_key="schlüssel")
    assert client.get("/v1/models").status_code == 401
    assert client.post("/v1/chat/completions", json=ASK, headers={"authorization": "Bearer x"}).status_code == 401
    key = "Bearer schlüssel".encode()
    assert client.get("/v1/models", headers=[(b"authorization", key)]).status_code == 401  # headers are latin-1
    ascii_client = serve(api_key="key")
    assert ascii_client.get("/v1/models", headers={"authorization": "Bearer key"}).status_code == 200


def test_several_requests_at_once_each_get_their_own(serve, make_run, model):
    make_run("one", model)
    client, found = serve(), {}

    def ask(number: int) -> None:
        request = ASK | {"model": "one" if number % 2 else "base"}
        found[number] = client.post("/v1/chat/completions", json=request).json()["choices"][0]["message"]["content"]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({found[0], found[2], found[4]}) == 1 and len({found[1], found[3], found[5]}) == 1
    assert found[0] != found[1]


def test_the_real_client_understands_it(home, model, serve):
    openai = pytest.importorskip("openai")
    import socket

    import uvicorn

    app = serve().app
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=8)
            assert [row.id for row in client.models.list()] == ["base"]
            whole = client.chat.completions.create(**ASK)
            stream = client.chat.completions.create(**ASK, stream=True)
            text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
            assert text == whole.choices[0].message.content and whole.usage.completion_tokens > 0
            with pytest.raises(openai.NotFoundError):
                client.chat.completions.create(**ASK | {"model": "nobody"})
        finally:
            server.should_exit = True
            thread.join()
