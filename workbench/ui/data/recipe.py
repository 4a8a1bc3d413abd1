"""Steps on rows (edit, delete, deduplicate, shuffle, mix, split …) -> a list that can be undone, and a new data file.

The list travels with the page; the rows stay on the server, and only the last step is done anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from workbench.data import recipe, repairs, sources
from workbench.data.recipe import Prepared
from workbench.errors import UserError, WorkbenchError
from workbench.ui import forms
from workbench.ui.data.chosen import OFFER, Chosen, offered_html
from workbench.ui.data.progress import updates
from workbench.ui.data.result import Steps, is_result
from workbench.ui.i18n import Texts
from workbench.ui.tasks import Task

if TYPE_CHECKING:
    from workbench.ui.app import App

_RANGE = re.compile(r"\s*(\d+)\s*(?:[-–]\s*(\d+)\s*)?")


class Recipe:
    """The part of the tab that changes rows; `steps` is the list as JSON."""

    def __init__(self, app: App, chosen: Chosen, t: Texts) -> None:
        self.home, self.chosen, self.t = app.home, chosen, t
        self.prepares = app.prepares

    # -- components ---------------------------------------------------------------------------------------------------

    def build(self) -> None:
        t = self.t
        with gr.Accordion(t("dataset.recipe.title"), open=False, elem_id="data-recipe"):
            gr.Markdown(t("dataset.recipe.help"), elem_classes=["wb-note"])
            self.steps = gr.Textbox(visible=False)
            self.listed = gr.HTML(
                self.steps_html([], None), apply_default_css=False, js_on_load=_UNDO, elem_id="data-steps"
            )
            self.problem = gr.HTML(apply_default_css=False, js_on_load=OFFER, elem_id="data-recipe-problem")
            with gr.Row():
                self.look = gr.Button(t("dataset.recipe.look"), size="sm", min_width=140, elem_id="data-recipe-look")
                self.halt = gr.Button(t("dataset.progress.stop"), size="sm", visible=False, elem_id="data-recipe-stop")
            with gr.Row(elem_classes=["wb-boxes"]):  # a grid: each box beside the button that takes it
                self.weight = gr.Number(1, label=t("dataset.recipe.weight"), min_width=60, elem_id="data-weight")
                self.take = gr.Button(t("dataset.recipe.take"), size="sm", min_width=60, elem_id="data-take")
                self.rows = gr.Textbox(
                    label=t("dataset.recipe.rows"), placeholder="3, 7-9", min_width=60, elem_id="data-delete-rows"
                )
                self.delete = gr.Button(t("dataset.recipe.delete"), size="sm", min_width=60, elem_id="data-delete")
                self.count = gr.Number(
                    1000, precision=0, label=t("dataset.recipe.count"), min_width=60, elem_id="data-cap-count"
                )
                self.cap = gr.Button(t("dataset.recipe.cap"), size="sm", min_width=60, elem_id="data-cap")
                self.fraction = gr.Number(
                    0.1, label=t("dataset.recipe.fraction"), min_width=60, elem_id="data-fraction", step=0.05
                )
                self.split = gr.Button(t("dataset.recipe.split"), size="sm", min_width=60, elem_id="data-split")
                self.seed = gr.Number(0, precision=0, label=t("dataset.recipe.seed"), min_width=60, elem_id="data-seed")
                self.shuffle = gr.Button(t("dataset.recipe.shuffle"), size="sm", min_width=60, elem_id="data-shuffle")
                self.deduplicate = gr.Button(
                    t("dataset.recipe.deduplicate"), size="sm", min_width=60, elem_id="data-deduplicate"
                )
                self.names = gr.Dropdown(
                    [(t(f"dataset.repairs.{name}"), name) for name in repairs.TEXT_REPAIRS], value=[], multiselect=True,
                    label=t("dataset.recipe.repairs"), min_width=60, elem_id="data-recipe-repairs",
                )  # fmt: skip
                self.repair = gr.Button(t("dataset.recipe.repair"), size="sm", min_width=60, elem_id="data-repair")
                self.name = gr.Textbox(label=t("dataset.recipe.name"), min_width=60, elem_id="data-recipe-name")
                self.save = gr.Button(
                    t("dataset.recipe.save"), variant="primary", size="sm", min_width=60, elem_id="data-recipe-save"
                )
                self.kept = gr.Dropdown(
                    [], value=None, label=t("dataset.recipe.kept"), min_width=60, elem_id="data-recipe-kept"
                )

    def build_edit(self) -> None:
        """The row that is looked at, as a canonical row that can be changed."""
        t = self.t
        with gr.Accordion(t("dataset.recipe.edit"), open=False, elem_id="data-edit") as self.editor:
            self.code = gr.Code(language="json", label=t("dataset.recipe.row"), lines=6, elem_id="data-edit-row")
            with gr.Row():
                self.change = gr.Button(t("dataset.recipe.change"), size="sm", elem_id="data-edit-keep")
                self.drop = gr.Button(t("dataset.recipe.drop"), size="sm", elem_id="data-edit-delete")
            self.changed = gr.HTML(apply_default_css=False, js_on_load=None, elem_id="data-edit-told")

    def wire(self, row: gr.Number) -> None:
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        long: dict[str, Any] = quiet | {"concurrency_limit": None}
        how, shown = self.chosen.how, [self.halt, self.steps, self.listed, self.problem]
        for button, made, fields in (
            (self.take, self._take, [self.weight]),
            (self.delete, self._delete, [self.rows]),
            (self.deduplicate, lambda steps, how: {"step": "deduplicate"}, []),
            (self.repair, lambda steps, how, names: {"step": "repair", "names": list(names or ())}, [self.names]),
            (self.shuffle, lambda steps, how, seed: {"step": "shuffle", "seed": int(seed or 0)}, [self.seed]),
            (self.cap, lambda steps, how, count: {"step": "cap", "count": int(count or 0)}, [self.count]),
            (self.split, self._split, [self.fraction, self.seed]),
        ):
            self._followed(button.click(self._adding(made), [self.steps, *how, *fields], shown, **long))
        self._followed(self.listed.click(self.undo, [self.steps, *how], shown, **long))
        self.look.click(self.show, self.steps, [self.halt, self.problem, self.chosen.file], **long)
        self.problem.click(self.chosen.take_offered, None, self.chosen.file, **quiet)
        self.halt.click(self.stop, self.steps, None, **quiet)
        self.save.click(self.write, [self.steps, self.name, *how], [*shown, self.chosen.file, self.kept], **long)
        self.kept.focus(lambda: gr.update(choices=recipe.saved(self.home)), None, self.kept, **quiet)
        self._followed(self.kept.input(self.repeat, [self.kept, *how], shown, **long))
        for event in (self.editor.expand, row.change):
            event(self.show_row, [*how, row], self.code, **quiet)
        told = [*shown, self.changed]
        for button, made in ((self.change, self._edit), (self.drop, self._drop)):
            self._followed(button.click(self._editing(made), [self.steps, *how, row, self.code], told, **long))

    def _followed(self, event: Any) -> None:
        """Who looks at the result sees the next one after each step."""
        event.then(
            self.follow, [self.steps, self.chosen.file], self.chosen.file, api_visibility="private",
            show_progress="hidden", concurrency_limit=None,
        )  # fmt: skip

    # -- steps --------------------------------------------------------------------------------------------------------

    def _adding(self, made: Callable[..., dict[str, Any]]) -> Callable[..., Iterator[list[Any]]]:
        """A handler that appends a step; the first one begins with the source that is opened."""

        def handler(given: str, *values: Any) -> Iterator[list[Any]]:
            how, rest = values[: len(self.chosen.how)], values[len(self.chosen.how) :]
            steps = _steps(given)
            try:
                if not steps and made != self._take:
                    steps = [self._take(steps, how, 1)]
                steps = [*steps, made(steps, how, *rest)]
            except WorkbenchError as error:
                yield [gr.update(visible=False), gr.skip(), gr.skip(), forms.problem(self.t.error(error))]
                return
            yield from self.done(steps, given)

        return handler

    def _take(self, steps: Steps, how: Sequence[Any], weight: float | None) -> dict[str, Any]:
        """What is opened, read as it is read now."""
        file, source, encoding, mapping, mended = how
        if is_result(file):
            raise UserError("dataset.result_taken")
        self.chosen.open(*how)  # refuses what is no source
        options = {
            "from": source,
            "encoding": encoding,
            "map": json.loads(mapping or "{}"),
            "repair": list(mended or ()),
        }
        path = sources.weighted(file, 1 if weight is None else weight)
        return {"step": "take", "path": path} | {name: value for name, value in options.items() if value}

    def _delete(self, steps: Steps, how: Sequence[Any], rows: str) -> dict[str, Any]:
        return {"step": "delete", "rows": self._numbers(steps, how, numbers_of(rows or ""))}

    def _split(self, steps: Steps, how: Sequence[Any], fraction: float | None, seed: float | None) -> dict[str, Any]:
        return {"step": "split", "fraction": fraction or 0, "seed": int(seed or 0)}

    def _edit(self, steps: Steps, how: Sequence[Any], row: float, code: str) -> dict[str, Any]:
        try:
            value = json.loads(code or "")
        except ValueError as error:
            raise UserError("dataset.bad_edit_json", why=error) from None
        return {"step": "edit", "row": self._numbers(steps, how, [int(row or 0)])[0], "value": value}

    def _drop(self, steps: Steps, how: Sequence[Any], row: float, code: str) -> dict[str, Any]:
        return {"step": "delete", "rows": self._numbers(steps, how, [int(row or 0)])}

    def _numbers(self, steps: Steps, how: Sequence[Any], rows: Sequence[int]) -> list[int]:
        """Rows as the opened sources are listed, numbered through -> their numbers in the recipe."""
        if is_result(how[0]):
            if how[0] != self.prepares.file_of(steps):
                raise UserError("dataset.other_result")
            return self.prepares.numbers(steps, rows)
        state = self.prepares.get(steps)
        names = [source.name or source.path for source in self.chosen.files.parse(how[0])]
        taken = [name for name, _, _ in state.sources]
        places = [at for at in range(len(taken)) if taken[at : at + len(names)] == names]
        if not places:
            raise UserError("dataset.not_taken", file=how[0])
        numbers: dict[int, int] = {}
        first = 0
        for _, before, count in state.sources[places[0] : places[0] + len(names)]:
            numbers |= {row: before + row - first for row in rows if first < row <= first + count}
            first += count
        if missing := [row for row in rows if row not in numbers]:
            raise UserError("dataset.no_row", row=missing[0], count=f"{first:,}")
        return [numbers[row] for row in rows]

    # -- what comes of them -------------------------------------------------------------------------------------------

    def done(self, steps: Steps, before: str) -> Iterator[list[Any]]:
        """Do the steps, with progress and a stop; a refused one leaves the list as it was."""
        text = json.dumps(steps, ensure_ascii=False)
        task = self.chosen.files.tasks.start(
            ("recipe", text), lambda task: self.prepares.get(steps, task.tell), afresh=True
        )
        yield [gr.update(visible=False), text, gr.skip(), ""]  # the stop button finds the task by its steps
        for bar in updates(task, self.t):
            yield [gr.update(visible=True), gr.skip(), gr.skip(), bar]
        if task.error is not None or task.stopped:
            why = forms.problem(self.t.error(task.error)) if task.error else self._note("dataset.progress.stopped")
            yield [gr.update(visible=False), before, gr.skip(), why]
            return
        yield [gr.update(visible=False), text, self.steps_html(steps, task.result), ""]

    def undo(self, event: gr.EventData, given: str, *how: Any) -> Iterator[list[Any]]:
        """Take one step back out; those after it are done anew."""
        place, steps = int(getattr(event, "step", -1)), _steps(given)
        if 0 <= place < len(steps):
            steps.pop(place)
        if not steps or place < 0 or steps[0].get("step") != "take":
            yield [gr.update(visible=False), "", self.steps_html([], None), ""]
            return
        yield from self.done(steps, given)

    def repeat(self, name: str | None, *how: Any) -> Iterator[list[Any]]:
        """The steps of a kept recipe, done again."""
        try:
            steps = recipe.steps_of(name or "", self.home)
        except WorkbenchError as error:
            yield [gr.update(visible=False), gr.skip(), gr.skip(), forms.problem(self.t.error(error))]
            return
        yield from self.done(steps, "")

    def show(self, given: str) -> Iterator[list[Any]]:
        """The rows as the steps leave them, opened like a file: leafed through, searched, measured, edited further."""
        steps = _steps(given)
        try:
            if not steps:
                raise UserError("dataset.no_steps")
            task = self.chosen.files.tasks.start(
                ("recipe-look", given), lambda task: self.prepares.write(steps, task.tell), afresh=True
            )
        except WorkbenchError as error:
            yield [gr.skip(), forms.problem(self.t.error(error)), gr.skip()]
            return
        for bar in updates(task, self.t):
            yield [gr.update(visible=True), bar, gr.skip()]
        if task.error is not None or task.stopped:
            why = forms.problem(self.t.error(task.error)) if task.error else self._note("dataset.progress.stopped")
            yield [gr.update(visible=False), why, gr.skip()]
            return
        yield [gr.update(visible=False), "", gr.update(value=task.result)]

    def follow(self, given: str, file: str | None) -> Any:
        """The file to look at after a step: the new result when the old one was in view."""
        steps = _steps(given)
        if not is_result(file):
            return gr.skip()
        try:
            return gr.update(value=self.prepares.write(steps) if steps else None)
        except WorkbenchError:  # no row is left: the list of steps says so
            return gr.update(value=None)

    def stop(self, given: str) -> None:
        for kind in ("recipe", "recipe-save", "recipe-look"):
            task = self.chosen.files.tasks.find((kind, given))
            if task is not None:
                task.stop()

    def write(self, given: str, name: str, *how: Any) -> Iterator[list[Any]]:
        """Make the rows again from the sources and keep them, with the recipe beside them."""
        steps, name = _steps(given), (name or "").strip()
        skipped = [gr.skip()] * 2
        try:
            if not steps:
                raise UserError("dataset.no_steps")
            if not name:
                raise UserError("dataset.no_recipe_name")
            task: Task = self.chosen.files.tasks.start(
                ("recipe-save", given),
                lambda task: recipe.save(steps, name, self.home, tell=task.tell, inside=True),
                afresh=True,
            )
        except WorkbenchError as error:
            yield [gr.skip(), *skipped, forms.problem(self.t.error(error)), *skipped]
            return
        for bar in updates(task, self.t):
            yield [gr.update(visible=True), *skipped, bar, *skipped]
        if task.error is not None or task.stopped:
            why = forms.problem(self.t.error(task.error)) if task.error else self._note("dataset.progress.stopped")
            yield [gr.update(visible=False), *skipped, why, *skipped]
            return
        held = task.result.get("held_out")
        path = f"data/{name}.jsonl"
        text = self.t("dataset.recipe.saved", rows=f"{task.result['rows']:,}", path=path)
        if held:
            text += " " + self.t("dataset.recipe.saved_held", rows=f"{held:,}", path=f"data/{name}.eval.jsonl")
        told = offered_html(text, path, self.t)
        kept = gr.update(choices=recipe.saved(self.home), value=name)
        yield [gr.update(visible=False), *skipped, told, gr.update(choices=self.chosen.files.choices()), kept]

    # -- one row ------------------------------------------------------------------------------------------------------

    def show_row(self, *given: Any) -> Any:
        """The row that is looked at: canonical when it is good, as it stands when it is not."""
        *how, row = given
        try:
            item = self.chosen.open(*how).ready().item(int(row or 1))
        except WorkbenchError:  # nothing is opened, or it is still being opened
            return ""
        if item is None:
            return ""
        value = item.record.to_row() if item.record is not None else item.value
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, default=str)

    def _editing(self, made: Callable[..., dict[str, Any]]) -> Callable[..., Iterator[list[Any]]]:
        """A handler that appends a step on the row that is looked at, and says so there."""
        adding = self._adding(made)

        def handler(*given: Any) -> Iterator[list[Any]]:
            for update in adding(*given):
                yield [*update, update[-1] if isinstance(update[-1], str) else gr.skip()]
            if isinstance(update[2], str):
                yield [*[gr.skip()] * 4, self._note("dataset.recipe.noted")]

        return handler

    # -- texts --------------------------------------------------------------------------------------------------------

    def steps_html(self, steps: Steps, state: Prepared | None) -> str:
        """Each step with the rows before and after it and a button that takes it back."""
        if not steps or state is None:
            return f'<p class="wb-note">{forms.plain(self.t("dataset.recipe.none"))}</p>'
        lines, undo = [], forms.plain(self.t("dataset.recipe.undo"))
        for place, (step, (_, before, after)) in enumerate(zip(steps, state.done, strict=True)):
            change = f"{before:,} → {after:,}" if before != after else f"{after:,}"
            text = self.step_text(step, state.mended.get(place) or {})
            lines.append(
                f'<li><span>{forms.plain(text)}</span><span class="wb-num">{change}</span>'
                f'<button type="button" class="wb-link" data-step="{place}" title="{undo}" aria-label="{undo}">'
                "✕</button></li>"
            )
        figures = self.t("dataset.recipe.rows_now", rows=f"{len(state.records):,}")
        if state.held_out:
            figures += " · " + self.t("dataset.recipe.held", rows=f"{len(state.held_out):,}")
        return f'<ol class="wb-steps">{"".join(lines)}</ol><p class="wb-note">{forms.plain(figures)}</p>'

    def step_text(self, step: Mapping[str, Any], mended: Mapping[str, int]) -> str:
        """mended: how many rows each of its repairs changed."""
        told = (self._value(name, value, mended) for name, value in step.items() if name not in ("step", "value"))
        shown = ", ".join(filter(None, told))
        shown = shown if len(shown) <= 200 else shown[:199] + "…"
        name = self.t(f"dataset.recipe.step.{step['step']}")
        return f"{name} {shown}".strip()

    def _value(self, name: str, value: Any, mended: Mapping[str, int]) -> str:
        if name in ("path", "row", "count", "fraction"):
            return f"{value}"
        if name in ("names", "repair"):
            return ", ".join(f"{self.t(f'dataset.repairs.{one}')} ({mended.get(one, 0):,})" for one in value)
        if isinstance(value, dict):
            return ", ".join(f"{role}={column}" for role, column in value.items())
        if isinstance(value, list):
            return ", ".join(map(str, value))
        return f"{name}={value}"

    def _note(self, key: str) -> str:
        return f'<p class="wb-note">{forms.plain(self.t(key))}</p>'


_UNDO = """element.addEventListener('click', (event) => {
  const target = event.target.closest('[data-step]');
  if (target) trigger('click', {step: Number(target.dataset.step)});
});"""


def _steps(given: str | None) -> Steps:
    return json.loads(given) if given else []


def numbers_of(text: str) -> list[int]:
    """ "3, 7-9" -> [3, 7, 8, 9]. Raises UserError for anything else."""
    numbers: set[int] = set()
    for part in re.split(r"[,，;\s]+(?![\d\s]*[-–])|[,，;]+", text.strip()):
        match = _RANGE.fullmatch(part)
        if not match or len(numbers) > 1_000_000:
            raise UserError("dataset.bad_rows", value=text[:60])
        low, high = int(match[1]), int(match[2] or match[1])
        if not 1 <= low <= high <= low + 1_000_000:
            raise UserError("dataset.bad_rows", value=text[:60])
        numbers.update(range(low, high + 1))
    return sorted(numbers)
