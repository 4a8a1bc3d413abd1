"""Prompts -> replies: by a model of this process, or by any server that speaks OpenAI's chat API."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from workbench.errors import UserError, WorkbenchError

if TYPE_CHECKING:
    from workbench.chat.engine import Engine
    from workbench.specs.model import ModelSection

KEY_VARIABLE, URL_VARIABLE = "OPENAI_API_KEY", "OPENAI_BASE_URL"
_DEFAULT_URL = "https://api.openai.com/v1"
_TRIES = 4
_SECONDS, _LONGEST_WAIT = 180.0, 30.0


class Author(Protocol):
    """at_once: how many prompts are best written together."""

    at_once: int

    def write(self, prompts: Sequence[str], cancel: threading.Event) -> list[str | WorkbenchError]:
        """One reply, or the reason why there is none, per prompt. Raises UserError for what concerns all prompts.

        After `cancel` is set it returns soon, and what it returns means nothing.
        """
        ...


class Resident:
    """A model of this process, with or without an adapter; the answers of a batch are made together."""

    at_once = 4

    def __init__(
        self,
        engine: Engine,
        column: str = "base",
        model: ModelSection | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._engine, self._column, self._model, self._options = engine, column, model, dict(options or {})

    def write(self, prompts: Sequence[str], cancel: threading.Event) -> list[str | WorkbenchError]:
        try:
            answers = self._engine.answer(list(prompts), [self._column], self._options, self._model, cancel=cancel)
        except UserError as error:
            if error.key != "engine.too_long" or cancel.is_set():
                raise
            # One passage that the model's window cannot hold takes its batch along: the others are written alone.
            if len(prompts) == 1:
                return [error]
            return [reply for prompt in prompts for reply in self.write([prompt], cancel)]
        return [row[0] for row in answers]


class Endpoint:
    """A server with /chat/completions. The key is sent to it and kept nowhere else, not in errors either."""

    at_once = 4

    def __init__(self, url: str, model: str, key: str = "", options: Mapping[str, Any] | None = None) -> None:
        """options: temperature, max_tokens. Raises UserError for an address that is none, and for no model's name."""
        self._url, self._model, self._key = address(url), model.strip(), key.strip()
        self._options = {name: value for name, value in (options or {}).items() if value is not None}
        if not self._model:
            raise UserError("synthesis.no_model_name", url=self._url)
        if not self._key.isascii() or any(sign.isspace() for sign in self._key):
            raise UserError("synthesis.bad_key")  # as a header it would be a defect that shows the key

    def write(self, prompts: Sequence[str], cancel: threading.Event) -> list[str | WorkbenchError]:
        with ThreadPoolExecutor(1) as pool:  # whoever calls may run a loop already, as notebooks do
            written = pool.submit(asyncio.run, self._write(prompts, cancel)).result()
        for error in written:
            if isinstance(error, BaseException) and not isinstance(error, WorkbenchError):
                raise error
        # What is wrong with the server as a whole meets every prompt; what met some only is theirs.
        if written and all(isinstance(reply, UserError) for reply in written):
            raise written[0]
        return written

    async def _write(self, prompts: Sequence[str], cancel: threading.Event) -> list[Any]:
        import httpx

        # Redirects are not followed: they would carry the key to another host. A proxy does not reach this machine.
        client = httpx.AsyncClient(
            timeout=httpx.Timeout(_SECONDS, connect=10.0),
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            trust_env=urlsplit(self._url).hostname not in ("localhost", "127.0.0.1", "::1"),
        )
        async with client:
            asked = [asyncio.create_task(self._ask(client, prompt)) for prompt in prompts]
            left: set[Any] = set(asked)
            while left and not cancel.is_set():
                _, left = await asyncio.wait(left, timeout=0.1)
            for task in left:
                task.cancel()
            written = await asyncio.gather(*asked, return_exceptions=True)
        return [] if cancel.is_set() else written

    async def _ask(self, client: Any, prompt: str) -> str | WorkbenchError:
        import httpx

        options = dict(self._options)
        for attempt in range(1, _TRIES + 1):
            body = {"model": self._model, "messages": [{"role": "user", "content": prompt}], **options}
            try:
                answer = await client.post(f"{self._url}/chat/completions", json=body)
            except httpx.TimeoutException:
                return WorkbenchError("synthesis.too_slow", url=self._url, seconds=round(_SECONDS))
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
                if isinstance(error, (httpx.ReadError, httpx.RemoteProtocolError)) and attempt < _TRIES:
                    await asyncio.sleep(_pause(None, attempt))
                    continue
                why = self._safe(error) or type(error).__name__
                raise UserError("synthesis.unreachable", url=self._url, why=why) from None
            if answer.status_code == 400 and (fitting := _without_refused(options, answer.text)):
                options = fitting
                continue
            if (answer.status_code == 429 or answer.status_code >= 500) and attempt < _TRIES:
                await asyncio.sleep(_pause(answer.headers.get("retry-after"), attempt))
                continue
            break
        return self._read(answer)

    def _read(self, answer: Any) -> str | WorkbenchError:
        status = answer.status_code
        if status in (401, 403):
            raise UserError("synthesis.key_refused", url=self._url, status=status, why=self._safe(_reason(answer)))
        if status == 404 or 300 <= status < 400:
            raise UserError("synthesis.not_there", url=self._url, model=self._model, why=self._safe(_reason(answer)))
        if status != 200:
            return WorkbenchError("synthesis.refused", url=self._url, status=status, why=self._safe(_reason(answer)))
        try:
            said = answer.json()["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError):
            raise UserError("synthesis.other_api", url=self._url) from None
        return said if isinstance(said, str) else ""

    def _safe(self, reason: object) -> str:
        """A server's words without the key, which some repeat."""
        text = " ".join(str(reason).split())
        return (text.replace(self._key, "•••") if self._key else text)[:300]


def address(url: str) -> str:
    """`https://host/v1` from what was typed, with or without /chat/completions. Raises UserError for anything else."""
    url = url.strip().rstrip("/").removesuffix("/chat/completions").rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.username or parts.query or parts.fragment:
        raise UserError("synthesis.bad_address", value=url[:200] if "@" not in url else "…")
    return url


def environment_key(url: str) -> str:
    """The key of the environment, for the server that it belongs to only: OPENAI_BASE_URL, or OpenAI's own.

    Whoever may fill in a page's address box could otherwise have it sent to a server of their choice.
    """
    home = os.environ.get(URL_VARIABLE) or _DEFAULT_URL
    same = _origin(url) == _origin(home)
    return os.environ.get(KEY_VARIABLE, "") if same else ""


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(address(url))
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}[parts.scheme]


def _without_refused(options: Mapping[str, Any], reason: str) -> dict[str, Any] | None:
    """Options that newer models of OpenAI take: the limit under its new name, their own temperature only."""
    if "max_completion_tokens" in reason and "max_tokens" in options:
        return {("max_completion_tokens" if name == "max_tokens" else name): value for name, value in options.items()}
    if "temperature" in reason and "temperature" in options:
        return {name: value for name, value in options.items() if name != "temperature"}
    return None


def _pause(wanted: str | None, attempt: int) -> float:
    """Seconds until the next try: what the server asks for, else 1, 2, 4 …"""
    try:
        return min(max(float(wanted or ""), 0.0), _LONGEST_WAIT)
    except ValueError:
        return float(2 ** (attempt - 1))


def _reason(answer: Any) -> str:
    try:
        error = answer.json()["error"]
        return str(error.get("message", error) if isinstance(error, dict) else error)
    except (ValueError, LookupError, TypeError):
        return answer.text[:300]
