"""Data sets of the workspace that are ticked -> the form's data box, with the weights that were written there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from workbench.data import sources
from workbench.data.readers import HELD_OUT
from workbench.ui.forms import Form
from workbench.ui.i18n import Texts

if TYPE_CHECKING:
    from workbench.ui.app import App

_PATH = "data.path"


def wire(app: App, t: Texts, form: Form) -> gr.Dropdown:
    """A box beside that of the training data; what it adds up to is drawn by the plan beside the form."""
    path = form.fields[_PATH]

    def known() -> list[str]:
        files = app.opened.choices()
        trained = [file for file in files if not (file.endswith(HELD_OUT) and _whole(file) in files)]
        return [*trained, *app.opened.folders()]

    def offer(text: str) -> Any:
        """The data folder as it is now; what the box names already is ticked."""
        choices = known()
        named = (_name(part, choices) for part in sources.parts(text or ""))
        return gr.update(choices=choices, value=[name for name in named if name in choices])

    def choose(names: Sequence[str] | None, text: str) -> str:
        return mixed(names or (), text or "", known())

    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    with path.parent:
        box = gr.Dropdown(
            [], multiselect=True, label=t("ui.train.sources"), info=t("ui.train.sources_help"), min_width=200,
            elem_id="train-sources",
        )  # fmt: skip
    beside = path.parent.children  # the form is generated in one go: its neighbour is moved there
    beside.insert(beside.index(path) + 1, beside.pop(beside.index(box)))
    box.focus(offer, path, box, **quiet)
    box.input(choose, [box, path], path, **quiet).then(
        None, None, None, js="() => { workbench.refreshPlan(); }", api_visibility="private"
    )
    return box


def mixed(names: Sequence[str], text: str, known: Sequence[str]) -> str:
    """The box's text with these names in it and no others of those known; weights and what else is in it stay."""
    kept = [part for part in sources.parts(text) if (name := _name(part, known)) in names or name not in known]
    there = {_name(part, known) for part in kept}
    return "; ".join([*kept, *(name for name in names if name not in there)])


def _whole(file: str) -> str:
    return file.removesuffix(HELD_OUT) + ".jsonl"


def _name(part: str, known: Sequence[str]) -> str:
    """As the data folder's list has it: a file may be named with or without `data/`."""
    name = sources.unweighted(part)
    return f"data/{name}" if name not in known and f"data/{name}" in known else name
