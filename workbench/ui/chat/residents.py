"""Base models in memory -> a line with a gauge: what is there, what is being loaded, load, cancel and unload."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import gradio as gr

from workbench.errors import UserError
from workbench.ui.look import part

if TYPE_CHECKING:
    from workbench.ui.app import App
    from workbench.ui.i18n import Texts


def view() -> gr.HTML:
    """static/chat.js fills it; it asks only while it is open."""
    return part("models", "chat.mountModels", "chat-models")


class Models:
    """Loads and unloads that a page asked for; at most one load at a time."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._loading: dict[str, Any] | None = None
        self._cancel = threading.Event()
        self._freed: int | None = None  # bytes that the last unload gave back

    def state(self) -> dict[str, Any]:
        """{"models": [{"key", "name", "memory_bytes", "adapters"}], "loading", "freed_bytes", "memory": {…}}"""
        import psutil

        memory, process = psutil.virtual_memory(), psutil.Process()
        with self._lock:
            loading, freed = self._loading, self._freed
        return {
            "models": self._app.engine.resident() if self._app.has_engine() else [],
            "loading": loading,
            "freed_bytes": freed,
            "memory": {"total": memory.total, "available": memory.available, "own": process.memory_info().rss},
        }

    def change(self, act: str, key: str, t: Texts) -> dict[str, Any]:
        """Load a model (key: its path or name), cancel that, or unload one. Raises UserError."""
        match act:
            case "load":
                self._load(key.strip() or "embedded", t)
            case "cancel":
                self._cancel.set()
            case "unload":
                self._freed = self._app.engine.unload_key(key)
            case _:
                raise UserError("chat_tab.unknown_act", value=act[:40])
        return self.state()

    def _load(self, path: str, t: Texts) -> None:
        from workbench.ui.chat.answering import model_section

        section = model_section(path)
        with self._lock:
            if self._loading is not None and not self._loading["error"] and self._loading["progress"] < 1.0:
                raise UserError("chat_tab.loading", name=self._loading["name"])
            self._loading = {"name": path, "progress": 0.0, "error": ""}
            self._cancel = cancel = threading.Event()

        def work() -> None:
            try:
                self._app.engine.load(section, progress=lambda done: self._note(progress=done), cancel=cancel)
                with self._lock:
                    self._loading = None
            except Exception as error:  # of any kind: a load that seems to go on would let nobody load again
                self._note(error=t.error(error), progress=1.0)

        threading.Thread(target=work, name="load model", daemon=True).start()

    def _note(self, **changes: Any) -> None:
        with self._lock:
            if self._loading is not None:
                self._loading |= changes
