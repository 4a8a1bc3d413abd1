"""The form as it stands -> memory, steps, time and objections, drawn beside it by static/plan.js while knobs change."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import gradio as gr

from workbench.errors import UserError, WorkbenchError
from workbench.memory.advice import advise
from workbench.memory.device import chosen
from workbench.specs import Spec, parse
from workbench.train import plan
from workbench.train.plan import Counted
from workbench.ui.i18n import Texts

if TYPE_CHECKING:
    from workbench.ui.app import App
    from workbench.ui.forms import Form


def panel() -> gr.HTML:
    """Its value is JSON that only the script reads: nothing of it enters the template, which would execute it."""
    return gr.HTML(
        html_template='<div class="wb-plan"></div>',
        js_on_load="workbench.mountPlan(element, props, watch)",
        apply_default_css=False,
        elem_id="train-plan",
    )


def wire(app: App, t: Texts, form: Form, shown: gr.HTML) -> list[Any]:
    """Any edit of the form redraws the panel. Returns the buttons that the page's script clicks."""
    refresh = gr.Button("↻", elem_classes=["wb-unseen"], elem_id="train-plan-refresh")
    apply = gr.Button("✓", elem_classes=["wb-unseen"], elem_id="train-plan-apply")
    trial = gr.Button("▷", elem_classes=["wb-unseen"], elem_id="train-plan-try")
    wanted = gr.Textbox(visible=False)

    def look(*given: Any) -> str:
        return json.dumps(planned(app, form.values(given), t), ensure_ascii=False)

    def try_out(*given: Any) -> str:
        """Measure a few steps of what stands in the form, or stop measuring."""
        try:
            spec = parse(form.values(given))
        except UserError:
            return look(*given)
        if app.trials.busy(spec):
            app.trials.stop()
        else:
            app.trials.start(spec)
        return look(*given)

    def change(text: str, *given: Any) -> list[Any]:
        """A remedy: its overrides on top of what stands in the form."""
        values = form.values(given) | {path: value for path, value in json.loads(text).items() if path in form.fields}
        return form.fill(values)

    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    edits = [getattr(field, "input") for field in form.inputs]  # noqa: B009  events are made when asked for
    # A text that was pasted or filled in by the browser is noticed when its box is left.
    edits += [field.blur for field in form.inputs if isinstance(field, gr.Textbox)]
    gr.on([refresh.click, *edits], look, form.inputs, shown, trigger_mode="always_last", **quiet)
    trial.click(try_out, form.inputs, shown, **quiet)
    apply.click(
        change,
        [wanted, *form.inputs],
        form.inputs,
        js="(_, ...given) => [workbench.planOverrides(), ...given]",
        **quiet,
    ).then(look, form.inputs, shown, **quiet)
    return [refresh, apply]


def planned(app: App, values: dict[str, Any], t: Texts) -> dict[str, Any]:
    """JSON of the panel. What cannot be said yet is left out, with the sentence why."""
    try:
        spec = parse(values)
    except UserError as error:
        return {"problem": error.text(t.language)}  # the field itself says more
    answer: dict[str, Any] = {}
    counted = app.counts.ask(spec) if _has_data(spec) else None
    if isinstance(counted, WorkbenchError):
        answer["data_problem"] = t.error(counted)
        counted = None
    answer["counting"] = _has_data(spec) and counted is None and "data_problem" not in answer
    try:
        answer |= advise(
            spec, plan.rows_of(spec, counted, chosen(spec.model.device).kind == "cpu") if counted else None
        )
    except UserError as error:
        answer["memory_problem"] = t.error(error)
    return answer | (_steps(app, spec, counted, t) if counted else {})


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
