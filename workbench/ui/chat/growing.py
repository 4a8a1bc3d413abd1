"""A text that grows -> its safe HTML, in which every part that can no longer change its look is rendered once."""

from __future__ import annotations

import threading

from workbench.ui.chat import markup
from workbench.ui.i18n import Texts


class Growing:
    """One answer, asked for again and again by pages of one language."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # two pages may ask at once
        self._settled = ""  # the text whose HTML is kept
        self._html = ""
        self._last = ("", False, "")

    def html(self, text: str, t: Texts, done: bool) -> str:
        with self._lock:
            if self._last[:2] != (text, done):
                self._last = text, done, markup.rendered(text, t) if done else self._grown(text, t)
            return self._last[2]

    def _grown(self, text: str, t: Texts) -> str:
        if not text.startswith(self._settled):
            self._settled = self._html = ""
        start = len(self._settled)
        end = markup.settled(text, start)
        if end > start:
            self._html += markup.rendered(text[start:end], t)
            self._settled = text[:end]
        return self._html + markup.unsettled(text[end:], t)
