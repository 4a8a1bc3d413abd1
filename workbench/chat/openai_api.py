"""The engine -> OpenAI's chat API: /v1/models and /v1/chat/completions for any client that speaks it."""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import threading
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.chat import columns
from workbench.chat.engine import Delta, Engine
from workbench.errors import UserError, WorkbenchError, nearest
from workbench.specs.model import ModelSection

AT_ONCE = 64  # requests that are being answered; more of them wait
_ids = itertools.count(1)


class _StreamOptions(BaseModel):
    include_usage: bool = False


# What would change the answer and is not there -> the values that ask for nothing.
_NOT_HERE: dict[str, tuple[Any, ...]] = {
    "presence_penalty": (None, 0),
    "frequency_penalty": (None, 0),
    "logit_bias": (None, {}),
    "response_format": (None, {"type": "text"}),
    "tool_choice": (None, "auto", "none"),
    "functions": (None, []),
}


class _Completion(BaseModel):
    """What is used of a request; clients send much more, of which what cannot change the answer is ignored."""

    model_config = ConfigDict(extra="allow")

    model: str
    messages: list[dict[str, Any]]
    temperature: float | None = Field(None, ge=0, le=10)
    top_p: float | None = Field(None, gt=0, le=1)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    seed: int | None = None
    stop: str | list[str] | None = None
    stream: bool = False
    stream_options: _StreamOptions | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    tools: list[dict[str, Any]] | None = None
    n: int | None = 1
    tool_choice: Any = None

    def not_here(self) -> str | None:
        """The first wish that nobody here would grant."""
        given = dict(self)
        return next((name for name, neutral in _NOT_HERE.items() if given.get(name) not in neutral), None)

    def options(self) -> dict[str, Any]:
        """As ChatOptions; OpenAI's defaults are temperature 1 and another seed for every request."""
        return {
            "temperature": 1.0 if self.temperature is None else self.temperature,
            "top_p": self.top_p or 1.0,
            "max_tokens": min(self.max_completion_tokens or self.max_tokens or 1024, 131_072),
            "seed": secrets.randbelow(2**32) if self.seed is None else abs(self.seed) % 2**53,
            # A stop word is found in the text; its tokens tell how many of them the answer has.
            "logprobs": (self.top_logprobs or 0) if self.logprobs else 0 if self.stops() else -1,
        }

    def stops(self) -> list[str]:
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return [text for text in given if text]


def router(engine: Engine, *, api_key: str | None = None) -> APIRouter:
    """The routes, to be included in the page's app. Without a key everybody who reaches the port may ask."""

    def authorised(request: Request) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if api_key and not secrets.compare_digest(given.encode(), api_key.encode()):
            raise _Refused(401, WorkbenchError("openai.bad_key"), "invalid_api_key")

    room = CapacityLimiter(AT_ONCE)  # threads of their own: many clients must not take those that serve the page
    routes = APIRouter(prefix="/v1", route_class=_explaining_route(), dependencies=[Depends(authorised)])

    @routes.get("/models")
    def models() -> dict[str, Any]:
        """The base model, every adapter and checkpoint by the name that a column has."""
        return {"object": "list", "data": [_model(column) for column in engine.columns()]}

    @routes.get("/models/{name:path}")
    def model(name: str) -> dict[str, Any]:
        for column in engine.columns():
            if column["name"] == name:
                return _model(column)
        raise _unknown(engine, name)

    @routes.post("/chat/completions")
    async def completions(request: Request) -> Any:
        try:
            asked = _Completion.model_validate_json(await request.body())
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"]) or "body"
            raise _Refused(400, UserError("openai.bad_request", field=field, reason=first["msg"])) from None
        if asked.n not in (None, 1):
            raise _Refused(400, UserError("openai.one_answer", value=asked.n))
        if wish := asked.not_here():
            raise _Refused(400, UserError("openai.not_here", field=wish))
        answer = await to_thread.run_sync(_Answer, engine, asked, limiter=room)
        if asked.stream:
            return StreamingResponse(_streamed(answer, room), media_type="text/event-stream")
        return await _whole(answer, request, room)

    return routes


async def _streamed(answer: _Answer, room: CapacityLimiter) -> AsyncIterator[str]:
    """A client that leaves stops its answer: nobody reads it, and others wait for the model."""
    events = answer.events()
    try:
        while (event := await to_thread.run_sync(next, events, None, abandon_on_cancel=True, limiter=room)) is not None:
            yield event
    finally:
        answer.stop()


async def _whole(answer: _Answer, request: Request, room: CapacityLimiter) -> dict[str, Any]:
    """Like _streamed: stopped when the client leaves."""

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            continue
        answer.stop()

    watching = asyncio.create_task(watch())
    try:
        return await to_thread.run_sync(answer.whole, limiter=room)
    finally:
        watching.cancel()


class _Refused(Exception):
    def __init__(self, status: int, error: WorkbenchError, code: str | None = None) -> None:
        super().__init__(str(error))
        self.status, self.error, self.code = status, error, code

    def response(self) -> JSONResponse:
        return JSONResponse(_error(self.error, self.code), self.status)


def _error(error: WorkbenchError, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": str(error), "type": "invalid_request_error", "param": None, "code": code or error.key}}


def _explaining_route() -> type:
    from fastapi.routing import APIRoute

    class Route(APIRoute):
        """A refusal is OpenAI's error object: a router cannot bring an exception handler of its own."""

        def get_route_handler(self) -> Any:
            inner = super().get_route_handler()

            async def handler(request: Request) -> Any:
                try:
                    return await inner(request)
                except _Refused as refused:
                    return refused.response()
                except WorkbenchError as error:
                    return _Refused(400 if isinstance(error, UserError) else 500, error).response()

            return handler

    return Route


def _model(column: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": column["name"], "object": "model", "created": 0, "owned_by": "workbench"}


def _unknown(engine: Engine, name: str) -> _Refused:
    known = [column["name"] for column in engine.columns()]
    error = UserError("openai.unknown_model", name=name[:120], nearest=nearest(name, known))
    return _Refused(404, error, "model_not_found")


def _messages(given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """OpenAI's messages as canonical ones: `developer` is the system, arguments are objects instead of text."""
    found = []
    for number, message in enumerate(given, start=1):
        message = dict(message)
        if message.get("role") == "developer":
            message["role"] = "system"
        calls = message.get("tool_calls")
        if calls:
            message["tool_calls"] = [_call(call, number) for call in calls]
        found.append(message)
    return found


def _call(call: Any, number: int) -> dict[str, Any]:
    try:
        function = dict(call["function"])
        if isinstance(function.get("arguments"), str):
            function["arguments"] = json.loads(function["arguments"] or "{}")
        if not isinstance(function.get("arguments"), dict):
            raise ValueError
        return {**call, "function": function}
    except (KeyError, TypeError, ValueError):
        raise UserError("openai.bad_arguments", number=number) from None


class _Answer:
    """One completion, whole or as server-sent events."""

    def __init__(self, engine: Engine, asked: _Completion) -> None:
        self._asked, self._stops = asked, asked.stops()
        name = "base" if asked.model == "embedded" else asked.model
        try:
            columns.check(engine.home, name, foreign=False)
        except UserError as error:
            if error.key == "adapters.unknown":
                raise _unknown(engine, asked.model) from None
            raise _Refused(404, error, "model_not_found") from None
        section = ModelSection(path=columns.base_of(engine.home, [name], foreign=False))
        self._cancel = threading.Event()
        self._tokenizer = engine.hub.tokenizer(section)
        self._deltas = engine.compare(
            _messages(asked.messages), [name], asked.options(), section, cancel=self._cancel,
            tools=None if asked.tool_choice == "none" else asked.tools,
        )  # fmt: skip
        self._head = {"id": f"chatcmpl-{next(_ids)}", "created": int(time.time()), "model": asked.model}

    def stop(self) -> None:
        self._cancel.set()

    def whole(self) -> dict[str, Any]:
        for text, delta in self._texts():
            if delta.problem is not None:
                raise delta.problem
            if delta.done:
                choice: dict[str, Any] = {"index": 0, "message": {"role": "assistant", "content": text}}
                choice["finish_reason"] = _finish(delta)
                if self._asked.logprobs:
                    choice["logprobs"] = {"content": self._logprobs(delta, 0, len(delta.scored))}
                return {"object": "chat.completion", **self._head, "choices": [choice], "usage": _usage(delta)}
        raise WorkbenchError("engine.closed")

    def events(self) -> Iterator[str]:
        sent = scored = 0
        yield self._chunk({"role": "assistant", "content": ""})
        try:
            for text, delta in self._texts():
                if delta.problem is not None:
                    yield f"data: {json.dumps(_error(delta.problem))}\n\n"
                    return
                safe = len(text) if delta.done else max(sent, len(text) - self._held_back(text))
                extra = {}
                if self._asked.logprobs:
                    end = len(delta.scored) if delta.done else max(scored, self._tokens_of(delta, safe))
                    extra["logprobs"] = {"content": self._logprobs(delta, scored, end)}
                    scored = end
                if safe > sent or extra:
                    yield self._chunk({"content": text[sent:safe]}, **extra)
                sent = safe
                if delta.done:
                    yield self._chunk({}, finish_reason=_finish(delta))
                    if self._asked.stream_options and self._asked.stream_options.include_usage:
                        yield self._event({"choices": [], "usage": _usage(delta)})
        except WorkbenchError as error:
            yield f"data: {json.dumps(_error(error))}\n\n"
            return
        finally:
            self._cancel.set()
        yield "data: [DONE]\n\n"

    def _texts(self) -> Iterator[tuple[str, Delta]]:
        """(text up to the first stop word, delta); a stop word that came up ends the answer.

        The model has written on by then: what came after the word is neither shown nor counted.
        """
        for delta in self._deltas:
            found = [(place, len(word)) for word in self._stops if (place := delta.text.find(word)) >= 0]
            if not found:
                yield delta.text, delta
            elif not delta.done:
                self._cancel.set()  # the last delta follows at once
            else:
                place, length = min(found)
                tokens = self._tokens_of(delta, place + length)
                scored = delta.scored[: self._tokens_of(delta, place)]
                yield delta.text[:place], replace(delta, finish="stop", tokens=tokens, scored=scored)

    def _tokens_of(self, delta: Delta, characters: int) -> int:
        """How many first tokens it takes to write so many characters."""
        ids = [score.token for score in delta.scored]

        def written(count: int) -> int:
            return len(self._tokenizer.decode(ids[:count], skip_special_tokens=True).lstrip())

        return bisect_left(range(len(ids)), characters, key=written)

    def _held_back(self, text: str) -> int:
        """How many last characters may be the beginning of a stop word."""
        longest = 0
        for word in self._stops:
            for size in range(1, len(word)):
                if text.endswith(word[:size]):
                    longest = max(longest, size)
        return longest

    def _logprobs(self, delta: Delta, start: int, end: int) -> list[dict[str, Any]]:
        rows = []
        for score in delta.scored[start:end]:
            likeliest = [self._logprob(token, logprob) for token, logprob in score.likeliest]
            rows.append({**self._logprob(score.token, score.logprob), "top_logprobs": likeliest})
        return rows

    def _logprob(self, token: int, logprob: float) -> dict[str, Any]:
        text = self._tokenizer.decode([token])
        return {"token": text, "logprob": logprob, "bytes": None if "\ufffd" in text else list(text.encode())}

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None, **extra: Any) -> str:
        return self._event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason, **extra}]})

    def _event(self, payload: dict[str, Any]) -> str:
        whole = {"object": "chat.completion.chunk", **self._head, **payload}
        return f"data: {json.dumps(whole, ensure_ascii=False)}\n\n"


def _finish(delta: Delta) -> str:
    return "length" if delta.finish == "length" else "stop"  # cancelled: by a stop word


def _usage(delta: Delta) -> dict[str, int]:
    total = delta.prompt_tokens + delta.tokens
    return {"prompt_tokens": delta.prompt_tokens, "completion_tokens": delta.tokens, "total_tokens": total}
