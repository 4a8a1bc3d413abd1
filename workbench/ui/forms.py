"""A spec's knobs -> form fields, and what was filled in -> a mapping; one knob's line makes one field.

Values are never checked by Gradio (its Number rounds and its bounds speak English): the spec checks them, and its
sentence appears at the field.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component
from pydantic import BaseModel

from workbench.errors import UserError, WorkbenchError
from workbench.specs import Knob, conflicts, knobs, parse
from workbench.ui.i18n import Texts


def plain(text: str) -> str:
    """Text for a gr.HTML: tags are escaped, and `${`, which its template engine would execute, as well."""
    return html.escape(text).replace("$", "&#36;").replace("{", "&#123;")


def problem(text: str) -> str:
    """The sentence of a refusal as it stands under a form; empty text takes no room."""
    return f'<p class="wb-problem" role="alert">{plain(text)}</p>' if text else ""


def field(item: Knob, t: Texts, *, prefix: str = "", **changes: Any) -> Component:
    """The field of one knob: choice -> Dropdown, bool -> Checkbox, number -> Number, text -> Textbox."""
    label, _ = t.knob(item)
    shared = {
        "label": f"{label} ({t(f'ui.unit.{item.unit}')})" if item.unit else label,
        "info": _info(item, t),
        "elem_id": f"{prefix}{item.elem_id}",
        "value": item.default,
        "min_width": 200,
    } | changes
    if item.kind == "choice":
        return gr.Dropdown(choices=[*item.choices], **shared)
    if item.kind == "bool":
        return gr.Checkbox(**shared)
    if item.kind in ("int", "float"):
        return gr.Number(step=_step(item), **shared)
    if item.suggestions:
        options = [(value or "—", value) for value in item.suggestions]
        return gr.Dropdown(choices=options, allow_custom_value=True, **shared)
    return gr.Textbox(**shared)


def _info(item: Knob, t: Texts) -> str:
    return t.knob(item)[1]


def _step(item: Knob) -> float:
    """What an arrow key adds: one unit of the default's own magnitude."""
    if item.kind == "int":
        return 1
    return 10.0 ** math.floor(math.log10(item.default)) if item.default else 0.1


@dataclass(frozen=True)
class Form:
    """The fields of a whole spec by path, in the order of `inputs`."""

    stage: str
    knobs: Mapping[str, Knob]
    fields: Mapping[str, Component]
    t: Texts

    @property
    def inputs(self) -> list[Component]:
        return list(self.fields.values())

    def values(self, given: Sequence[Any]) -> dict[str, Any]:
        """What stands in the fields, by knob path; an emptied number box is an empty value, which the spec refuses."""
        pairs = zip(self.fields, given, strict=True)
        return {"stage": self.stage} | {path: "" if value is None else value for path, value in pairs}

    def fill(self, values: Mapping[str, Any]) -> list[Any]:
        """Updates that put values (by path) into all fields; knobs that are not named get their defaults."""
        whole = {path: values.get(path, item.default) for path, item in self.knobs.items()}
        clashes = self._clashes({"stage": self.stage} | whole) or {}
        return [
            gr.update(
                value=whole[path], visible=item.shown(whole), **self._look(item, whole[path], clash=clashes.get(path))
            )
            for path, item in self.knobs.items()
        ]

    def refuse(self, error: UserError) -> list[Any]:
        """Updates that write a refusal at its field; the others stay as they are."""
        wrong = str(error.params.get("path", ""))
        text = error.text(self.t.language)
        return [
            gr.update(info=_inert(text), elem_classes=["wb-bad-knob"]) if path == wrong else gr.skip()
            for path in self.fields
        ]

    def check(self, path: str, value: Any) -> Any:
        """The update of one field after an edit: its refusal, or its help and whether it differs from the default."""
        return gr.update(**self._look(self.knobs[path], value, self._refusal(path, value)))

    def check_with_others(self, path: str, given: Sequence[Any]) -> list[Any]:
        """Updates of `path` and of the fields at which clashes are told, in the order of `told_with(path)`."""
        values = self.values(given)
        refusal = self._refusal(path, values[path])
        clashes = self._clashes(values) if not refusal else None
        updates = []
        for other in self.told_with(path):
            if other == path and refusal:
                updates.append(gr.update(**self._look(self.knobs[path], values[path], refusal)))
            elif clashes is None:  # something is not yet right by itself; what was told stays
                updates.append(gr.update(**self._look(self.knobs[path], values[path])) if other == path else gr.skip())
            else:
                look = self._look(self.knobs[other], values[other], clash=clashes.get(other))
                updates.append(gr.update(**look))
        return updates

    def told_with(self, path: str) -> list[str]:
        """The fields at which clashes are told, and `path`."""
        return list(dict.fromkeys([path, *(rule.path for rule in conflicts.RULES if rule.path in self.knobs)]))

    def _refusal(self, path: str, value: Any) -> str:
        try:
            parse({"stage": self.stage, path: "" if value is None else value})
        except WorkbenchError as error:
            return self.t.error(error)
        return ""

    def _clashes(self, values: Mapping[str, Any]) -> dict[str, conflicts.Found] | None:
        """The first clash at each field; None while a value is wrong by itself."""
        try:
            found = conflicts.find(parse(values))
        except UserError:
            return None
        return {clash.path: clash for clash in reversed(found)}

    def _look(self, item: Knob, value: Any, refusal: str = "", clash: conflicts.Found | None = None) -> dict[str, Any]:
        changed = ["wb-changed-knob"] if value != item.default else []
        if refusal:
            return {"info": _inert(refusal), "elem_classes": ["wb-bad-knob"]}
        if clash is not None:
            text = _inert(clash.error.text(self.t.language))
            return {"info": text, "elem_classes": ["wb-bad-knob"] if clash.refuses else ["wb-noted-knob", *changed]}
        return {"info": _info(item, self.t), "elem_classes": changed}


# `info` escapes tags but has bold, code and links of its own, without a way to escape them: signs that look the same.
_INERT = str.maketrans({"*": "\u2217", "`": "\u02bc", "[": "\uff3b"})


def _inert(text: str) -> str:
    """A sentence with a user's value in it, for `info`."""
    return text.translate(_INERT)


def build(stage: str, model: type[BaseModel], t: Texts, *, values: Mapping[str, Any] | None = None) -> Form:
    """The generated form where it is called: the short list first, the rest folded by section."""
    items = {item.path: item for item in knobs(model)}
    now = {path: (values or {}).get(path, item.default) for path, item in items.items()}
    made: dict[str, Component] = {}

    def put(some: Iterable[Knob]) -> None:
        with gr.Row(elem_classes=["wb-fields"]):
            for item in some:
                made[item.path] = field(item, t, value=now[item.path], visible=item.shown(now))

    put(item for item in items.values() if item.basic)
    for fold in dict.fromkeys(item.fold for item in items.values()):
        rest = [item for item in items.values() if item.fold == fold and not item.basic]
        if rest:
            with gr.Accordion(t.section(fold), open=False, elem_id=f"section-{fold}"):
                put(rest)
    form = Form(stage, items, {path: made[path] for path in items}, t)
    _wire(form)
    return form


def _wire(form: Form) -> None:
    """Every field checks itself when left; a field that others depend on shows and hides them."""
    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    involved = conflicts.involved()
    for path, component in form.fields.items():
        typed = isinstance(component, gr.Textbox | gr.Number)  # judged when left: half a number is no mistake
        event = component.blur if typed else component.input
        if path in involved:
            told = [form.fields[other] for other in form.told_with(path)]
            event(lambda *given, path=path: form.check_with_others(path, given), form.inputs, told, **quiet)
        else:
            event(lambda value, path=path: form.check(path, value), component, component, **quiet)
    for path in {item.when.partition("=")[0] for item in form.knobs.values() if item.when}:
        shown = [item for item in form.knobs.values() if item.when.partition("=")[0] == path]
        form.fields[path].input(
            lambda value, path=path, shown=shown: [gr.update(visible=item.shown({path: value})) for item in shown],
            form.fields[path],
            [form.fields[item.path] for item in shown],
            **quiet,
        )
