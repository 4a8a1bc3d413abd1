"""Steps as JSON, which travels with the page -> their picture; rows as a person writes them -> their numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from workbench.data.recipe import Prepared
from workbench.errors import UserError
from workbench.ui import forms
from workbench.ui.data.result import Steps
from workbench.ui.i18n import Texts

_RANGE = re.compile(r"\s*(\d+)\s*(?:[-–]\s*(\d+)\s*)?")


def steps_of(given: str | None) -> Steps:
    return json.loads(given) if given else []


def steps_html(steps: Steps, state: Prepared | None, t: Texts) -> str:
    """Each step with the rows before and after it and a button that takes it back."""
    if not steps or state is None:
        return f'<p class="wb-note">{forms.plain(t("dataset.recipe.none"))}</p>'
    lines, undo = [], forms.plain(t("dataset.recipe.undo"))
    for place, (step, (_, before, after)) in enumerate(zip(steps, state.done, strict=True)):
        change = f"{before:,} → {after:,}" if before != after else f"{after:,}"
        text = _text(step, state.mended.get(place) or {}, t)
        lines.append(
            f'<li><span>{forms.plain(text)}</span><span class="wb-num">{change}</span>'
            f'<button type="button" class="wb-link" data-step="{place}" title="{undo}" aria-label="{undo}">'
            "✕</button></li>"
        )
    figures = t("dataset.recipe.rows_now", rows=f"{len(state.records):,}")
    if state.held_out:
        figures += " · " + t("dataset.recipe.held", rows=f"{len(state.held_out):,}")
    return f'<ol class="wb-steps">{"".join(lines)}</ol><p class="wb-note">{forms.plain(figures)}</p>'


def _text(step: Mapping[str, Any], mended: Mapping[str, int], t: Texts) -> str:
    """mended: how many rows each of its repairs changed."""
    told = (_value(name, value, mended, t) for name, value in step.items() if name not in ("step", "value"))
    shown = ", ".join(filter(None, told))
    shown = shown if len(shown) <= 200 else shown[:199] + "…"
    name = t(f"dataset.recipe.step.{step['step']}")
    return f"{name} {shown}".strip()


def _value(name: str, value: Any, mended: Mapping[str, int], t: Texts) -> str:
    if name in ("path", "row", "count", "fraction"):
        return f"{value}"
    if name in ("names", "repair"):
        return ", ".join(f"{t(f'dataset.repairs.{one}')} ({mended.get(one, 0):,})" for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{role}={column}" for role, column in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{name}={value}"


def numbers_of(text: str) -> list[int]:
    """ "3, 7-9" -> [3, 7, 8, 9]. Raises UserError for anything else."""
    numbers: set[int] = set()
    for part in re.split(r"[,，;\s]+(?![\d\s]*[-–])|[,，;]+", text.strip()):
        match = _RANGE.fullmatch(part)
        if not match or len(numbers) > 1_000_000:
            raise UserError("dataset.bad_rows", value=text[:60])
        low, high = int(match[1]), int(match[2] or match[1])
        if not 1 <= low <= high <= low + 1_000_000:
            raise UserError("dataset.bad_rows", value=text[:60])
        numbers.update(range(low, high + 1))
    return sorted(numbers)
