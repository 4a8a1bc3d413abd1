"""The form's choices -> what this machine can do of them: the others stand greyed in their lists, with the reason.

Asking the machine imports torch, so it happens when somebody opens a fold that holds such choices, not with the page.
What is chosen all the same (by a preset, a file) is refused at the start: workbench/train/check.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from workbench import runs
from workbench.errors import UserError
from workbench.models import abilities
from workbench.ui import forms
from workbench.ui.i18n import Texts
from workbench.ui.look import part

if TYPE_CHECKING:
    from workbench.ui.app import App

_FOLDS = ("model", "optimizer", "resources", "records")
_RECENT = 8


def wire(app: App, t: Texts, form: forms.Form) -> None:
    """Choices that this machine cannot do say so; the model box offers what was used before; a box for the token."""
    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    lists = [path for path in abilities.KNOBS if path in form.fields and form.knobs[path].kind == "choice"]
    device = form.fields["model.device"]
    # Its value is JSON that only the script reads: nothing of it enters the template, which would execute it.
    table = part("machine", "mountMachine", "train-machine", "element, props, watch")
    outputs = [table, device, *(form.fields[path] for path in lists)]

    def ask(value: Any) -> list[Any]:
        return choices(form, t, lists, str(value or "auto"))

    for event in (*(form.folds[fold].expand for fold in _FOLDS), device.input):
        # An equal table draws nothing, and the fields of a fold are only there once it is open.
        event(ask, device, outputs, **quiet).then(
            None, None, None, js="() => { workbench.paintMachine(); }", api_visibility="private"
        )
    path = form.fields["model.path"]
    path.focus(lambda: gr.update(choices=recent_models(app)), None, path, **quiet)
    with form.folds["model"]:
        token = gr.Textbox(
            label=t("ui.train.token"), info=t("ui.train.token_help"), type="password", elem_id="hub-token"
        )
    token.input(lambda value: _keep(app, value), token, None, **quiet)


def choices(form: forms.Form, t: Texts, lists: Sequence[str], device: str) -> list[Any]:
    """The table for the page, then updates of the choices of model.device and of `lists`.

    The table: field's elem_id -> label of a choice in its list (of a box to be ticked: "") -> why not.
    """
    there = abilities.devices()
    refused = abilities.refusals(device if device in there else "auto")
    table: dict[str, dict[str, str]] = {}
    for path, reasons in refused.items():
        if path in form.knobs:
            labels = {"" if path not in lists else _label(t, name, reasons): name for name in reasons}
            elem_id = form.knobs[path].elem_id
            table[elem_id] = {label: reasons[name].text(t.language) for label, name in labels.items()}
    updates = [gr.update(choices=[(name, name) for name in there])]
    for path in lists:
        offered = [(_label(t, name, refused[path]), name) for name in form.knobs[path].choices]
        updates.append(gr.update(choices=offered))
    return [json.dumps(table, ensure_ascii=False), *updates]


def _label(t: Texts, name: str, reasons: Mapping[str, UserError]) -> str:
    if name not in reasons:
        return name
    return f"{name} · {t('ui.cannot.' + reasons[name].key.rpartition('.')[2])}"


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
