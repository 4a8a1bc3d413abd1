"""A model behind an OpenAI-compatible address -> a column beside our own, for reference.

The address and key come from the environment (WORKBENCH_REMOTE_URL and _KEY, else OPENAI_BASE_URL and OPENAI_API_KEY)
or from the page's boxes. They are kept in memory for one request, and never written or logged.
"""

from __future__ import annotations

import json
import os
import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from workbench.chat.prompts import ChatOptions
from workbench.chat.request import Cell, Delta, Request
from workbench.data.records import Message
from workbench.errors import UserError

_NAMES = (("WORKBENCH_REMOTE_URL", "WORKBENCH_REMOTE_KEY"), ("OPENAI_BASE_URL", "OPENAI_API_KEY"))
_CONNECT_SECONDS, _READ_SECONDS = 5.0, 120.0
_LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Endpoint:
    """Where remote columns are asked. The key stays out of representations, so that no log can show it."""

    url: str
    key: str = field(default="", repr=False)


def endpoint(url: str = "", key: str = "") -> Endpoint:
    """The given address with the given key, else the environment's address with the environment's key.

    The environment's key never goes to another address than the environment's. Raises UserError without an address.
    """
    if url.strip():
        chosen = Endpoint(url.strip(), key.strip())
    else:
        found = ((os.environ.get(address, ""), os.environ.get(secret, "")) for address, secret in _NAMES)
        address, secret = next((pair for pair in found if pair[0].strip()), ("", ""))
        if not address:
            raise UserError("remote.no_address", names=" / ".join(name for name, _ in _NAMES))
        chosen = Endpoint(address.strip(), key.strip() or secret.strip())
    parts = urlsplit(chosen.url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise UserError("remote.bad_address", address=_shown(chosen.url))
    return chosen


def answer(request: Request, cell: Cell, model: str, where: Endpoint | None, update_seconds: float) -> None:
    """Put a remote column's news into the request; whatever goes wrong is a sentence in that column."""
    last = Delta(cell.column, "", prompt=cell.prompt)
    try:
        for last in _until_cancelled(request, cell, model, where or endpoint(), update_seconds):
            request.news.put(last)
    except UserError as error:  # what was written until then stays
        last = replace(last, text=last.text.strip(), done=True, problem=error)
        request.news.put(last)
    cell.answer = last.text


def _until_cancelled(
    request: Request, cell: Cell, model: str, where: Endpoint, update_seconds: float
) -> Iterator[Delta]:
    """The stream, read in a thread of its own: a server that says nothing would not let anybody stop."""
    told: queue.SimpleQueue[Delta | Exception] = queue.SimpleQueue()

    def read() -> None:
        try:
            for delta in _streamed(request, cell, model, where, update_seconds):
                told.put(delta)
        except Exception as error:
            told.put(error)

    threading.Thread(target=read, name="remote stream", daemon=True).start()
    last = Delta(cell.column, "", prompt=cell.prompt)
    while not last.done:
        try:
            news = told.get(timeout=update_seconds or _LOOK_SECONDS)
        except queue.Empty:
            if not request.cancelled(cell.column):
                continue
            news = replace(last, text=last.text.strip(), done=True, finish="cancelled")
        if isinstance(news, Exception):
            raise news
        last = news
        yield last


def _streamed(request: Request, cell: Cell, model: str, where: Endpoint, update_seconds: float) -> Iterator[Delta]:
    import httpx

    options = request.options[cell.column]
    body = _body(model, cell.turns, options, request.tools)
    headers = {"authorization": f"Bearer {where.key}"} if where.key else {}
    began, text, tokens, prompt_tokens, finish, first, told = time.perf_counter(), "", 0, 0, "", 0.0, 0.0
    shown = _shown(where.url)

    def so_far() -> Delta:
        now = time.perf_counter() - began
        return Delta(
            cell.column, text, tokens=tokens, seconds=now, first_seconds=first, prompt_tokens=prompt_tokens,
            prompt=cell.prompt,
        )  # fmt: skip

    try:
        with (
            httpx.Client(timeout=httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS)) as client,
            client.stream("POST", f"{where.url.rstrip('/')}/chat/completions", json=body, headers=headers) as response,
        ):
            if response.status_code != 200:
                response.read()
                raise UserError("remote.refused", address=shown, status=response.status_code, reason=_reason(response))
            for event in _events(response.iter_lines()):
                if request.cancelled(cell.column):
                    finish = "cancelled"
                    break
                if "error" in event:
                    yield so_far()
                    raise UserError("remote.refused", address=shown, status=200, reason=str(event["error"])[:200])
                usage = event.get("usage") or {}
                prompt_tokens = usage.get("prompt_tokens") or prompt_tokens
                for choice in event.get("choices") or ():
                    piece = (choice.get("delta") or {}).get("content") or ""
                    text, tokens = text + piece, tokens + bool(piece)
                    finish = choice.get("finish_reason") or finish
                finish = finish or event.get("ended", "")
                tokens = usage.get("completion_tokens") or tokens
                now = time.perf_counter() - began
                first = first or (now if text else 0.0)
                if text and now - told >= update_seconds:
                    told = now
                    yield so_far()
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        yield so_far()
        reason = type(error).__name__ if not str(error) else str(error)
        raise UserError("remote.unreachable", address=shown, reason=reason[:160]) from None
    if not finish:  # a server that keeps no count of what it sends may just close; what came is no whole answer
        yield so_far()
        raise UserError("remote.cut_off", address=shown)
    yield replace(so_far(), text=text.strip(), done=True, finish=finish)


def _body(model: str, turns: Sequence[Message], options: ChatOptions, tools: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(turn) for turn in turns],
        "temperature": options.temperature,
        "top_p": options.top_p,
        "max_tokens": options.max_tokens,
        "seed": options.seed,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    return body | ({"tools": list(tools)} if tools else {})


def _message(turn: Message) -> dict[str, Any]:
    row = {"role": turn.role, "content": turn.content}
    if turn.tool_calls:
        row["tool_calls"] = [
            {**call, "function": {**call["function"], "arguments": json.dumps(call["function"].get("arguments", {}))}}
            for call in turn.tool_calls
        ]
    return row | ({"tool_call_id": turn.tool_call_id} if turn.tool_call_id else {})


def _events(lines: Iterator[str]) -> Iterator[Mapping[str, Any]]:
    """The JSON of server-sent events; [DONE] reads {"ended": "stop"}."""
    for line in lines:
        if not line.startswith("data:"):
            continue
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            yield {"ended": "stop"}
            return
        try:
            event = json.loads(data)
        except ValueError:
            continue  # a comment or keep-alive of a proxy
        if isinstance(event, dict):
            yield event


def _reason(response: Any) -> str:
    try:
        said = response.json()["error"]
        said = said["message"] if isinstance(said, dict) else said
    except (ValueError, KeyError, TypeError):
        said = response.text
    return " ".join(str(said).split())[:200]


def _shown(url: str) -> str:
    """An address without what may be secret in it: user, password and query."""
    parts = urlsplit(url)
    port = f":{parts.port}" if _has_port(parts) else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"[:160] if parts.scheme else url[:80]


def _has_port(parts: Any) -> bool:
    try:
        return parts.port is not None
    except ValueError:
        return False
