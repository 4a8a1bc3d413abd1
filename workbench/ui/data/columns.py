"""The columns of an unknown table assigned by hand: with the rows they give, and kept under a name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from workbench.data import mapping
from workbench.data.load import Item
from workbench.data.reading import Reading
from workbench.data.suspects import masked
from workbench.data.view import View
from workbench.errors import WorkbenchError
from workbench.ui import forms
from workbench.ui.data.chosen import Chosen
from workbench.ui.i18n import Texts

if TYPE_CHECKING:
    from workbench.ui.app import App

_ROWS_SHOWN = 3
_TEXT_SHOWN = 300


class Columns:
    """One box per role; what they say together is the mapping."""

    def __init__(self, app: App, chosen: Chosen, t: Texts) -> None:
        self.home, self.chosen, self.t = app.home, chosen, t

    def build(self) -> None:
        t = self.t
        with gr.Accordion(t("dataset.columns.title"), open=False, elem_id="data-columns") as self.part:
            gr.Markdown(t("dataset.columns.help"), elem_classes=["wb-note"])
            self.saved = gr.Dropdown(
                [], value=None, label=t("dataset.columns.saved"), elem_id="data-mapping-saved", min_width=150
            )
            with gr.Row(elem_classes=["wb-fields"]):
                self.roles = [
                    gr.Dropdown(
                        [("–", "")], value="", label=t(f"dataset.columns.{role}"), min_width=110,
                        allow_custom_value=True, elem_id=f"data-map-{role}",
                    )
                    for role in mapping.ROLES
                ]  # fmt: skip
            self.shown = gr.HTML(apply_default_css=False, js_on_load=None, elem_id="data-mapping-shown")
            with gr.Row():
                self.use = gr.Button(t("dataset.columns.use"), size="sm", elem_id="data-mapping-use")
                self.forget = gr.Button(t("dataset.columns.forget"), size="sm", elem_id="data-mapping-forget")
            with gr.Row(equal_height=True):
                self.name = gr.Textbox(label=t("dataset.columns.name"), elem_id="data-mapping-name", min_width=120)
                self.keep = gr.Button(t("dataset.columns.keep"), size="sm", elem_id="data-mapping-keep", min_width=80)

    def wire(self) -> list[Any]:
        """The events after which the source is read another way."""
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        given = [*self.chosen.how, *self.roles]
        self.part.expand(self.offer, self.chosen.how, [self.saved, *self.roles], **quiet)
        self.saved.input(self.fill, self.saved, self.roles, **quiet).then(self.preview, given, self.shown, **quiet)
        # One event for all boxes: with one each, the answer to the column before could come last and stay in view.
        chosen = [role.input for role in self.roles]
        gr.on(chosen, self.preview, given, self.shown, trigger_mode="always_last", **quiet)
        self.keep.click(self.save, [self.name, *self.roles], [self.saved, self.shown], **quiet)
        return [
            self.use.click(self.apply, self.roles, [self.chosen.mapping, self.shown], **quiet),
            self.forget.click(lambda: ["", ""], None, [self.chosen.mapping, self.shown], **quiet),
        ]

    # -- handlers -----------------------------------------------------------------------------------------------------

    def offer(self, *how: Any) -> list[Any]:
        """The columns of the first rows in every box, and the mappings that were kept."""
        try:
            names = list(self.chosen.open(*how).ready().columns)
        except WorkbenchError:
            names = []
        choices = [("–", ""), *((name, name) for name in names)]
        kept = gr.update(choices=list(mapping.saved(self.home)))
        return [kept, *[gr.update(choices=choices)] * len(self.roles)]

    def fill(self, name: str | None) -> list[Any]:
        """A mapping that was kept."""
        found = mapping.saved(self.home).get(name or "", {})
        return [gr.update(value=found.get(role, "")) for role in mapping.ROLES]

    def preview(self, *given: Any) -> str:
        """The first rows as the mapping makes them; what is still missing otherwise."""
        how, columns = given[: -len(mapping.ROLES)], given[-len(mapping.ROLES) :]
        assigned = _assigned(columns)
        if not assigned:
            return ""
        try:
            mapping.schema_of(assigned)
            view = self.chosen.open(*how).ready()
            items = mapped(view, assigned, _ROWS_SHOWN)
        except WorkbenchError as error:
            return f'<p class="wb-note">{forms.plain(self.t.error(error))}</p>'
        return "".join(item_html(item, self.t) for item in items)

    def apply(self, *columns: str) -> list[Any]:
        """Read the whole source with it."""
        try:
            assigned = _assigned(columns)
            mapping.schema_of(assigned)
        except WorkbenchError as error:
            return [gr.skip(), self._say(error)]
        return [json.dumps(assigned, ensure_ascii=False), gr.skip()]

    def save(self, name: str, *columns: str) -> list[Any]:
        """Keep it under a name: `table.csv@name` is then read with it, in training too."""
        try:
            name = (name or "").strip()
            mapping.save(_assigned(columns), name, self.home)
        except WorkbenchError as error:
            return [gr.skip(), self._say(error)]
        text = self.t("dataset.columns.kept", name=name)
        return [
            gr.update(choices=list(mapping.saved(self.home)), value=name),
            f'<p class="wb-note">{forms.plain(text)}</p>',
        ]

    def _say(self, error: Exception) -> str:
        return forms.problem(self.t.error(error))


def _assigned(columns: Sequence[str | None]) -> dict[str, str]:
    return {role: column for role, column in zip(mapping.ROLES, columns, strict=True) if column}


def mapped(view: View, assigned: dict[str, str], count: int) -> list[Item]:
    """The first rows of a view under another mapping."""
    from workbench.data.load import Scan
    from workbench.data.rows import Rows

    rows = view.rows.fetch(1, count)
    arguments = Reading(mapping=tuple(assigned.items()), repairs=view.reading.repairs).arguments
    arguments.pop("encoding")
    return list(Scan(Rows(iter(rows), "", ""), **arguments))


def item_html(item: Item, t: Texts) -> str:
    """A record with its roles, or why the row gives none."""
    if item.record is None:
        reason = item.reason.text(t.language) if item.reason else ""
        lines = f'<p class="wb-problem">{forms.plain(t("dataset.at_row", row=item.row))}: {forms.plain(reason)}</p>'
    else:
        shown = [(name, text[:_TEXT_SHOWN] + "…" * (len(text) > _TEXT_SHOWN)) for name, text in
                 named_texts(item.record.to_row())]  # fmt: skip
        lines = "".join(f"<p><b>{forms.plain(name)}</b> {forms.plain(masked(text))}</p>" for name, text in shown)
    return f'<div class="wb-record">{lines}</div>'


def named_texts(row: dict[str, Any]) -> list[tuple[str, str]]:
    """A canonical row -> (role or column, text) in reading order."""
    found = []
    for name, value in row.items():
        if isinstance(value, list):
            prefix = "" if name in ("messages", "prompt") else f"{name} · "
            found += [(f"{prefix}{turn['role']}", turn.get("content") or "") for turn in value if "role" in turn]
        else:
            found.append((name, str(value)))
    return found
