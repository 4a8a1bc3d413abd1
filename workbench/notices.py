"""A run that ends -> a message to whoever asked for one: a webhook, a command of this machine. The page has its own.

The choice lies in `notify.json` of the workspace, readable by its owner alone: a webhook's address is often a secret.
A command is only ever set from the command line; a web page may set a webhook, and only to an address that is public.
"""

from __future__ import annotations

import ipaddress
import json
import os
import shlex
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from workbench import runs
from workbench.errors import UserError

FILE = "notify.json"
ENDS = ("finished", "stopped", "failed")
_SECONDS = 10.0


@dataclass(frozen=True)
class Notices:
    """webhook: an http(s) address that gets a JSON post; command: a program and its arguments; both may be empty.

    local: the webhook was set on this machine's command line, so it may lead into the local network.
    """

    webhook: str = ""
    command: tuple[str, ...] = ()
    local: bool = False

    @property
    def host(self) -> str:
        """All of the address that is shown or logged."""
        return urlsplit(self.webhook).hostname or ""


def read(home: Path) -> Notices:
    """Raises UserError for a file that somebody wrote by hand and that cannot be used."""
    path = Path(home) / FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Notices(
            str(values.get("webhook", "")), tuple(map(str, values.get("command", ()))), bool(values.get("local"))
        )
    except FileNotFoundError:
        return Notices()
    except (ValueError, AttributeError, TypeError):
        raise UserError("notices.unreadable", path=path) from None


def set_webhook(home: Path, address: str, *, local: bool) -> Notices:
    """An empty address switches it off. Raises UserError for one that cannot be used; nothing is sent yet."""
    address = address.strip()
    if address:
        check_webhook(address, local=local)
    return _write(home, Notices(address, read(home).command, local))


def set_command(home: Path, text: str) -> Notices:
    """For the command line only. Raises UserError for a program that is not there; an empty text switches it off."""
    import shutil

    try:
        command = tuple(shlex.split(text))
    except ValueError as error:
        raise UserError("notices.bad_command", value=text[:60], reason=str(error)) from None
    if command and shutil.which(command[0]) is None:
        raise UserError("notices.no_program", value=command[0][:80])
    before = read(home)
    return _write(home, Notices(before.webhook, command, before.local))


def check_webhook(address: str, *, local: bool) -> None:
    """http(s), no user in it and, unless it was set on this machine, a public host.

    A page's visitor must not make this server knock at its neighbours' doors.
    """
    try:
        parts = urlsplit(address)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise UserError("notices.bad_address", value=address[:60]) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        whole = parts.scheme and parts.hostname
        shown = f"{parts.scheme}://{parts.hostname}" if whole else address.rpartition("@")[2].split("/")[0]
        raise UserError("notices.bad_address", value=shown[:60])
    if local:
        return
    for found in _addresses(parts.hostname, port):
        if not found.is_global:
            raise UserError("notices.private_address", host=parts.hostname)


def _addresses(host: str, port: int) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError:
        raise UserError("notices.unknown_host", host=host) from None
    return [ipaddress.ip_address(str(address).partition("%")[0]) for address in found]


def _write(home: Path, notices: Notices) -> Notices:
    path = Path(home) / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{FILE}.{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(asdict(notices), file)
    os.replace(beside, path)
    return notices


def message(run: runs.Run, state: dict[str, Any], lang: str = "en") -> dict[str, Any]:
    """What a webhook gets. `text` is what chat services show. What rows of data say stays on this machine."""
    from workbench.locales import translate

    loss = run.summary()["loss"]
    reason = (state.get("outside") or state.get("reasons") or {}).get(lang) or state.get("reason") or ""
    text = translate(lang, f"notices.{state['state']}", run=run.name, step=state.get("step", 0), reason=reason)
    return {
        "text": text, "run": run.name, "state": state["state"], "step": state.get("step", 0),
        "total_steps": state.get("total_steps", 0), "loss": loss, "reason": reason,
    }  # fmt: skip


def tell(run: runs.Run, state: dict[str, Any], log: Callable[[str], None]) -> None:
    """Send what was asked for. A message that does not arrive is logged and harms nobody."""
    if state["state"] not in ENDS:
        return
    try:
        notices = read(run.home)
        if not (notices.webhook or notices.command):
            return
        told = message(run, state)
    except (UserError, OSError) as error:
        log(f"notice: {error}")
        return
    for send in (_post, _run):
        try:
            send(notices, told)
        except (UserError, OSError, ValueError, subprocess.SubprocessError) as error:
            # Never the address itself: its path may be a secret.
            log(f"notice to {notices.host if send is _post else notices.command[0]} failed: {_kind(error)}")


def _kind(error: Exception) -> str:
    """What went wrong, without what the address says: "HTTP 404", "ConnectionRefusedError"."""
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code}"
    reason = getattr(error, "reason", None)  # an URLError's cause says more than its own name
    return type(reason if isinstance(reason, Exception) else error).__name__


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A public address could lead to a private one."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _post(notices: Notices, told: dict[str, Any]) -> None:
    if not notices.webhook:
        return
    check_webhook(notices.webhook, local=notices.local)  # names may point elsewhere by now
    data = json.dumps(told, ensure_ascii=False).encode()
    request = urllib.request.Request(notices.webhook, data, {"content-type": "application/json; charset=utf-8"})
    urllib.request.build_opener(_NoRedirect).open(request, timeout=_SECONDS).close()


def _run(notices: Notices, told: dict[str, Any]) -> None:
    """No shell: what a run is called can never become a command. Values come as WORKBENCH_… variables."""
    if not notices.command:
        return
    given = {f"WORKBENCH_{name.upper()}": str(value) for name, value in told.items()}
    subprocess.run(
        notices.command, env=os.environ | given, timeout=_SECONDS, check=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def send_test(home: Path) -> None:
    """Send one message now. Raises UserError that says what went wrong, or that nothing is set."""
    notices = read(home)
    if not (notices.webhook or notices.command):
        raise UserError("notices.nothing_set")
    told = {"text": "Workbench: test", "run": "test", "state": "finished", "step": 0, "total_steps": 0, "loss": None,
            "reason": ""}  # fmt: skip
    try:
        _post(notices, told)
        _run(notices, told)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise UserError("notices.failed", host=notices.host or notices.command[0], kind=_kind(error)) from None
