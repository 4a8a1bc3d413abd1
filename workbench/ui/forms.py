"""A spec's knobs -> form fields, and what was filled in -> a mapping; one knob's line makes one field.

Values are never checked by Gradio (its Number rounds and its bounds speak English): the spec checks them, and its
sentence appears at the field.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as field_of
from typing import Any

import gradio as gr
from gradio.components import Component
from pydantic import BaseModel

from workbench.errors import UserError, WorkbenchError
from workbench.specs import Knob, conflicts, knobs, parse
from workbench.ui.i18n import Texts

_STAGE = "stage"  # the field that chooses between stages stands among the knobs under this path


def plain(text: str) -> str:
    """Text for a gr.HTML: tags are escaped, and `${`, which its template engine would execute, as well."""
    return html.escape(text).replace("$", "&#36;").replace("{", "&#123;")


def problem(text: str) -> str:
    """The sentence of a refusal as it stands under a form; empty text takes no room."""
    return f'<p class="wb-problem" role="alert">{plain(text)}</p>' if text else ""


def noted(text: str) -> str:
    """What went well, but not as one may think."""
    return f'<p class="wb-problem wb-noted" role="status">{plain(text)}</p>' if text else ""


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
    """The fields of a whole spec by path, in the order of `inputs`; of several stages, with `stage` as a field too."""

    stage: str  # chosen at first
    knobs: Mapping[str, Knob]
    fields: Mapping[str, Component]
    t: Texts
    stages: Mapping[str, frozenset[str]]  # stage -> the paths that it has
    folds: Mapping[str, gr.Accordion] = field_of(default_factory=dict)  # by section or topic

    @property
    def inputs(self) -> list[Component]:
        return list(self.fields.values())

    def values(self, given: Sequence[Any]) -> dict[str, Any]:
        """What stands in the fields, by knob path; an emptied number box is an empty value, which the spec refuses."""
        values = {"stage": self.stage} | dict(zip(self.fields, given, strict=True))
        return {path: "" if value is None else value for path, value in self._own(values).items()}

    def _own(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Only what the chosen stage has."""
        own = self.stages.get(values["stage"], self.stages[self.stage])
        return {path: value for path, value in values.items() if path == _STAGE or path in own}

    def visible(self, path: str, values: Mapping[str, Any]) -> bool:
        """Whether a field is shown, given the values by path."""
        values = {_STAGE: self.stage} | dict(values)
        own = self.stages.get(values[_STAGE], self.stages[self.stage])
        return path == _STAGE or (path in own and self.knobs[path].shown(values))

    def fill(self, values: Mapping[str, Any]) -> list[Any]:
        """Updates that put values (by path) into all fields; knobs that are not named get their defaults."""
        whole = {path: values.get(path, item.default) for path, item in self.knobs.items()}
        clashes = self._clashes(self._own({"stage": self.stage} | whole)) or {}
        return [
            gr.update(
                value=item.written(whole[path]),
                visible=self.visible(path, whole),
                **self._look(item, whole[path], clash=clashes.get(path)),
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
        values = {path: item.default for path, item in self.knobs.items()} | self.values(given)
        refusal = self._refusal(path, values[path])
        clashes = self._clashes(self._own(values)) if not refusal else None
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
            stage = next((name for name, own in self.stages.items() if path in own), self.stage)
            parse({"stage": stage, path: "" if value is None else value})
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


def build(
    stage: str,
    model: type[BaseModel],
    t: Texts,
    *,
    values: Mapping[str, Any] | None = None,
    others: Mapping[str, type[BaseModel]] | None = None,
) -> Form:
    """The generated form where it is called: the short list first, the rest folded by section.

    others: further stages; what they share with the first is one field, and a field `stage` chooses between them.
    """
    models = {stage: model} | dict(others or {})
    items = {item.path: item for some in models.values() for item in knobs(some)}
    if len(models) > 1:
        items = {_STAGE: _chooser(models)} | items
    stages = {name: frozenset(item.path for item in knobs(some)) for name, some in models.items()}
    form = Form(stage, items, {}, t, stages)
    now = {path: (values or {}).get(path, item.default) for path, item in items.items()}
    made: dict[str, Component] = {}
    folds: dict[str, gr.Accordion] = {}

    def put(some: Iterable[Knob]) -> None:
        with gr.Row(elem_classes=["wb-fields"]):
            for item in some:
                value, visible = item.written(now[item.path]), form.visible(item.path, now)
                made[item.path] = field(item, t, value=value, visible=visible)

    put(item for item in items.values() if item.basic)
    for fold in dict.fromkeys(item.fold for item in items.values()):
        rest = [item for item in items.values() if item.fold == fold and not item.basic]
        if rest:
            with gr.Accordion(t.section(fold), open=False, elem_id=f"section-{fold}") as folds[fold]:
                put(rest)
    form = replace(form, fields={path: made[path] for path in items}, folds=folds)
    _wire(form)
    return form


def _chooser(models: Mapping[str, Any]) -> Knob:
    """The choice between stages, as if it were a knob; its Chinese line is `knobs.stage`."""
    names = tuple(models)
    text = "sft: conversations, loss on the answers. pretrain: plain text, loss on every token."
    return Knob(_STAGE, "choice", names[0], "Stage", text, choices=names, basic=True)


def _later(count: int) -> str:
    """What a field looks like after an edit can wait: the estimate beside the form (static/plan.js) is drawn first.

    count: of the event's inputs; Gradio hands the outputs over behind them, and wraps what is one value.
    """
    given = "given[0]" if count == 1 else f"given.slice(0, {count})"
    return f"(...given) => new Promise((go) => setTimeout(() => go({given}), 60))"


def _wire(form: Form) -> None:
    """Every field checks itself when left; a field that others depend on shows and hides them."""
    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    involved = conflicts.involved()
    for path, component in form.fields.items():
        typed = isinstance(component, gr.Textbox | gr.Number)  # judged when left: half a number is no mistake
        event = component.blur if typed else component.input
        later = {} if typed else {"js": _later(len(form.inputs) if path in involved else 1)}
        if path in involved:
            told = [form.fields[other] for other in form.told_with(path)]
            event(lambda *given, path=path: form.check_with_others(path, given), form.inputs, told, **quiet, **later)
        else:
            event(lambda value, path=path: form.check(path, value), component, component, **quiet, **later)
    deciding = {_STAGE, *(item.when.partition("=")[0] for item in form.knobs.values() if item.when)}
    for path in sorted(deciding & set(form.fields)):
        # A change of the stage can show any field that not all of them have, and what depends on others in it.
        shown = [item for item in form.knobs.values() if path in (item.when.partition("=")[0], _decides(form, item))]

        def show(*given: Any, shown: Sequence[Knob] = tuple(shown)) -> list[Any]:
            values = {"stage": form.stage} | dict(zip(form.fields, given, strict=True))
            updates = [gr.update(visible=form.visible(item.path, values)) for item in shown]
            return updates if len(updates) > 1 else updates[0]

        form.fields[path].input(show, form.inputs, [form.fields[item.path] for item in shown], **quiet)

    if _STAGE in form.fields:
        some = [fold for fold in form.folds if not all(_has(own, form, fold) for own in form.stages.values())]
        for fold in some:  # `change`: also when a preset chose the stage
            form.fields[_STAGE].change(
                lambda stage, fold=fold: gr.update(visible=_has(form.stages[stage], form, fold)),
                form.fields[_STAGE],
                form.folds[fold],
                **quiet,
            )


def _has(own: frozenset[str], form: Form, fold: str) -> bool:
    """Whether a stage has anything in a fold."""
    return any(form.knobs[path].fold == fold and not form.knobs[path].basic for path in own)


def _decides(form: Form, item: Knob) -> str:
    """The stage, for a field that not every stage has."""
    return "" if item.path == _STAGE or all(item.path in own for own in form.stages.values()) else _STAGE
