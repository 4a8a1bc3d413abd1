"""Gradio's page, the moment before anything is drawn -> the same page in the language of its address.

Gradio speaks the browser's language in its own words (upload boxes, table menus, lost connections) and asks for it
once, before it adds the `head=` of a mounted page; so the answer has to stand in the document itself.
"""

from __future__ import annotations

import html
from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCALES = {"en": "en", "zh": "zh-CN"}  # as Gradio and HTML name them
_START = b'<html\n\tlang="en"'
_HEAD = b"<head>"


class Shell:
    """ASGI middleware. titles: a page's path, such as /zh/ -> its language and its title."""

    def __init__(self, inside: ASGIApp, titles: Mapping[str, tuple[str, str]]) -> None:
        self.inside, self.titles = inside, titles

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = self.titles.get(scope.get("path", "")) if scope["type"] == "http" else None
        if page is None or scope["method"] != "GET":
            return await self.inside(scope, receive, send)
        begun: list[Message] = []
        body = b""

        async def sending(message: Message) -> None:
            nonlocal body
            if message["type"] == "http.response.start":
                begun.append(message)
                return
            if message["type"] != "http.response.body":
                await send(message)
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            spoken = speaking(body, *page)
            MutableHeaders(scope=begun[0])["content-length"] = str(len(spoken))
            await send(begun[0])
            await send({"type": "http.response.body", "body": spoken})

        await self.inside(scope, receive, sending)


def speaking(document: bytes, language: str, title: str) -> bytes:
    """The document with its language and title, and with a browser that answers with that language."""
    locale = LOCALES[language]
    script = f'<script>Object.defineProperty(navigator, "language", {{get: () => "{locale}"}});</script>'
    head = f"<head>\n\t\t<title>{html.escape(title)}</title>{script}"
    spoken = document.replace(_START, f'<html\n\tlang="{locale}"'.encode(), 1)
    return spoken.replace(_HEAD, head.encode(), 1)
