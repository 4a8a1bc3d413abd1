"""A filled-in form -> a queued run, with the view of the one that trains beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from workbench import presets, runs
from workbench.errors import UserError, WorkbenchError
from workbench.history import sweep as sweeps
from workbench.specs import STAGES, flatten, parse, to_mapping
from workbench.ui import forms, live, machine, mixing, plan, remembered
from workbench.ui.i18n import Texts

if TYPE_CHECKING:
    from workbench.ui.app import App

# A refusal is of the form as it was; what stands at a field is judged there. What an opened file left out stays.
_FORGET = """(said) => (/role="alert"/.test(said) ? "" : said)"""
_SHOW = "(run) => workbench.show('train', run)"


def build(app: App, t: Texts) -> Train:
    tab = Train(app, t)
    with gr.Row(elem_classes=["wb-tab"]):
        with gr.Column(scale=5, min_width=360):
            with gr.Row():
                tab.preset = gr.Dropdown(
                    list(presets.available(app.home)),
                    value=None,
                    label=t("ui.train.preset"),
                    info=t("ui.train.preset_help"),
                    elem_id="preset",
                )
                tab.name = gr.Textbox(label=t("ui.train.name"), info=t("ui.train.name_help"), elem_id="run-name")
            others = {stage: model for stage, model in STAGES.items() if stage != "sft"}
            tab.form = forms.build("sft", STAGES["sft"], t, others=others)
            tab.problem = gr.HTML(apply_default_css=False, js_on_load=None, elem_id="train-problem")
            start = gr.Button(t("ui.train.start"), variant="primary", elem_id="train-button")
            with gr.Row():
                small: dict[str, Any] = {"size": "sm", "min_width": 80}
                as_yaml = gr.Button(t("ui.train.as_yaml"), elem_id="train-yaml-button", **small)
                save = gr.Button(t("ui.train.save"), elem_id="save-preset", **small)
                upload = gr.UploadButton(t("ui.train.open"), elem_id="open-spec", **small)
                reset = gr.Button(t("ui.train.reset"), elem_id="train-reset", **small)
            with gr.Accordion(t("ui.sweep.title"), open=False, elem_id="train-sweep"):
                gr.Markdown(t("ui.sweep.help"), elem_classes=["wb-note"])
                tab.over = gr.Textbox(
                    label=t("ui.sweep.over"),
                    info=t("ui.sweep.over_help"),
                    placeholder="adapter.r=8,16,32\ntraining.learning_rate=1e-4,3e-4",
                    lines=2,
                    elem_id="sweep-over",
                )
                sweep = gr.Button(t("ui.sweep.start"), elem_id="sweep-button")
                tab.swept = gr.HTML(apply_default_css=False, js_on_load=None, elem_id="sweep-said")
            tab.yaml = gr.Code(language="yaml", visible=False, label=t("ui.train.yaml"), elem_id="train-yaml")
        with gr.Column(scale=6, min_width=360):
            plan.panel()
            live.view("train")
    tab.started = gr.Textbox(visible=False)
    tab.chat = gr.Button(t("ui.live.talk"), elem_classes=["wb-unseen"], elem_id="train-chat")
    fields = tab.form.inputs
    plan.wire(tab.form)
    edits = [field.input for field in (tab.name, *fields)]
    edits += [field.blur for field in (tab.name, *fields) if isinstance(field, gr.Textbox)]  # what was pasted
    gr.on(edits, None, tab.problem, tab.problem, js=_FORGET, show_progress="hidden", api_visibility="private")
    machine.wire(app, t, tab.form)
    mixing.wire(app, t, tab.form)
    # What was saved since the page was built, in this window or another.
    tab.preset.focus(
        lambda: gr.update(choices=list(presets.available(app.home))), None, tab.preset, queue=False,
        show_progress="hidden", api_visibility="private",
    )  # fmt: skip
    tab.preset.input(tab.take_preset, tab.preset, [tab.problem, *fields], api_visibility="private").then(
        None, None, None, js="() => { workbench.refreshPlan(); }", api_visibility="private"
    )
    started = start.click(
        tab.start, [tab.name, *fields], [tab.started, tab.name, tab.problem, *fields], api_visibility="private"
    )
    started.success(None, tab.started, None, js=_SHOW, api_visibility="private")
    upload.upload(tab.open_file, upload, [tab.problem, *fields], api_visibility="private").then(
        None, None, None, js="() => { workbench.refreshPlan(); }", api_visibility="private"
    )
    reset.click(tab.reset, None, [tab.preset, tab.problem, *fields], api_visibility="private").then(
        None, None, None, js="() => { workbench.refreshPlan(); }", api_visibility="private"
    )
    save.click(tab.save_preset, [tab.name, *fields], [tab.preset, tab.problem, *fields], api_visibility="private")
    tab.taken = [tab.problem, *fields]
    sweep.click(
        tab.sweep, [tab.name, tab.over, *fields], [tab.swept, tab.name, *fields], api_visibility="private",
        trigger_mode="once",
    )  # fmt: skip
    remembered.keep("train", [tab.name, tab.over], store="sessionStorage")
    as_yaml.click(tab.show_yaml, fields, [tab.yaml, tab.problem, *fields], api_visibility="private")
    return tab


class Train:
    """The tab's components and handlers in one language."""

    preset: gr.Dropdown
    name: gr.Textbox
    form: forms.Form
    problem: gr.HTML
    yaml: gr.Code
    started: gr.Textbox
    chat: gr.Button
    over: gr.Textbox
    swept: gr.HTML
    taken: list[Any]  # what `take_preset` and `take_run` fill

    def __init__(self, app: App, t: Texts) -> None:
        self.app, self.t = app, t

    def take_preset(self, name: str | None) -> list[Any]:
        """A preset fills the whole form: what it does not name returns to its default."""
        if not name:
            return [gr.skip()] * (1 + len(self.form.fields))
        try:
            spec = presets.resolve(name, home=self.app.home)
        except WorkbenchError as error:
            return [self._say(error), *[gr.skip()] * len(self.form.fields)]
        return ["", *self.form.fill(flatten(to_mapping(spec, all_values=True)))]

    def open_file(self, path: str) -> list[Any]:
        """A spec of ours or a training file of LLaMA-Factory fills the form; what has no counterpart is listed."""
        try:
            if not Path(path).read_bytes().strip():  # every knob at its default: what stands in the form would be lost
                raise UserError("presets.empty", path=path)
            spec = presets.resolve(Path(path))
            left_out = presets.unmatched(path)
        except WorkbenchError as error:
            if "path" in error.params:
                error.params["path"] = Path(path).name  # where an upload lies on the server helps nobody
            return [self._say(error), *[gr.skip()] * len(self.form.fields)]
        told = forms.noted(self.t("ui.train.left_out", lines=" · ".join(left_out))) if left_out else ""
        return [told, *self.form.fill(flatten(to_mapping(spec, all_values=True)))]

    def reset(self) -> list[Any]:
        """Every knob at its default, and no preset chosen."""
        return [None, "", *self.form.fill({})]

    def save_preset(self, name: str, *given: Any) -> list[Any]:
        """What stands in the form, as a preset of the workspace under the name in the box."""
        try:
            if not name.strip():
                raise UserError("presets.no_name")
            presets.save(parse(self.form.values(given)), name.strip(), self.app.home)
        except UserError as error:
            return [gr.skip(), self._say(error), *self.form.refuse(error)]
        gr.Info(self.t("ui.train.saved", name=name.strip()))
        known = list(presets.available(self.app.home))
        return [gr.update(choices=known, value=name.strip()), "", *[gr.skip()] * len(given)]

    def take_run(self, name: str) -> list[Any]:
        """The spec of a run fills the form: the same again, to be changed and started under another name."""
        try:
            spec = runs.find(self.app.home, name).spec()
        except WorkbenchError as error:
            return [self._say(error), *[gr.skip()] * len(self.form.fields)]
        return ["", *self.form.fill(flatten(to_mapping(spec, all_values=True)))]

    def start(self, name: str, *given: Any) -> list[Any]:
        """Queue a run; a refusal stands under the form and at its field, and nothing that was typed is lost."""
        try:
            spec = parse(self.form.values(given))
            run = self.app.jobs.submit(spec, name=name.strip() or None)
        except UserError as error:
            return [gr.skip(), gr.skip(), self._say(error), *self.form.refuse(error)]
        except Exception as error:
            return [gr.skip(), gr.skip(), self._say(error), *[gr.skip()] * len(given)]
        return [run.name, "", "", *[gr.skip()] * len(given)]

    def sweep(self, name: str, over: str, *given: Any) -> list[Any]:
        """Queue every combination of the values as a run of its own; nothing is queued when one of them cannot be."""
        untouched = [gr.skip()] * len(given)
        try:
            spec = parse(self.form.values(given))
            grid = sweeps.grid_of(line for line in over.splitlines() if line.strip())
            found = sweeps.points(spec, grid)
            wanted = sweeps.free_name(self.app.home, name.strip() or None)
            from workbench.train.check import check

            for point in found:
                check(point.spec, self.app.home, foreign=False)
            for point in found:
                sweeps.mark(self.app.jobs.submit(point.spec, stem=wanted), wanted, point)
        except UserError as error:
            return [self._say(error), gr.skip(), *self.form.refuse(error)]
        except Exception as error:
            return [self._say(error), gr.skip(), *untouched]
        said = forms.plain(self.t("ui.sweep.queued", count=len(found), name=wanted))
        return [f'<p class="wb-note" role="status">{said}</p>', "", *untouched]

    def show_yaml(self, *given: Any) -> list[Any]:
        """What differs from the defaults, as the file that `workbench train` takes."""
        try:
            text = presets.dump(parse(self.form.values(given)))
        except UserError as error:
            return [gr.skip(), self._say(error), *self.form.refuse(error)]
        return [gr.update(value=text, visible=True), "", *[gr.skip()] * len(given)]

    def _say(self, error: Exception) -> str:
        text = self.t.error(error)
        gr.Warning(text, title=self.t("ui.refused"))
        return forms.problem(text)
