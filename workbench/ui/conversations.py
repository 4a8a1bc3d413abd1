"""Conversations by the id of a browser tab, kept on the server, so that a refreshed page shows them again.

Each is written to a file whenever a question is asked and a turn is finished or changed (never while an answer grows),
and read from there after a restart.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from workbench.chat import kept
from workbench.errors import UserError
from workbench.ui.chat.conversation import Conversation

log = logging.getLogger(__name__)

_KEPT = 500  # in memory; the longest unused go first


class Conversations:
    """Conversations by the id that a browser tab chose for itself; home: the workspace that keeps them, None: none."""

    def __init__(self, home: Path | None = None) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Conversation] = OrderedDict()

    def get(self, key: Any) -> Conversation:
        """The conversation of an id; a new one for an id nobody used. An unusable id gets one that nobody keeps."""
        if not kept.usable(key):
            return Conversation()
        with self._lock:
            found = self._known.get(key)
            if found is None:
                found = self._known[key] = self._read(key)
            self._known.move_to_end(key)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
            return found

    def clear(self, key: Any) -> Conversation:
        """Stop what is being answered and begin afresh, under a new id, with the same columns and options."""
        old = self.get(key)
        old.stop()
        fresh = self.get(secrets.token_hex(16))
        fresh.columns, fresh.options = list(old.columns), dict(old.options)
        fresh.overrides, fresh.endpoint = dict(old.overrides), old.endpoint
        return fresh

    def rename(self, key: str, title: str) -> None:
        """Raises UserError for a conversation that is not kept."""
        talk = self._of_memory(key)
        if talk is None or not talk.turns:
            kept.rename(self._home, key, title)
        else:
            talk.title = kept.checked_title(title)
            talk.save()

    def delete(self, key: str) -> None:
        """From disk and memory. Raises UserError for a conversation that is not kept."""
        with self._lock:
            talk = self._known.pop(key, None)
        if talk is not None:
            talk.forget()
        kept.delete(self._home, key)

    def _of_memory(self, key: str) -> Conversation | None:
        with self._lock:
            return self._known.get(key)

    def _read(self, key: str) -> Conversation:
        if self._home is None:
            return Conversation(key)
        talk = Conversation(key, lambda data: self._write(key, data))
        try:
            talk.take(kept.load(self._home, key))
        except (UserError, TypeError, ValueError) as error:
            if isinstance(error, UserError) and error.key == "kept.gone":
                return talk
            log.warning("a kept conversation cannot be read: %s", error)
            kept.set_aside(self._home, key)
            return Conversation(key, talk._keep)
        return talk

    def _write(self, key: str, data: dict[str, Any] | None) -> None:
        if data is not None:
            kept.save(self._home, data)
        else:
            kept.path(self._home, key).unlink(missing_ok=True)
