"""The buttons that lead from one tab to another, with what was shown there taken along."""

from __future__ import annotations

from typing import Any

import gradio as gr

from workbench.ui import forms
from workbench.ui.tabs import data, runs, train


def wire(built: dict[str, Any], tabs: gr.Tabs) -> None:
    """built: the tabs by name."""
    _chat_with_it(built, tabs)
    _duplicate(built["runs"], built["train"], tabs)
    _train_on_it(built["data"], built["train"], tabs)


def _chat_with_it(built: dict[str, Any], tabs: gr.Tabs) -> None:
    """What follows a training: the chat tab, with the base model and the run that is shown as columns."""
    demo, talk = built["start"], built["chat"]

    def lead(run: str) -> tuple[Any, Any]:
        if (columns := demo.chat_columns(run)) is None:
            return gr.skip(), gr.skip()
        return gr.Tabs(selected="chat"), gr.update(value=columns, choices=talk.found.choices(talk.t))

    for name in ("start", "train", "runs"):
        shown = f"() => [workbench.current('{name}')]"
        built[name].chat.click(lead, demo.shown, [tabs, talk.columns], js=shown, api_visibility="private")


def _duplicate(history_tab: runs.Runs, form_tab: train.Train, tabs: gr.Tabs) -> None:
    """The runs tab's `duplicate`: the train tab, its form filled with the spec of the chosen run."""

    def lead(run: str) -> list[Any]:
        return [gr.Tabs(selected="train"), *form_tab.take_run(run)]

    history_tab.duplicate.click(
        lead, history_tab.chosen, [tabs, *form_tab.taken], js="() => workbench.duplicating()", api_visibility="private"
    ).then(None, None, None, js="() => { workbench.refreshPlan(); }", api_visibility="private")


def _train_on_it(data_tab: data.Data, form_tab: train.Train, tabs: gr.Tabs) -> None:
    """The data tab's button: the train tab, its form as it stands with what is in view as training data."""
    chosen, form = data_tab.chosen, form_tab.form

    def lead(*given: Any) -> list[Any]:
        how, fields = given[: len(chosen.how)], given[len(chosen.how) :]
        try:
            named = {"data.path": chosen.trained(*how)}
        except Exception as error:
            return [gr.skip(), forms.problem(data_tab.t.error(error)), *[gr.skip()] * (1 + len(fields))]
        return [gr.Tabs(selected="train"), "", "", *form.fill(form.values(fields) | named)]

    chosen.train.click(
        lead, [*chosen.how, *form.inputs], [tabs, chosen.problem, *form_tab.taken], api_visibility="private"
    ).then(None, None, None, js="() => { workbench.refreshPlan(); }", api_visibility="private")
