"""Steps on rows (edit, delete, deduplicate, shuffle, mix, split …) -> a list that can be undone, and a new data file.

The list travels with the page; the rows stay on the server, and only the last step is done anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from workbench.data import recipe, sources
from workbench.data.json_value import parse_line
from workbench.data.rows import RowError
from workbench.errors import UserError, WorkbenchError
from workbench.ui import forms, remembered
from workbench.ui.data.boxes import RowBoxes, StepBoxes
from workbench.ui.data.chosen import Chosen, offered_html
from workbench.ui.data.progress import updates
from workbench.ui.data.result import Steps, is_result
from workbench.ui.data.steps import numbers_of, steps_html, steps_of
from workbench.ui.i18n import Texts
from workbench.ui.tasks import Task

if TYPE_CHECKING:
    from workbench.ui.app import App


class Recipe:
    """The part of the tab that changes rows; `steps` is the list as JSON."""

    def __init__(self, app: App, chosen: Chosen, t: Texts) -> None:
        self.home, self.chosen, self.t = app.home, chosen, t
        self.prepares = app.prepares

    # -- components ---------------------------------------------------------------------------------------------------

    def build(self) -> None:
        self.boxes = StepBoxes(self.t)

    def build_edit(self) -> None:
        self.editor = RowBoxes(self.t)

    def wire(self, row: gr.Number) -> None:
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        long: dict[str, Any] = quiet | {"concurrency_limit": None}
        boxes, how = self.boxes, self.chosen.how
        shown = [boxes.halt, boxes.steps, boxes.listed, boxes.problem]
        self._done: list[Any] = []
        for button, made, fields in (
            (boxes.take, self._take, [boxes.weight]),
            (boxes.delete, self._delete, [boxes.rows]),
            (boxes.deduplicate, lambda steps, how: {"step": "deduplicate"}, []),
            (boxes.repair, lambda steps, how, names: {"step": "repair", "names": list(names or ())}, [boxes.names]),
            (boxes.shuffle, lambda steps, how, seed: {"step": "shuffle", "seed": int(seed or 0)}, [boxes.seed]),
            (boxes.cap, lambda steps, how, count: {"step": "cap", "count": int(count or 0)}, [boxes.count]),
            (boxes.split, self._split, [boxes.fraction, boxes.seed]),
        ):
            self._followed(button.click(self._adding(made), [boxes.steps, *how, *fields], shown, **long))
        self._followed(boxes.listed.click(self.undo, [boxes.steps, *how], shown, **long))
        boxes.look.click(self.show, boxes.steps, [boxes.halt, boxes.problem, self.chosen.file], **long)
        boxes.problem.click(self.chosen.take_offered, None, self.chosen.file, **quiet)
        boxes.halt.click(self.stop, boxes.steps, None, **quiet)
        boxes.save.click(self.write, [boxes.steps, boxes.name, *how], [*shown, self.chosen.file, boxes.kept], **long)
        boxes.kept.focus(lambda: gr.update(choices=recipe.saved(self.home)), None, boxes.kept, **quiet)
        self._followed(boxes.kept.input(self.repeat, [boxes.kept, *how], shown, **long))
        row.change(self.show_row, [*how, row], self.editor.code, **quiet)
        # What is there already may be typed into by the time an answer comes.
        self.editor.folded.expand(
            lambda *given: gr.skip() if given[-1] else self.show_row(*given[:-1]),
            [*how, row, self.editor.code], self.editor.code, **quiet,
        )  # fmt: skip
        told = [*shown, self.editor.changed]
        for button, made in ((self.editor.change, self._edit), (self.editor.drop, self._drop)):
            self._followed(button.click(self._editing(made), [boxes.steps, *how, row, self.editor.code], told, **long))
        loaded = remembered.keep("data-steps", [boxes.steps], store="sessionStorage", also=self._done)
        loaded.then(self.recall, boxes.steps, shown, **long)

    def _followed(self, event: Any) -> None:
        """Who looks at the result sees the next one after each step; a refreshed page has the steps still."""
        self._done.append(event.then)
        event.then(
            self.follow, [self.boxes.steps, self.chosen.file], [self.boxes.halt, self.boxes.problem, self.chosen.file],
            api_visibility="private", show_progress="hidden", concurrency_limit=None,
        )  # fmt: skip

    # -- steps --------------------------------------------------------------------------------------------------------

    def _adding(self, made: Callable[..., dict[str, Any]]) -> Callable[..., Iterator[list[Any]]]:
        """A handler that appends a step; the first one begins with the source that is opened."""

        def handler(given: str, *values: Any) -> Iterator[list[Any]]:
            how, rest = values[: len(self.chosen.how)], values[len(self.chosen.how) :]
            steps = steps_of(given)
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
            value = parse_line(code or "")
        except RowError as error:
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
            yield [gr.update(visible=False), before, gr.skip(), self._why(task)]
            return
        yield [gr.update(visible=False), text, steps_html(steps, task.result, self.t), ""]

    def undo(self, event: gr.EventData, given: str, *how: Any) -> Iterator[list[Any]]:
        """Take one step back out; those after it are done anew."""
        place, steps = int(getattr(event, "step", -1)), steps_of(given)
        if 0 <= place < len(steps):
            steps.pop(place)
        if not steps or place < 0 or steps[0].get("step") != "take":
            yield [gr.update(visible=False), "", steps_html([], None, self.t), ""]
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

    def recall(self, given: str) -> Iterator[list[Any]]:
        """The steps that a page which was loaded again still has."""
        if steps := steps_of(given):
            yield from self.done(steps, "")
        else:
            yield [gr.skip()] * 4

    def show(self, given: str) -> Iterator[list[Any]]:
        """The rows as the steps leave them, opened like a file: leafed through, searched, measured, edited further."""
        steps = steps_of(given)
        try:
            if not steps:
                raise UserError("dataset.no_steps")
            task = self.chosen.files.tasks.start(
                ("recipe-look", given), lambda task: self.prepares.write(steps, task.tell), afresh=True
            )
        except WorkbenchError as error:
            yield [gr.skip(), forms.problem(self.t.error(error)), gr.skip()]
            return
        told = gr.skip()  # what the step before said stays
        for bar in updates(task, self.t):
            told = ""
            yield [gr.update(visible=True), bar, gr.skip()]
        if task.error is not None or task.stopped:
            yield [gr.update(visible=False), self._why(task), gr.skip()]
            return
        yield [gr.update(visible=False), told, gr.update(choices=self.chosen.choices(task.result), value=task.result)]

    def follow(self, given: str, file: str | None) -> Iterator[list[Any]]:
        """The file to look at after a step: the new result when the old one was in view."""
        if not is_result(file):
            yield [gr.skip()] * 3
        elif not steps_of(given):
            yield [gr.skip(), gr.skip(), gr.update(value=None)]
        else:
            yield from self.show(given)

    def stop(self, given: str) -> None:
        for kind in ("recipe", "recipe-save", "recipe-look"):
            task = self.chosen.files.tasks.find((kind, given))
            if task is not None:
                task.stop()

    def write(self, given: str, name: str, *how: Any) -> Iterator[list[Any]]:
        """Make the rows again from the sources and keep them, with the recipe beside them."""
        steps, name = steps_of(given), (name or "").strip()
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
            yield [gr.update(visible=False), *skipped, self._why(task), *skipped]
            return
        held = task.result.get("held_out")
        path = f"data/{name}.jsonl"
        text = self.t("dataset.recipe.saved", rows=f"{task.result['rows']:,}", path=path)
        if held:
            text += " " + self.t("dataset.recipe.saved_held", rows=f"{held:,}", path=f"data/{name}.eval.jsonl")
        told = offered_html(text, path, self.t)
        kept = gr.update(choices=recipe.saved(self.home), value=name)
        yield [gr.update(visible=False), *skipped, told, self.chosen.again(how[0]), kept]

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

    def _note(self, key: str) -> str:
        return f'<p class="wb-note">{forms.plain(self.t(key))}</p>'

    def _why(self, task: Task) -> str:
        """A task that came to nothing failed, or was stopped."""
        return forms.problem(self.t.error(task.error)) if task.error else self._note("dataset.progress.stopped")
