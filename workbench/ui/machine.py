"""The form's choices -> what this machine can do of them: told at the choice, refused at the start.

Asking the machine imports torch, so it happens when somebody opens the fold that holds such choices, not with the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr

from workbench import runs
from workbench.errors import UserError
from workbench.ui import forms
from workbench.ui.i18n import Texts

if TYPE_CHECKING:
    from workbench.ui.app import App

_FOLDS = ("model", "optimizer")
_TOLD = ("model.dtype", "model.quantization", "model.attn_implementation", "training.optim")
_RECENT = 8


def wire(app: App, t: Texts, form: forms.Form) -> None:
    """Choices that this machine cannot do say so; the model box offers what was used before; a box for the token."""
    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    told = [path for path in _TOLD if path in form.fields]
    outputs = [form.fields[path] for path in (*told, "model.device")]
    for fold in _FOLDS:
        form.folds[fold].expand(
            lambda device: choices(form, t, told, str(device or "auto")), form.fields["model.device"], outputs, **quiet
        )
    path = form.fields["model.path"]
    path.focus(lambda: gr.update(choices=recent_models(app)), None, path, **quiet)
    with form.folds["model"]:
        token = gr.Textbox(
            label=t("ui.train.token"), info=t("ui.train.token_help"), type="password", elem_id="hub-token"
        )
    token.input(lambda value: _keep(app, value), token, None, **quiet)


def choices(form: forms.Form, t: Texts, told: list[str], device: str) -> list[Any]:
    """Updates of the choices of `told` and of model.device."""
    from workbench.models import abilities

    there = abilities.devices()
    refused = abilities.refusals(device if device in there else "auto")
    updates = []
    for path in told:
        no = refused.get(path, {})
        offered = [
            (t("ui.train.not_here", name=name) if name in no else name, name) for name in form.knobs[path].choices
        ]
        updates.append(gr.update(choices=offered))
    return [*updates, gr.update(choices=[(name, name) for name in there])]


def refuse(form: forms.Form, values: Mapping[str, Any]) -> None:
    """Raises UserError for what this machine cannot do; torch is only asked about what differs from the defaults."""
    chosen = {path: values[path] for path in _TOLD if path in values and values[path] != form.knobs[path].default}
    device = str(values.get("model.device", "auto"))
    if not chosen and device in ("auto", "cpu"):
        return
    from workbench.models import abilities

    abilities.check_device(device)
    abilities.check(chosen, device)


def recent_models(app: App) -> list[tuple[str, str]]:
    """The embedded model, then what the newest runs were trained on."""
    found = {"embedded": None}
    for run in runs.every(app.home)[:50]:
        try:
            found[run.spec().model.path] = None
        except UserError:  # a spec of another version
            continue
        if len(found) > _RECENT:
            break
    return [(name, name) for name in found]


def _keep(app: App, value: str) -> None:
    app.hub.token = value.strip() or None
