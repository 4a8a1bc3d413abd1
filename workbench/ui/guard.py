"""A request -> let through, or refused: Host, Origin and password are checked before anything behind them runs.

Gradio executes JSON posts from any origin and believes any Host header (DNS rebinding), and its own `auth=` covers one
mount only; so one ASGI middleware stands around pages, endpoints, /v1 and static files alike.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workbench.errors import UserError
from workbench.locales import translate
from workbench.ui.i18n import preferred

LOCAL = ("localhost", "127.0.0.1", "::1")
_EVERYWHERE = ("0.0.0.0", "::", "")
# 'unsafe-eval': Gradio compiles its HTML templates with Function; nothing is ever loaded from elsewhere.
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "worker-src 'self' blob:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}


def check_listen(host: str, auth: str | None) -> None:
    """Raises UserError for a password-less server that others could reach, and for a password nobody could type."""
    if auth is not None:
        user, colon, password = auth.partition(":")
        if not (user and colon and password):
            raise UserError("ui.bad_auth", value=user[:30])
    elif not is_local(host):
        raise UserError("ui.needs_auth", host=host or "0.0.0.0")


def is_local(host: str) -> bool:
    if host in LOCAL:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """ASGI middleware around the whole application.

    host: the address listened on; allowed_hosts: further names (tunnels, notebooks), `*.example.org` for subdomains;
    auth: "user:password" or None. A password is asked as HTTP Basic, or as `Bearer PASSWORD` (OpenAI clients).
    api_key: opens /v1 (below root_path too) instead of the password, and nothing else; /v1 itself asks for it.
    """

    def __init__(
        self,
        inside: ASGIApp,
        *,
        host: str = "127.0.0.1",
        allowed_hosts: Iterable[str] = (),
        auth: str | None = None,
        api_key: str | None = None,
        root_path: str = "",
    ) -> None:
        self.inside = inside
        self.auth = auth
        self.api_key = api_key
        self.api = tuple({"/v1/", f"/{root_path.strip('/')}/v1/".replace("//", "/")})
        # A page that rebinds a DNS name to us always sends that name, so bare addresses are harmless when listening
        # everywhere; a name has to be listed.
        self.any_address = host in _EVERYWHERE
        self.hosts = {*LOCAL, *(() if host in _EVERYWHERE else (host.lower(),))}
        self.extra = tuple(name.lower().strip() for name in allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.inside(scope, receive, send)
        headers = Headers(scope=scope)
        refusal = self.refusal(headers, scope.get("path", ""))
        if refusal is None:
            return await self.inside(scope, receive, _with_headers(send))
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        status, key = refusal
        language = preferred(None, headers.get("accept-language"))
        text = translate(language, key, host=headers.get("host", "")[:80], origin=headers.get("origin", "")[:80])
        extra = {"www-authenticate": 'Basic realm="workbench", charset="UTF-8"'} if status == 401 else {}
        await PlainTextResponse(text + "\n", status, _HEADERS | extra)(scope, receive, send)

    def refusal(self, headers: Headers, path: str = "") -> tuple[int, str] | None:
        """HTTP status and the sentence's key, or None when the request may pass."""
        host = headers.get("host", "")
        if not self._known(_hostname(host)):
            return 403, "ui.guard.host"
        origin = headers.get("origin")
        if origin is not None and not self._same(origin, host):
            return 403, "ui.guard.origin"
        # Embedding and no-cors requests carry no Origin, but browsers say where they come from.
        if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            return 403, "ui.guard.origin"
        given = headers.get("authorization", "")
        if self.auth is not None and not (self._password(given) or (path.startswith(self.api) and self._key(given))):
            return 401, "ui.guard.password"
        return None

    def _key(self, header: str) -> bool:
        scheme, _, token = header.partition(" ")
        known = self.api_key is not None and scheme.lower() == "bearer"
        return known and hmac.compare_digest(token.strip().encode(), self.api_key.encode())

    def _known(self, name: str) -> bool:
        if name in self.hosts or self._listed(name):
            return True
        return self.any_address and _is_address(name)

    def _listed(self, name: str) -> bool:
        return any(name == entry or (entry.startswith("*.") and name.endswith(entry[1:])) for entry in self.extra)

    def _same(self, origin: str, host: str) -> bool:
        parts = urlsplit(origin)
        # A tunnel or proxy rewrites Host but not Origin; a name the user listed is trusted as either.
        return parts.netloc.lower() == host.lower() or self._listed(_hostname(parts.netloc))

    def _password(self, header: str) -> bool:
        scheme, _, token = header.partition(" ")
        if scheme.lower() == "bearer":
            given, wanted = token.strip(), self.auth.partition(":")[2]
        elif scheme.lower() == "basic":
            try:
                given, wanted = base64.b64decode(token, validate=True).decode(), self.auth
            except (binascii.Error, UnicodeDecodeError):
                return False
        else:
            return False
        return hmac.compare_digest(given.encode(), wanted.encode())


def _hostname(netloc: str) -> str:
    """example.org:80 -> example.org, [::1]:80 -> ::1, lower case; "" for what cannot be a host."""
    try:
        return (urlsplit(f"//{netloc}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
        await send(message)

    return sending
