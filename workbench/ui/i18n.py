"""A language -> `t`, which turns keys, errors and knobs into that language's words."""

from __future__ import annotations

import json
import logging
import re

from workbench.errors import WorkbenchError
from workbench.locales import LANGUAGES, catalogue, has, translate
from workbench.specs import Knob

log = logging.getLogger(__name__)
_QUALITY = re.compile(r"q=([\d.]+)")


class Texts:
    """Every visible string of one language; called with a key of the catalogue: `t("ui.start.button")`."""

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, key: str, /, **params: object) -> str:
        return translate(self.language, key, **params)

    def knob(self, item: Knob) -> tuple[str, str]:
        """Label and help of a knob: English stands in the spec, other languages in `knobs.<path>: "label|help"`."""
        key = f"knobs.{item.path}"
        if not has(self.language, key):
            return item.label, item.help
        label, _, help_text = self(key).partition("|")
        return label, help_text

    def section(self, name: str) -> str:
        key = f"sections.{name}"
        return self(key) if has(self.language, key) else name

    def error(self, error: Exception) -> str:
        """A refusal's own sentence; for anything else what a defect looks like, with the traceback in the log."""
        if isinstance(error, WorkbenchError):
            return error.text(self.language)
        log.error("defect behind the page", exc_info=error)
        return self("ui.defect", what=f"{type(error).__name__}: {error}"[:300])

    def block(self, prefix: str) -> dict[str, str]:
        """All texts below a key, without it: what the page's own script shows."""
        return {
            key.removeprefix(f"{prefix}."): text
            for key, text in catalogue(self.language).items()
            if key.startswith(f"{prefix}.")
        }

    def block_json(self, prefix: str) -> str:
        """The block as JSON that may stand inside a <script> element."""
        return json.dumps(self.block(prefix), ensure_ascii=False).replace("<", "\\u003c")


def preferred(cookie: str | None, accept_language: str | None) -> str:
    """The language of a visitor who asked for none: the last one used here, else the browser's order, else English."""
    if cookie in LANGUAGES:
        return cookie
    ranked = []
    for place, part in enumerate((accept_language or "").split(",")):
        tag, _, options = part.strip().partition(";")
        quality = _QUALITY.search(options)
        ranked.append((-float(quality[1]) if quality else -1.0, place, tag.split("-")[0].lower()))
    for weight, _, tag in sorted(ranked):
        if tag in LANGUAGES and weight < 0:
            return tag
    return "en"
