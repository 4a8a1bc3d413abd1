"""Steps (take, edit, delete, repair, deduplicate, shuffle, cap, split) -> a new data set that can be made again.

A recipe is a list of plain mappings, kept as NAME.recipe.json beside the rows it made; running it again on the same
sources gives the same bytes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.data import formats, mix, repairs, sources
from workbench.data.load import load
from workbench.data.quality import fingerprint
from workbench.data.records import Record
from workbench.data.rows import RowError
from workbench.data.writers import write_rows
from workbench.errors import UserError, nearest

Step = Mapping[str, Any]


@dataclass
class Prepared:
    """ids[i] names records[i] through all steps: its number in the order in which rows were taken, from 1."""

    records: list[Record] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    held_out: list[Record] = field(default_factory=list)
    taken: int = 0
    done: list[tuple[str, int, int]] = field(default_factory=list)  # (step, rows before, rows after)


def prepare(steps: Sequence[Step], home: Path | str) -> Prepared:
    """Run the steps in order. Raises UserError, naming the step, for one that is unknown or cannot be done.

    take: {"path", "format"?}: a path as in a spec, with weights     delete: {"rows": [ids]}
    edit: {"row": id, "value": a row of any known format}            repair: {"names"}
    deduplicate: {}     shuffle: {"seed"}     cap: {"count"}     split: {"fraction", "seed"} holds rows out
    """
    state = Prepared()
    for number, step in enumerate(steps, 1):
        name = step.get("step") if isinstance(step, Mapping) else None
        if name not in _STEPS:
            raise UserError("data.unknown_step", number=number, value=name, nearest=nearest(str(name), _STEPS))
        before = len(state.records)
        try:
            _STEPS[name](state, step, home)
        except (KeyError, TypeError, ValueError) as error:
            raise UserError("data.bad_step", number=number, value=name, why=error) from None
        state.done.append((name, before, len(state.records)))
    return state


def save(steps: Sequence[Step], name: str, home: Path | str) -> dict[str, Any]:
    """Prepare and write data/NAME.jsonl (and NAME.eval.jsonl when rows were held out) with the recipe beside it."""
    from workbench.runs import check_name, write_whole

    check_name(name)
    state = prepare(steps, home)
    if not state.records:
        raise UserError("data.recipe_empty", name=name)
    folder = Path(home) / "data"
    folder.mkdir(parents=True, exist_ok=True)
    written = {"rows": write_rows(folder / f"{name}.jsonl", (record.to_row() for record in state.records))}
    if state.held_out:
        held = (record.to_row() for record in state.held_out)
        written["held_out"] = write_rows(folder / f"{name}.eval.jsonl", held)
    recipe = {"steps": list(steps), "done": [list(entry) for entry in state.done], **written}
    write_whole(folder / f"{name}.recipe.json", json.dumps(recipe, ensure_ascii=False, indent=1) + "\n")
    return written


def _take(state: Prepared, step: Step, home: Path | str) -> None:
    for source in sources.parse(step["path"], home):
        loaded = load(source.path, rename=source.rename, source=step.get("format"))
        if error := loaded.report.error(source.path):
            raise error
        records = mix.weighted(loaded.records[: source.limit], source.weight, int(step.get("seed", 0)))
        state.ids += range(state.taken + 1, state.taken + len(records) + 1)
        state.taken += len(records)
        state.records += records


def _keep(state: Prepared, kept: Sequence[int]) -> None:
    """Only the records at these places, in this order."""
    state.records, state.ids = [state.records[at] for at in kept], [state.ids[at] for at in kept]


def _delete(state: Prepared, step: Step, home: Path | str) -> None:
    gone = set(step["rows"])
    _known(state, gone)
    _keep(state, [at for at, row in enumerate(state.ids) if row not in gone])


def _known(state: Prepared, rows: set[int]) -> None:
    if missing := sorted(rows - set(state.ids)):
        raise ValueError(f"row {missing[0]} is not there")


def _edit(state: Prepared, step: Step, home: Path | str) -> None:
    _known(state, {step["row"]})
    schema = formats.detect(step["value"])
    try:
        record = schema.convert(step["value"]) if schema else None
    except RowError as error:
        raise UserError("data.bad_edit", row=step["row"], reason=error) from None
    if record is None or isinstance(record, list):
        raise UserError("data.bad_edit", row=step["row"], reason=RowError("unknown_shape", columns="-"))
    state.records[state.ids.index(step["row"])] = record


def _repair(state: Prepared, step: Step, home: Path | str) -> None:
    names = repairs.check(step["names"])
    state.records = [repairs.repair(record, names)[0] for record in state.records]


def _deduplicate(state: Prepared, step: Step, home: Path | str) -> None:
    first: dict[str, int] = {}
    for at, record in enumerate(state.records):
        first.setdefault(fingerprint(record), at)
    _keep(state, list(first.values()))


def _shuffle(state: Prepared, step: Step, home: Path | str) -> None:
    order = list(range(len(state.records)))
    random.Random(int(step["seed"])).shuffle(order)
    _keep(state, order)


def _cap(state: Prepared, step: Step, home: Path | str) -> None:
    if (count := int(step["count"])) < 1:
        raise ValueError("count must be at least 1")
    _keep(state, range(min(count, len(state.records))))


def _split(state: Prepared, step: Step, home: Path | str) -> None:
    if not 0 < float(step["fraction"]) < 1:
        raise ValueError("fraction must lie between 0 and 1")
    _, held = mix.split(state.records, float(step["fraction"]), int(step["seed"]))
    state.held_out += held
    # A weight above 1 repeats a record; its copies share the prompt, so they are on one side together.
    out = {id(record) for record in held}
    _keep(state, [at for at, record in enumerate(state.records) if id(record) not in out])


_STEPS: dict[str, Callable[[Prepared, Step, Path | str], None]] = {
    "take": _take,
    "delete": _delete,
    "edit": _edit,
    "repair": _repair,
    "deduplicate": _deduplicate,
    "shuffle": _shuffle,
    "cap": _cap,
    "split": _split,
}
