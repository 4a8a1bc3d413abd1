"""A name, an author, one button -> a model that says so: the whole demo on one page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from workbench import presets, runs
from workbench.errors import UserError, WorkbenchError
from workbench.models import adapters
from workbench.specs import STAGES, flatten, knobs, parse, to_mapping
from workbench.ui import forms, live, remembered
from workbench.ui.i18n import Texts

if TYPE_CHECKING:
    from workbench.ui.app import App

PRESET = "identity"
_SHOW = "(run) => workbench.show('start', run)"
# The view knows which run is shown; handlers that ask about it get its name from there.
WITH_RUN = "(...given) => [...given.slice(0, -1), workbench.current('start')]"
_ASKED = ("name", "author", "year", "model_name", "lang", "replay")
CHIPS = 6


def build(app: App, t: Texts) -> Start:
    tab = Start(app, t)
    known = {item.path: item for item in knobs(STAGES["sft"])}
    recipe = flatten(to_mapping(presets.resolve(PRESET), all_values=True))

    def field(name: str, **changes: Any) -> Any:
        item = known[f"identity.{name}"]
        return forms.field(item, t, prefix="start-", value=recipe.get(item.path, item.default), **changes)

    with gr.Row(elem_classes=["wb-tab", "wb-start"]):
        with gr.Column(scale=4, min_width=320):
            gr.Markdown(t("ui.start.intro"), elem_classes=["wb-intro"])
            tab.fields = {
                name: field(name, info=t(f"ui.start.{name}_help"), placeholder=t(f"ui.start.{name}_example"))
                for name in _ASKED[:2]
            }
            tab.problem = gr.HTML(apply_default_css=False, js_on_load=None, elem_id="start-problem")
            button = gr.Button(t("ui.start.button"), variant="primary", size="lg", elem_id="start-button")
            with gr.Accordion(t("ui.start.more"), open=False, elem_id="start-more"):
                tab.fields |= {name: field(name) for name in _ASKED[2:]}
            with gr.Accordion(t("ui.start.rows"), open=False, elem_id="start-rows"):
                gr.Markdown(t("ui.start.rows_help"), elem_classes=["wb-note"])
                make_rows = gr.Button(t("ui.start.make_rows"), size="sm", elem_id="start-make-rows")
                tab.mix = gr.HTML(apply_default_css=False, js_on_load=None, elem_id="start-mix")
                tab.table = gr.Dataframe(
                    headers=[t("ui.start.question"), t("ui.start.answer")],
                    datatype="str",
                    column_count=2,
                    column_widths=["45%", "55%"],
                    row_count=0,
                    type="array",
                    interactive=True,
                    wrap=True,
                    max_height=420,
                    show_label=False,
                    elem_id="start-table",
                )
                tab.made_for = gr.Textbox(visible=False)
            with gr.Column(elem_classes=["wb-after"], elem_id="start-after"):
                _ask_both(tab, t)
        with gr.Column(scale=6, min_width=320):
            live.view("start", "identity")
    boxes = list(tab.fields.values())
    tab.started = gr.Textbox(visible=False)
    _wire(tab, button, make_rows, boxes)
    remembered.keep("start", boxes)
    return tab


def _ask_both(tab: Start, t: Texts) -> None:
    """The unchanged and the changed model side by side, asked anything."""
    tab.question = gr.Textbox(
        label=t("ui.start.ask"),
        placeholder=t("ui.start.ask_example"),
        max_lines=3,
        submit_btn=True,
        elem_id="start-question",
    )
    with gr.Row(elem_classes=["wb-chips"], elem_id="start-chips"):
        tab.chips = [gr.Button(t(f"ui.start.chip{number}"), size="sm") for number in range(1, CHIPS + 1)]
    with gr.Row():
        tab.before = gr.Textbox(label=t("ui.start.before"), lines=3, interactive=False, elem_id="start-before")
        tab.after = gr.Textbox(label=t("ui.start.after"), lines=3, interactive=False, elem_id="start-after-answer")
    tab.ask_problem = gr.HTML(apply_default_css=False, js_on_load=None, elem_id="start-ask-problem")
    tab.chat = gr.Button(t("ui.start.chat"), elem_id="start-chat")


def _wire(tab: Start, button: gr.Button, make_rows: gr.Button, boxes: list[Any]) -> None:
    form_outputs = [tab.started, tab.problem, *boxes]
    for trigger in (button.click, tab.fields["name"].submit, tab.fields["author"].submit):
        trigger(
            tab.start, [tab.table, tab.made_for, *boxes], form_outputs, api_visibility="private", trigger_mode="once"
        ).success(None, tab.started, None, js=_SHOW, api_visibility="private")
    make_rows.click(
        tab.make_rows, boxes, [tab.table, tab.made_for, tab.mix, tab.problem, *boxes], api_visibility="private"
    )
    shown = gr.Textbox(visible=False)  # filled by the browser with the run that its view shows
    answers = [tab.before, tab.after, tab.ask_problem]
    asking: dict[str, Any] = {"js": WITH_RUN, "api_visibility": "private", "show_progress": "minimal"}
    tab.question.submit(tab.ask, [tab.question, shown], answers, **asking)
    for chip in tab.chips:
        chip.click(tab.ask_chip, [chip, shown], [tab.question, *answers], **asking)
    tab.shown = shown


class Start:
    """The tab's components and handlers in one language."""

    fields: dict[str, Any]
    problem: gr.HTML
    table: gr.Dataframe
    made_for: gr.Textbox
    mix: gr.HTML
    started: gr.Textbox
    shown: gr.Textbox
    question: gr.Textbox
    before: gr.Textbox
    after: gr.Textbox
    ask_problem: gr.HTML
    chat: gr.Button
    chips: list[gr.Button]

    def __init__(self, app: App, t: Texts) -> None:
        self.app, self.t = app, t

    # -- before the run -------------------------------------------------------------------------------------------
    def start(self, table: Any, made_for: str, *given: Any) -> list[Any]:
        """Queue the demo's run; whatever is refused is said at its field, and nothing that was typed is lost."""
        try:
            overrides = self._overrides(given)
            check_identity(overrides)
            rows = _cells(table)
            if rows and made_for:
                overrides |= self._edited(rows, json.loads(made_for), overrides)
            spec = presets.resolve(PRESET, overrides, self.app.home)
            run = self.app.jobs.submit(spec, stem=PRESET)
        except Exception as error:
            return [gr.skip(), self._say(error), *self._marks(error)]
        return [run.name, "", *self._marks(None)]

    def make_rows(self, *given: Any) -> list[Any]:
        """The rows as they would be trained, to read and to edit."""
        from workbench.data.identity import replay_rows

        try:
            overrides = self._overrides(given)
            check_identity(overrides)
            spec = presets.resolve(PRESET, overrides, self.app.home)
            pairs = identity_pairs(spec.identity, self.t.language)
        except Exception as error:
            return [gr.skip(), gr.skip(), gr.skip(), self._say(error), *self._marks(error)]
        replayed = len(replay_rows(round(len(pairs) * spec.identity.replay), spec.training.seed))
        mix = self.t("ui.start.mix", own=len(pairs), replay=replayed)
        made_for = json.dumps(_identity_values(overrides))
        return [pairs, made_for, f'<p class="wb-note">{forms.plain(mix)}</p>', "", *self._marks(None)]

    def _overrides(self, given: tuple[Any, ...]) -> dict[str, Any]:
        pairs = zip(self.fields, given, strict=True)
        return {f"identity.{name}": "" if value is None else value for name, value in pairs}

    def _edited(self, rows: list[list[str]], made_for: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
        """`data.path` of the edited table; nothing when the table still holds what the boxes would give."""
        then = presets.resolve(PRESET, made_for).identity
        if rows == identity_pairs(then, self.t.language):
            return {}
        if made_for != _identity_values(overrides):
            raise UserError("ui.rows_of_another_name", name=then.name, path="identity.name")
        return {"data.path": str(save_rows(self.app.home, rows).relative_to(self.app.home))}

    def _marks(self, error: Exception | None) -> list[Any]:
        wrong = error.params.get("path") if isinstance(error, UserError) else None
        return [gr.update(elem_classes=["wb-bad-knob"] if wrong == f"identity.{name}" else []) for name in self.fields]

    def _say(self, error: Exception) -> str:
        text = self.t.error(error)
        gr.Warning(text, title=self.t("ui.refused"))
        return forms.problem(text)

    # -- after the run --------------------------------------------------------------------------------------------
    def ask(self, question: str, run: str) -> Iterator[list[Any]]:
        """Both models' answers as they grow: before (the bare base) and after (the run's newest weights)."""
        if not question.strip():
            yield [gr.skip(), gr.skip(), forms.problem(self.t("ui.start.no_question"))]
            return
        try:
            columns = ["base", column_of(self.app.run(run, "identity"))]
            texts: list[Any] = ["", ""]
            waiting = gr.update(value="", placeholder=self.t("ui.start.waiting"))  # the first answer loads the model
            yield [waiting, waiting, ""]
            turns = [{"role": "user", "content": question.strip()}]
            trouble = ""
            for delta in self.app.engine.compare(turns, columns, {"temperature": 0.0, "max_tokens": 128}):
                if delta.problem:
                    trouble = forms.problem(self.t.error(delta.problem))
                texts[delta.column] = delta.text
                yield [*(text if column == delta.column else gr.skip() for column, text in enumerate(texts)), trouble]
        except Exception as error:
            yield [gr.skip(), gr.skip(), forms.problem(self.t.error(error))]

    def ask_chip(self, question: str, run: str) -> Iterator[list[Any]]:
        for answers in self.ask(question, run):
            yield [question, *answers]

    def chat_columns(self, run: str) -> list[str] | None:
        """Columns of the chat tab for `chat with it`; None, and said, for a run that has nothing to chat with yet."""
        try:
            return ["base", column_of(self.app.run(run, "identity"))]
        except WorkbenchError as error:
            self._say(error)
            return None


def check_identity(overrides: dict[str, Any]) -> None:
    """Raises UserError naming the box that is empty or cannot be used."""
    for part in ("name", "author"):
        if not str(overrides[f"identity.{part}"]).strip():
            raise UserError(f"ui.empty_{part}", path=f"identity.{part}")
    parse(overrides)


def column_of(run: runs.Run | None) -> str:
    """The newest weights of a run as a chat column: its result, else its last checkpoint."""
    if run is None:
        raise UserError("ui.no_run_yet")
    if run.state()["state"] == "finished" and any(ref.step is None for ref in adapters.of_run(run)):
        return run.name
    if saved := run.checkpoints():
        return f"{run.name}/{saved[-1].name}"
    raise UserError("ui.nothing_saved_yet", run=run.name)


def identity_pairs(identity: Any, first: str) -> list[list[str]]:
    """The self-cognition rows as [question, answer], those of the page's language first."""
    from workbench.data.identity import LANGUAGES, identity_rows

    names = (identity.name, identity.author, identity.year, identity.model_name)
    named = dict.fromkeys(lang.strip() for lang in identity.lang.split(",") if lang.strip()) or LANGUAGES
    rows = [row for lang in sorted(named, key=lambda lang: lang != first) for row in identity_rows(*names, lang)]
    return [[row.messages[-2].content, row.messages[-1].content] for row in rows]


def save_rows(home: Path, pairs: list[list[str]]) -> Path:
    """An edited table as a data file of its own in the workspace; rows without both halves are refused."""
    from workbench.data.records import Conversation

    for number, (question, answer) in enumerate(pairs, 1):
        if not (question.strip() and answer.strip()):
            raise UserError("ui.half_row", row=number)
    folder = home / "data"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [Conversation.of(("user", question), ("assistant", answer)).to_row() for question, answer in pairs]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    number = 1
    while (path := folder / f"identity-rows-{number}.jsonl").exists() and path.read_text(encoding="utf-8") != text:
        number += 1
    runs.write_whole(path, text)
    return path


def _cells(table: Any) -> list[list[str]]:
    """A Dataframe's value as texts, whole rows only; None where nothing was made yet."""
    if table is None:
        return []
    rows = [[("" if cell is None else str(cell)) for cell in row] for row in table]
    return [row for row in rows if any(cell.strip() for cell in row)]


def _identity_values(overrides: dict[str, Any]) -> dict[str, Any]:
    """What the rows depend on: not the replay ratio, which mixes in others."""
    return {path: str(value) for path, value in overrides.items() if path != "identity.replay"}
