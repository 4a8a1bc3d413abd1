"""A workspace -> the web application: one page per language over one shared App, behind the guard.

Nothing here imports torch: hub, queue and engine are made when somebody first needs them.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import gradio as gr
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from workbench import heap, runs
from workbench.chat import openai_api
from workbench.errors import UserError
from workbench.history.lines import Lines
from workbench.locales import LANGUAGES
from workbench.ui import api, archive, arena, between_tabs, history, live, plan, sets
from workbench.ui.chat import feed
from workbench.ui.chat.residents import Models
from workbench.ui.columns import Columns
from workbench.ui.conversations import Conversations
from workbench.ui.data.result import Prepares
from workbench.ui.drafts import Drafts
from workbench.ui.guard import Guard, check_listen, is_local
from workbench.ui.i18n import Texts, preferred
from workbench.ui.look import CSS, ICON, head, theme
from workbench.ui.opened import OpenedFiles
from workbench.ui.shell import Shell
from workbench.ui.tabs import data, start, talk, train
from workbench.ui.tabs import runs as runs_tab

if TYPE_CHECKING:
    from workbench.chat.arena import Arena
    from workbench.chat.engine import Engine
    from workbench.chat.set_runs import SetRuns
    from workbench.jobs import Jobs
    from workbench.models.hub import Hub
    from workbench.train.plan import Counts
    from workbench.train.trial import Trials

TABS = {"start": start, "data": data, "train": train, "runs": runs_tab, "chat": talk}
STATIC = Path(__file__).with_name("static")
MAX_UPLOAD = "8gb"
_COOKIE = "workbench_language"


class App:
    """What all pages, languages and visitors share: the workspace, the weights, the queue, the chat engine."""

    def __init__(self, home: Path | str) -> None:
        self.home = Path(home).absolute()
        self.summaries = Lines(self.home)
        self.columns = Columns(self.home)
        self.conversations = Conversations(self.home)
        self.models = Models(self)
        self.opened = OpenedFiles(self.home)
        self.drafts = Drafts(self.home)
        self.prepares = Prepares(self.home)
        self._lock = threading.RLock()
        self._made: dict[str, Any] = {}

    @property
    def hub(self) -> Hub:
        def make() -> Hub:
            from workbench.models.hub import Hub

            return Hub()

        return self._once("hub", make)

    @property
    def jobs(self) -> Jobs:
        def make() -> Jobs:
            from workbench.jobs import Jobs

            return Jobs(self.home, self.hub)

        return self._once("jobs", make)

    @property
    def engine(self) -> Engine:
        def make() -> Engine:
            from workbench.chat.engine import Engine

            return Engine(self.hub, self.home, foreign=False)

        return self._once("engine", make)

    @property
    def counts(self) -> Counts:
        """Rows and tokens of what the form would train on, counted beside it."""

        def make() -> Counts:
            from workbench.train.plan import Counts

            return Counts(self.home, lambda spec: self.hub.tokenizer(spec.model))

        return self._once("counts", make)

    @property
    def trials(self) -> Trials:
        """A few steps of what the form describes, measured on request."""

        def make() -> Trials:
            from workbench.train.trial import Trials

            return Trials(self.home)

        return self._once("trials", make)

    @property
    def arena(self) -> Arena:
        def make() -> Arena:
            from workbench.chat.arena import Arena

            return Arena(self.home, lambda: self.engine)

        return self._once("arena", make)

    @property
    def set_runs(self) -> SetRuns:
        def make() -> SetRuns:
            from workbench.chat.set_runs import SetRuns

            return SetRuns(self.home, lambda: self.engine)

        return self._once("set_runs", make)

    def _once(self, name: str, make) -> Any:
        with self._lock:
            if name not in self._made:
                self._made[name] = make()
            return self._made[name]

    def run(self, name: str = "", kind: str = "any") -> runs.Run | None:
        """The named run; without a name the one a visitor means: the active one, else the newest (of a kind)."""
        return runs.find(self.home, name) if name else live.current(self.home, kind)

    def stop(self, name: str) -> dict[str, Any]:
        """Ask a run of any process to save and stop; one that waits in our own queue leaves it at once."""
        jobs = self._made.get("jobs")
        return jobs.stop(name) if jobs else runs.find(self.home, name).request_stop()

    def has_engine(self) -> bool:
        return "engine" in self._made

    def live_steps(self) -> dict[str, int]:
        """The runs that train in this process, with their steps."""
        hub = self._made.get("hub")
        return hub.live.names() if hub else {}

    def close(self) -> None:
        """Ask the running job to save and stop, then let go of the engine."""
        self.drafts.close()
        with self._lock:
            for name in ("trials", "engine", "jobs"):
                if name in self._made:
                    self._made.pop(name).close()


def page(app: App, language: str, root_path: str = "") -> gr.Blocks:
    """All tabs in one language."""
    t = Texts(language)
    with gr.Blocks(title=t("ui.title"), analytics_enabled=False) as blocks:
        gr.HTML(html_template=_header(t, root_path), apply_default_css=False, elem_id="wb-header", js_on_load=None)
        api.register(app, t)  # first: a tab's handler of the same name would take the contract's name away
        built: dict[str, Any] = {}
        with gr.Tabs(elem_id="tabs") as tabs:
            for name, tab in TABS.items():
                with gr.Tab(t(f"ui.tab.{name}"), id=name, elem_id=f"tab-{name}"):
                    built[name] = tab.build(app, t)
        between_tabs.wire(built, tabs)
    return blocks


def _header(t: Texts, root_path: str) -> str:
    """The slim bar above the tabs; every word of it is ours."""
    links = "".join(
        f'<a href="{root_path}/{language}/" lang="{language}"'
        + (' aria-current="true"' if language == t.language else "")
        + f">{Texts(language)('ui.language')}</a>"
        for language in LANGUAGES
    )
    return (
        f'<div class="wb-bar"><strong>{t("ui.title")}</strong><span class="wb-tagline">{t("ui.tagline")}</span>'
        f'<span class="wb-gap"></span><nav aria-label="{t("ui.languages")}">{links}</nav>'
        f'<button type="button" class="wb-theme" title="{t("ui.theme")}" aria-label="{t("ui.theme")}"'
        ' onclick="workbench.toggleTheme()">◐</button></div>'
    )


def web(app: App, root_path: str = "") -> FastAPI:
    """The application without its guard: /zh, /en, /live, /static, and / that chooses; all below a proxy's prefix."""
    root = "/" + root_path.strip("/") if root_path.strip("/") else ""
    site = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @site.get(f"{root}/")
    def choose(request: Request) -> RedirectResponse:
        language = preferred(request.cookies.get(_COOKIE), request.headers.get("accept-language"))
        return RedirectResponse(f"{root}/{language}/", headers={"vary": "cookie, accept-language"})

    @site.get(f"{root}/manifest.json")  # Gradio's page links it at the root
    def manifest() -> dict[str, Any]:
        return {"name": "Workbench", "start_url": f"{root}/", "display": "browser", "icons": []}

    @site.get(f"{root}/favicon.ico")  # a browser asks for it before Gradio has put the head's link in
    def icon() -> Response:
        return Response(ICON, media_type="image/svg+xml")

    site.include_router(live.router(app), prefix=root)
    site.include_router(plan.router(app), prefix=root)
    site.include_router(history.router(app), prefix=root)
    site.include_router(feed.router(app), prefix=root)
    site.include_router(arena.router(app), prefix=root)
    site.include_router(sets.router(app), prefix=root)
    site.include_router(archive.router(app), prefix=root)
    site.include_router(openai_api.router(app.engine, api_key=api_key()), prefix=root)
    site.mount(f"{root}/static/plotly", StaticFiles(directory=_plotly()))
    site.mount(f"{root}/static", StaticFiles(directory=STATIC))
    for language in LANGUAGES:
        gr.mount_gradio_app(
            site,
            page(app, language, root),
            f"{root}/{language}",
            theme=theme(),
            css=CSS,
            head=head(Texts(language), root, _COOKIE),
            allowed_paths=[],
            blocked_paths=[str(app.home)],  # results leave through their own endpoints
            show_error=True,
            max_file_size=MAX_UPLOAD,
            footer_links=[],
            run_history=False,
            enable_monitoring=False,
            mcp_server=False,
            pwa=False,
        )
    titles = {f"{root}/{language}/": (language, Texts(language)("ui.title")) for language in LANGUAGES}
    site.add_middleware(Shell, titles=titles)
    if root:
        site.add_middleware(_Prefixed, prefix=root)
    return site


def api_key() -> str | None:
    """A key of its own for programs: with it /v1 asks for it, whether the page needs a password or not."""
    return os.environ.get("WORKBENCH_API_KEY", "").strip() or None


class _Prefixed:
    """A proxy may pass its prefix on or strip it: inside it is always there, or Gradio would forget it in addresses."""

    def __init__(self, inside: ASGIApp, prefix: str) -> None:
        self.inside, self.prefix = inside, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] in ("http", "websocket") and path != self.prefix and not path.startswith(f"{self.prefix}/"):
            scope = scope | {"path": self.prefix + path, "raw_path": None}
        await self.inside(scope, receive, send)


def _plotly() -> Path:
    """The folder with plotly.min.js; found without importing plotly, which takes half a second."""
    spec = importlib.util.find_spec("plotly")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("ui.no_plotly")
    return Path(spec.submodule_search_locations[0]) / "package_data"


def serve(
    host: str = "127.0.0.1",
    port: int = 7860,
    lang: str | None = None,
    home: Path | str = "workspace",
    auth: str | None = None,
    allowed_hosts: Iterable[str] = (),
    root_path: str = "",
) -> None:
    """Serve the page until interrupted.

    auth: "user:password", needed for any host but localhost. root_path: the prefix of a proxy in front.
    Raises UserError when the port is taken or the address may not be listened on without a password.
    """
    import uvicorn

    t = Texts(lang or preferred(None, os.environ.get("LANG", "").replace("_", "-")))
    check_listen(host, auth)
    listening = _listen(host, port)
    heap.share()
    app = App(home)
    try:
        app.home.mkdir(parents=True, exist_ok=True)
        names = {"host": host, "allowed_hosts": allowed_hosts, "root_path": root_path}
        inside = Guard(web(app, root_path), auth=auth, api_key=api_key(), **names)
        config = uvicorn.Config(inside, log_level="warning", access_log=False, timeout_graceful_shutdown=3)
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::', '') else shown}:{listening.getsockname()[1]}"
        print(t("ui.serving", address=f"{address}{root_path}/{lang or ''}", home=app.home), flush=True)
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        listening.close()
        app.close()


def _listen(host: str, port: int) -> socket.socket:
    """The listening socket, taken before anything heavy is built so that a refusal comes at once."""
    if not 0 <= port <= 65535:
        raise UserError("ui.bad_port", value=port)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    if os.name != "nt":  # there it would let two servers share a port
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)
    except (OSError, UnicodeError) as error:
        listening.close()
        if isinstance(error, OSError) and error.errno in _IN_USE:
            raise UserError("ui.port_in_use", port=port, next=port + 1 if port < 65535 else 7861) from None
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError("ui.cannot_listen", host=host, port=port, reason=reason) from None
    return listening


_IN_USE = (98, 48, 10048)  # EADDRINUSE of Linux, macOS and Windows

__all__ = ["App", "is_local", "page", "serve", "web"]
