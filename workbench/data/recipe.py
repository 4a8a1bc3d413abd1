"""Steps (take, edit, delete, repair, deduplicate, shuffle, cap, split) -> a new data set that can be made again.

A recipe is a list of plain mappings, kept as NAME.recipe.json beside the rows it made; running it again on the same
sources gives the same bytes.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from workbench.data import formats, mix, repairs, sources
from workbench.data.load import Scan
from workbench.data.quality import fingerprint
from workbench.data.reading import Reading
from workbench.data.records import Record
from workbench.data.rows import RowError
from workbench.data.writers import write_rows
from workbench.errors import UserError, nearest

Step = Mapping[str, Any]
Tell = Callable[[float | None, int], None]
ENDING = ".recipe.json"
_TOLD_ROWS = 512


def _silent(fraction: float | None, rows: int) -> None:
    pass


@dataclass
class Prepared:
    """ids[i] names records[i] through all steps: the row's number in its source, counted on from source to source.

    taken: the highest number so far. sources: (what was taken, the number before its first row, rows that it has).
    """

    records: list[Record] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    held_out: list[Record] = field(default_factory=list)
    taken: int = 0
    sources: list[tuple[str, int, int]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)  # of the sources
    done: list[tuple[str, int, int]] = field(default_factory=list)  # (step, rows before, rows after)
    mended: dict[int, Counter[str]] = field(default_factory=dict)  # place of a step -> rows each repair changed in it

    def copy(self) -> Prepared:
        """Steps replace lists or change them in place; records are frozen."""
        lists = {name: list(getattr(self, name)) for name in ("records", "ids", "held_out", "sources", "paths", "done")}
        return replace(self, mended=dict(self.mended), **lists)


def prepare(
    steps: Sequence[Step], home: Path | str, *, begun: Prepared | None = None, tell: Tell = _silent,
    inside: bool = False,
) -> Prepared:  # fmt: skip
    """Run the steps in order. Raises UserError, naming the step, for one that is unknown or cannot be done.

    take: {"path", "from"?, "encoding"?, "map"?, "repair"?}: as in a spec, with weights, and read as `inspect` does
    delete: {"rows": [ids]}     edit: {"row": id, "value": a row of any known format}     repair: {"names"}
    deduplicate: {}     shuffle: {"seed"}     cap: {"count"}     split: {"fraction", "seed"} holds rows out

    begun: what the first steps gave before. inside: sources may not lead out of the workspace.
    """
    state = begun.copy() if begun else Prepared()
    for number, step in enumerate(steps, 1):
        if number <= len(state.done):
            continue
        name = step.get("step") if isinstance(step, Mapping) else None
        if name not in _STEPS:
            raise UserError("data.unknown_step", number=number, value=name, nearest=nearest(str(name), _STEPS))
        before = len(state.records)
        try:
            if name == "take":
                _take(state, step, home, tell, inside)
            else:
                tell(None, before)
                _STEPS[name](state, step)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError("data.bad_step", number=number, value=name, why=error) from None
        state.done.append((name, before, len(state.records)))
    return state


def save(
    steps: Sequence[Step], name: str, home: Path | str, *, tell: Tell = _silent, inside: bool = False
) -> dict[str, Any]:
    """Prepare and write data/NAME.jsonl (and NAME.eval.jsonl when rows were held out) with the recipe beside it."""
    from workbench.runs import check_name, write_whole

    check_name(name)
    folder = Path(home) / "data"
    _check_free(folder, name)
    state = prepare(steps, home, tell=tell, inside=inside)
    if not state.records:
        raise UserError("data.recipe_empty", name=name)
    files = {folder / f"{name}.jsonl", folder / f"{name}.eval.jsonl"}
    if any(Path(path).resolve() in {file.resolve() for file in files} for path in state.paths):
        raise UserError("data.recipe_name_taken", name=name)
    folder.mkdir(parents=True, exist_ok=True)
    written = {"rows": write_rows(folder / f"{name}.jsonl", (record.to_row() for record in state.records))}
    if state.held_out:
        held = (record.to_row() for record in state.held_out)
        written["held_out"] = write_rows(folder / f"{name}.eval.jsonl", held)
    else:  # those of this name before are in the rows now
        (folder / f"{name}.eval.jsonl").unlink(missing_ok=True)
    recipe = {"steps": list(steps), "done": [list(entry) for entry in state.done], **written}
    write_whole(folder / f"{name}{ENDING}", json.dumps(recipe, ensure_ascii=False, indent=1) + "\n")
    return written


def _check_free(folder: Path, name: str) -> None:
    """Rows that no recipe made are nobody's to write over."""
    if not (folder / f"{name}{ENDING}").exists():
        for ending in (".jsonl", ".eval.jsonl"):
            if (folder / f"{name}{ending}").exists():
                raise UserError("data.recipe_name_taken", name=name)


def saved(home: Path | str) -> list[str]:
    """The names of the recipes in the workspace's data folder."""
    return sorted(path.name.removesuffix(ENDING) for path in (Path(home) / "data").glob(f"*{ENDING}"))


def steps_of(name: str, home: Path | str) -> list[dict[str, Any]]:
    """A kept recipe's steps. Raises UserError for one that is not there, or is none."""
    path = Path(home) / "data" / f"{name}{ENDING}"
    known = saved(home)
    if name not in known:
        raise UserError("data.unknown_recipe", value=name[:60], nearest=nearest(name, known) if known else "-")
    try:
        steps = json.loads(path.read_text(encoding="utf-8"))["steps"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError("data.broken_recipe", path=path.name, why=error) from None
    return [dict(step) for step in steps]


def _take(state: Prepared, step: Step, home: Path | str, tell: Tell, inside: bool) -> None:
    names = ("step", "path", "format", "seed")
    reading = Reading.of({name: value for name, value in step.items() if name not in names})
    found = sources.parse(step["path"], home)
    if inside:
        sources.check_inside(found, home)
    mended: Counter[str] = Counter()
    for source in found:
        state.paths.append(source.path)
        rows, highest = [], 0
        for row, record in _read(source, reading, step.get("format"), tell, mended):
            highest = row
            if record is not None:
                rows.append((row, record))
        taken = mix.weighted(rows[: source.limit], source.weight, int(step.get("seed", 0)))
        count = len(rows[: source.limit])
        before = state.taken
        # A second copy of a row gets a number of its own, so that one of them can be deleted.
        whole = int(source.weight) * count
        for place, (row, _) in enumerate(taken):
            copy = place // count if place < whole else int(source.weight)
            state.ids.append(before + copy * highest + row)
        state.records += [record for _, record in taken]
        state.taken += highest * max(1, math.ceil(source.weight))
        state.sources.append((source.name or source.path, before, highest))
    state.mended[len(state.done)] = mended


def _read(
    source: sources.Source, reading: Reading, slug: str | None, tell: Tell, mended: Counter[str]
) -> Iterator[tuple[int, Record | None]]:
    """(row, its record or None); mended: counts the rows that repairs changed.

    Raises UserError when no row of a source can be used.
    """
    arguments = reading.arguments
    rows = sources.read([source], arguments.pop("encoding"))
    arguments["source"] = arguments["source"] or slug
    arguments["mapping"] = arguments["mapping"] or dict(source.mapping) or None
    scan = Scan(rows, **arguments)
    for item in scan:
        if item.row % _TOLD_ROWS == 0:
            tell(rows.fraction(), item.row)
        yield item.row, item.record
    if error := scan.report.error(source.path):
        raise error
    mended.update(scan.report.repaired)


def _keep(state: Prepared, kept: Sequence[int]) -> None:
    """Only the records at these places, in this order."""
    state.records, state.ids = [state.records[at] for at in kept], [state.ids[at] for at in kept]


def _delete(state: Prepared, step: Step) -> None:
    gone = set(step["rows"])
    _known(state, gone)
    _keep(state, [at for at, row in enumerate(state.ids) if row not in gone])


def _known(state: Prepared, rows: set[int]) -> None:
    if missing := sorted(rows - set(state.ids)):
        raise ValueError(f"row {missing[0]} is not there")


def _edit(state: Prepared, step: Step) -> None:
    _known(state, {step["row"]})
    schema = formats.detect(step["value"])
    try:
        record = schema.convert(step["value"]) if schema else None
    except RowError as error:
        raise UserError("data.bad_edit", row=step["row"], reason=error) from None
    if record is None or isinstance(record, list):
        raise UserError("data.bad_edit", row=step["row"], reason=RowError("unknown_shape", columns="-"))
    state.records[state.ids.index(step["row"])] = record


def _repair(state: Prepared, step: Step) -> None:
    names = repairs.check(step["names"])
    if rest := [name for name in names if name not in repairs.TEXT_REPAIRS]:
        raise ValueError(f"{rest[0]} works on rows as they are read: give it to the step take")
    if not names:
        raise ValueError("no repair is named")
    mended = state.mended[len(state.done)] = Counter()
    for at, record in enumerate(state.records):
        state.records[at], changed = repairs.repair(record, names)
        mended.update(changed)


def _deduplicate(state: Prepared, step: Step) -> None:
    first: dict[str, int] = {}
    for at, record in enumerate(state.records):
        first.setdefault(fingerprint(record), at)
    _keep(state, list(first.values()))


def _shuffle(state: Prepared, step: Step) -> None:
    order = list(range(len(state.records)))
    random.Random(int(step["seed"])).shuffle(order)
    _keep(state, order)


def _cap(state: Prepared, step: Step) -> None:
    if (count := int(step["count"])) < 1:
        raise ValueError("count must be at least 1")
    _keep(state, range(min(count, len(state.records))))


def _split(state: Prepared, step: Step) -> None:
    if not 0 < float(step["fraction"]) < 1:
        raise ValueError("fraction must lie between 0 and 1")
    _, held = mix.split(state.records, float(step["fraction"]), int(step["seed"]))
    state.held_out += held
    # A weight above 1 repeats a record; its copies share the prompt, so they are on one side together.
    out = {id(record) for record in held}
    _keep(state, [at for at, record in enumerate(state.records) if id(record) not in out])


def _taken(state: Prepared, step: Step) -> None:
    raise AssertionError("take needs the workspace")


_STEPS: dict[str, Callable[[Prepared, Step], None]] = {
    "take": _taken,
    "delete": _delete,
    "edit": _edit,
    "repair": _repair,
    "deduplicate": _deduplicate,
    "shuffle": _shuffle,
    "cap": _cap,
    "split": _split,
}
