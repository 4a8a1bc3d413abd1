"""The form as it stands -> memory, steps, time and objections, drawn beside it by static/plan.js while knobs change.

The page asks /live/plan itself: an event of Gradio's own costs a tenth of a second before anything is computed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import gradio as gr
from fastapi import APIRouter, Body

from workbench.errors import UserError, WorkbenchError
from workbench.memory.advice import advise
from workbench.memory.device import chosen
from workbench.models import abilities
from workbench.specs import STAGES, Spec, knobs, parse
from workbench.train import plan
from workbench.train.plan import Counted
from workbench.ui.i18n import Texts
from workbench.ui.live import texts_of
from workbench.ui.look import part

if TYPE_CHECKING:
    from workbench.ui.app import App
    from workbench.ui.forms import Form

_LANG = Body("en", embed=True)
_VALUES = Body(embed=True)


def panel() -> gr.HTML:
    """No data enters its template, which would execute it: the script asks for it."""
    return part("plan", "mountPlan", "train-plan")


def wire(form: Form) -> None:
    """Hands the whole form to the page's script, which reads most edits by itself as they are made."""
    refresh = gr.Button("↻", elem_classes=["wb-unseen"], elem_id="train-plan-refresh")
    apply = gr.Button("✓", elem_classes=["wb-unseen"], elem_id="train-plan-apply")
    wanted = gr.Textbox(visible=False)

    def change(text: str, *given: Any) -> list[Any]:
        """A remedy: its overrides on top of what stands in the form."""
        values = form.values(given) | {path: value for path, value in json.loads(text).items() if path in form.fields}
        return form.fill(values)

    hidden: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    tell = f"(...given) => {{ workbench.planForm?.({json.dumps(_fields(form))}, given); }}"
    # What the script cannot read by itself. A text that was pasted or filled in by the browser is noticed when its box
    # is left.
    chosen = [field.input for field in form.inputs if isinstance(field, gr.Dropdown)]
    left = [field.blur for field in form.inputs if isinstance(field, gr.Textbox)]
    gr.on([refresh.click, *chosen, *left], None, form.inputs, None, js=tell, **hidden)
    apply.click(
        change,
        [wanted, *form.inputs],
        form.inputs,
        js="(_, ...given) => [workbench.planOverrides(), ...given]",
        queue=False,
        **hidden,
    ).then(None, form.inputs, None, js=tell, **hidden)


def _fields(form: Form) -> dict[str, dict[str, Any]]:
    """How the script reads each field by itself; a box with suggestions, whose list changes, is left to Gradio."""
    return {
        path: {} if item.suggestions else {"kind": item.kind} | ({"choices": item.choices} if item.choices else {})
        for path, item in form.knobs.items()
    }


def router(app: App) -> APIRouter:
    """/live/plan: the panel of a form's values by knob path; /live/plan/try: measure a few steps of it, or stop."""
    routes = APIRouter(prefix="/live/plan")

    @routes.post("")
    def look(values: dict[str, Any] = _VALUES, lang: str = _LANG) -> dict[str, Any]:
        return planned(app, own_values(values), texts_of(lang))

    @routes.post("/try")
    def try_out(values: dict[str, Any] = _VALUES, lang: str = _LANG) -> dict[str, Any]:
        own = own_values(values)
        try:
            spec = parse(own)
        except UserError:
            return planned(app, own, texts_of(lang))
        if app.trials.busy(spec):
            app.trials.stop()
        elif _outside(app, spec) is None:
            app.trials.start(spec)
        return planned(app, own, texts_of(lang))

    return routes


def own_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Of a form for several stages only what its stage has; an emptied number box is an empty value."""
    stage = str(values.get("stage", "sft"))
    if stage not in STAGES:
        return {"stage": stage}
    own = {item.path for item in knobs(STAGES[stage])}
    return {"stage": stage} | {path: "" if values[path] is None else values[path] for path in values if path in own}


def planned(app: App, values: dict[str, Any], t: Texts) -> dict[str, Any]:
    """JSON of the panel. What cannot be said yet is left out, with the sentence why."""
    try:
        spec = parse(values)
    except UserError as error:
        return {"problem": error.text(t.language)}  # the field itself says more
    kind = chosen(spec.model.device).kind
    answer: dict[str, Any] = {"notes": [t.error(note) for note in abilities.notes(spec.model.dtype, kind)]}
    counted = _counted(app, spec) if _has_data(spec) else None
    if isinstance(counted, WorkbenchError):
        answer["data_problem"] = t.error(counted)
        counted = None
    answer["counting"] = _has_data(spec) and counted is None and "data_problem" not in answer
    try:
        answer |= advise(spec, app.home, plan.rows_of(spec, counted, kind == "cpu") if counted else None)
    except UserError as error:
        answer["memory_problem"] = t.error(error)
    answer |= _steps(app, spec, counted, t) if counted else {}
    offered = [*(remedy["overrides"] for remedy in answer.get("remedies", ())), answer.get("longer", {})]
    answer["labels"] = {
        item.path: t.knob(item)[0] for item in knobs(type(spec)) if any(item.path in some for some in offered)
    }
    return answer


def _counted(app: App, spec: Spec) -> Counted | WorkbenchError | None:
    return _outside(app, spec) or app.counts.ask(spec)


def _outside(app: App, spec: Spec) -> UserError | None:
    """What is read for the panel comes from the workspace; other trouble is the count's and the start's to tell."""
    from workbench.train.check import check_inside

    try:
        check_inside(spec, app.home)
    except UserError as error:
        return error if error.key in ("dataset.outside", "adapters.outside") else None
    return None


def _has_data(spec: Spec) -> bool:
    return bool(spec.data.path or spec.identity.name)


def _trial(app: App, spec: Spec, tokens: int, t: Texts) -> dict[str, Any]:
    """What was measured for this spec: {"busy"}, with the figures or the reason of the last trial."""
    known, busy = app.trials.known(spec), app.trials.busy(spec)
    if isinstance(known, WorkbenchError):
        return {"busy": busy, "problem": t.error(known)}
    return {"busy": busy} | (asdict(known) | {"seconds": known.seconds(tokens)} if known else {})


def _steps(app: App, spec: Spec, counted: Counted, t: Texts) -> dict[str, Any]:
    found = plan.steps(spec, counted)
    tokens = round(counted.tokens * found.epochs)
    return {
        "data": plan.to_json(counted),
        "steps": {"per_epoch": found.per_epoch, "total": found.total, "epochs": round(found.epochs, 2)},
        "tokens": tokens,
        "trial": _trial(app, spec, tokens, t),
        "curve": plan.curve(spec, found.total),
        "objections": [t.error(objection) for objection in plan.objections(spec, found)],
        "longer": plan.longer(spec, found),
    }
