"""A spec before its start -> steps, tokens, learning rates and what speaks against it; nothing is trained."""

from __future__ import annotations

import contextlib
import json
import math
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.data import hubs, new_tokens, sources
from workbench.data.mix import Share, training_records
from workbench.errors import UserError, WorkbenchError
from workbench.memory.estimate import Rows
from workbench.memory.learned import BASE_WEIGHTS
from workbench.specs import Spec
from workbench.stages.packing import packs
from workbench.train.folders import Folders
from workbench.train.rows import render_all
from workbench.train.vocabulary import planned

if TYPE_CHECKING:
    from workbench.data.render import Rendered

# The sum of the learning rates over all steps is about how far one weight can travel under Adam. LoRA's B begins at
# zero: below this it is still there. 16 steps at 5e-5 with a falling rate make 4e-4; the identity recipe makes 0.5.
_TOO_SHORT = 2e-3
_TOO_SHORT_FOR_BASE = 1e-4  # weights that are trained already need to go less far
_POINTS = 80
_KEPT_LENGTHS, _DRAWN_BATCHES = 5000, 300


@dataclass(frozen=True)
class Counted:
    """What the data come to once they are tokenized as the training will see them."""

    rows: int
    held_out: int
    tokens: int  # of one epoch
    trained_tokens: int  # those that take loss
    longest: int
    cut: int  # rows that are cut off
    lengths: tuple[int, ...] = ()  # of the rows, in tokens; of many rows some thousand
    shares: tuple[Share, ...] = ()  # what each source gives
    packs: int = 0  # that a spec which packs makes of the rows

    @classmethod
    def of(cls, spec: Spec, rendered: Sequence[Rendered], held_out: int = 0, shares: tuple[Share, ...] = ()) -> Counted:
        lengths = [len(row.input_ids) for row in rendered]
        return cls(
            rows=len(rendered), held_out=held_out, tokens=sum(lengths),
            trained_tokens=sum(sum(label != -100 for label in row.labels) for row in rendered),
            longest=max(lengths), cut=sum(row.truncated for row in rendered),
            lengths=tuple(lengths[:: len(lengths) // _KEPT_LENGTHS + 1]), shares=shares,
            packs=len(packs(lengths, spec.data.max_length)) if spec.packs else 0,
        )  # fmt: skip


def count(spec: Spec, home: Path, tokenizer: Any) -> Counted:
    """Reads and tokenizes everything: seconds for a large file. Raises UserError as the training would.

    tokenizer: the base's; new tokens are added to a copy.
    """
    data = training_records(spec, home)
    rendered = render_all(data.records, planned(spec, home, tokenizer), spec, lambda line: None, home)
    if not rendered:
        raise UserError("train.no_rows", why=UserError("data.nothing_to_train"))
    return Counted.of(spec, rendered, len(data.held_out), data.shares)


def rows_of(spec: Spec, counted: Counted, on_cpu: bool) -> Rows:
    """The largest micro-batch that a run will meet, as batches are drawn.

    On a CPU rows are laid end to end where that is less (stages/batches.py); elsewhere they are padded to the longest.
    """
    batch = min(spec.training.per_device_train_batch_size, counted.packs if spec.packs else counted.rows)
    fraction = counted.trained_tokens / counted.tokens
    if spec.packs:
        return Rows(batch, min(spec.data.max_length, counted.tokens), fraction)
    batches = math.ceil(counted.rows / batch * max(spec.training.num_train_epochs, 1))
    draw, tokens = random.Random(0), 0
    for _ in range(min(batches, _DRAWN_BATCHES)):
        lengths = draw.choices(counted.lengths or (counted.longest,), k=batch)
        tokens = max(tokens, sum(lengths) if on_cpu else batch * max(lengths))
    alike = counted.tokens == counted.rows * counted.longest
    return Rows(batch, math.ceil(tokens / batch), fraction, padded=not alike)


@dataclass(frozen=True)
class Steps:
    per_epoch: int
    total: int
    epochs: float


def steps(spec: Spec, counted: Counted) -> Steps:
    """As the Trainer counts them: a last batch that is not full is a step too."""
    knobs = spec.training
    rows = counted.packs if spec.packs else counted.rows
    batches = math.ceil(rows / knobs.per_device_train_batch_size)
    per_epoch = max(math.ceil(batches / knobs.gradient_accumulation_steps), 1)
    total = knobs.max_steps if knobs.max_steps > 0 else math.ceil(knobs.num_train_epochs * per_epoch)
    return Steps(per_epoch, total, total / per_epoch)


def _cosine(progress: float) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * progress))


# schedule -> factor of the learning rate, of (step, warm-up steps, all steps), after the warm-up
_FALLING: Mapping[str, Callable[[int, int, int], float]] = {
    "linear": lambda step, warm, total: max(0.0, (total - step) / max(1, total - warm)),
    "cosine": lambda step, warm, total: max(0.0, _cosine((step - warm) / max(1, total - warm))),
    "constant": lambda step, warm, total: 1.0,
    "constant_with_warmup": lambda step, warm, total: 1.0,
    # transformers falls to 1e-7 of a rate of 1, which nobody can see in a curve
    "polynomial": lambda step, warm, total: max(0.0, 1 - (step - warm) / max(1, total - warm)),
    "inverse_sqrt": lambda step, warm, total: 1.0 / math.sqrt((step + (warm or 10_000) - warm) / (warm or 10_000)),
}


def _restarts(spec: Spec, step: int, warm: int, total: int) -> float:
    cycles, progress = int(_settings(spec).get("num_cycles", 1)), (step - warm) / max(1, total - warm)
    return 0.0 if progress >= 1 else max(0.0, _cosine((cycles * progress) % 1.0))


def _cosine_with_floor(spec: Spec, step: int, warm: int, total: int) -> float:
    given = _settings(spec)
    floor = given.get("min_lr_rate", given.get("min_lr", 0.0) / spec.training.learning_rate)
    return max(0.0, _cosine((step - warm) / max(1, total - warm)) * (1 - floor) + floor)


def _settings(spec: Spec) -> dict[str, float]:
    """`name=value, …` of training.lr_scheduler_kwargs, as far as they are numbers; the start refuses the rest."""
    found = {}
    for part in spec.training.lr_scheduler_kwargs.split(","):
        name, _, value = part.partition("=")
        with contextlib.suppress(ValueError):
            found[name.strip()] = float(value)
    return found


def warm_up(spec: Spec, total: int) -> int:
    """Steps in which the rate rises; below 1 the knob is a part of the run, as in transformers."""
    given = spec.training.warmup_steps
    return int(given) if given >= 1 else math.ceil(given * total)


def learning_rate(spec: Spec, step: int, total: int) -> float | None:
    """The rate after `step` steps, as transformers' schedules give it; None for a schedule not known here."""
    kind, warm = spec.training.lr_scheduler_type, warm_up(spec, total)
    set_apart = {"cosine_with_restarts": _restarts, "cosine_with_min_lr": _cosine_with_floor}.get(kind)
    if set_apart is None and (kind not in _FALLING or spec.training.lr_scheduler_kwargs):
        return None
    if step < warm and kind != "constant":
        return spec.training.learning_rate * step / max(1, warm)
    factor = set_apart(spec, step, warm, total) if set_apart else _FALLING[kind](step, warm, total)
    return spec.training.learning_rate * factor


def curve(spec: Spec, total: int) -> list[tuple[int, float]]:
    """Points (step, learning rate) of the whole run, few enough to draw."""
    places = sorted({round(total * part / _POINTS) for part in range(_POINTS + 1)})
    found = [(step, learning_rate(spec, step, total)) for step in places]
    return [(step, rate) for step, rate in found if rate is not None]


def travel(spec: Spec, total: int) -> float | None:
    """The sum of the learning rates over all steps."""
    points = curve(spec, total)
    return sum(rate for _, rate in points) / len(points) * total if points else None


def objections(spec: Spec, found: Steps) -> list[WorkbenchError]:
    """What will make the run pointless though nothing is wrong with any single knob."""
    way, least, knobs = travel(spec, found.total), _TOO_SHORT, spec.training
    if spec.adapter.type in BASE_WEIGHTS:
        least = _TOO_SHORT_FOR_BASE
    told = []
    if way is not None and way < least:
        factor, rate = math.ceil(4 * least / way) if way else 2, f"{knobs.learning_rate:g}"
        told.append(UserError("plan.too_short", steps=found.total, rate=rate, factor=factor))
    if found.total > 1 and warm_up(spec, found.total) >= found.total and knobs.lr_scheduler_type != "constant":
        told.append(UserError("plan.only_warm_up", steps=found.total, warmup=knobs.warmup_steps))
    return told


def longer(spec: Spec, found: Steps) -> dict[str, Any]:
    """Overrides under which a run that is too short gets somewhere: a higher rate, then more epochs."""
    way = travel(spec, found.total) or 0.0
    least = _TOO_SHORT_FOR_BASE if spec.adapter.type in BASE_WEIGHTS else _TOO_SHORT
    if not 0 < way < least:
        return {}
    wanted = 4 * least / way
    highest = 2e-5 if spec.adapter.type in BASE_WEIGHTS else 1e-3
    rate = min(spec.training.learning_rate * wanted, max(highest, spec.training.learning_rate))
    rest = wanted * spec.training.learning_rate / rate
    changes: dict[str, Any] = {"training.learning_rate": float(f"{rate:.1g}")}
    if rest > 1.2:
        changes["training.num_train_epochs"] = math.ceil(found.epochs * rest)
        if spec.training.max_steps > 0:
            changes["training.max_steps"] = -1
    return changes


class _NotYet(Exception):
    """A large folder is being walked through for the first time."""


class Counts:
    """Data counted in the background, so that a form never waits for a file; the newest question wins."""

    def __init__(self, home: Path, tokenizer_of: Callable[[Spec], Any]) -> None:
        self.home = Path(home)
        self.tokenizer_of = tokenizer_of
        self._folders = Folders()
        self._lock = threading.Lock()
        self._known: dict[str, Counted | WorkbenchError] = {}
        self._counting: set[str] = set()
        self._asked = ""

    def ask(self, spec: Spec) -> Counted | WorkbenchError | None:
        """What is known; None while it is being counted. A refusal of the data is an answer too."""
        try:
            key = self._key(spec)
        except _NotYet:
            return None
        with self._lock:
            if key in self._known:
                return self._known[key]
            # A name is typed letter by letter: only what is asked twice in a row is meant.
            meant, self._asked = key == self._asked, key
            if meant and key not in self._counting and len(self._counting) < 2:
                self._counting.add(key)
                threading.Thread(target=self._count, args=(key, spec), name="counting data", daemon=True).start()
        return None

    def _count(self, key: str, spec: Spec) -> None:
        found: Counted | WorkbenchError
        try:
            found = count(spec, self.home, self.tokenizer_of(spec))
        except WorkbenchError as error:
            found = error
        except Exception as error:  # a defect in somebody's file must not leave the form waiting for ever
            found = WorkbenchError("train.defect", kind=type(error).__name__, text=str(error)[:200])
        with self._lock:
            self._counting.discard(key)
            if len(self._known) > 50:
                self._known.clear()
            self._known[key] = found

    def _key(self, spec: Spec) -> str:
        """Everything that the counts depend on, the files' own time and size too."""
        parts: dict[str, Any] = {
            "stage": spec.stage, "blocks": spec.pretrain.blocks if spec.stage == "pretrain" else "",
            "data": spec.data.model_dump(), "identity": spec.identity.model_dump(), "model": spec.model.path,
            "vocabulary": spec.vocabulary.model_dump(exclude={"trained"}), "start": spec.adapter.continue_from,
            "seed": spec.training.seed_of_data,  # of the split, of replay and of weights below one
        }  # fmt: skip
        with contextlib.suppress(UserError, OSError):  # the count itself says what is wrong
            found = sources.parse(spec.data.path, self.home) if spec.data.path else []
            places = [source.path for source in found if not hubs.is_hub(source.path)]
            places += [str(sources.place(path, self.home)) for path in new_tokens.files(spec.vocabulary)]
            parts["sources"] = [(source.path, source.mapping) for source in found]
            parts["files"] = [(place, self._mark(Path(place))) for place in places]
        return json.dumps(parts, sort_keys=True, default=str)

    def _mark(self, place: Path) -> Any:
        """Changes with the file, or with any file of the folder."""
        if place.is_dir():
            mark = self._folders.mark(place)
            if mark is None:
                raise _NotYet
            return mark
        status = place.stat()
        return status.st_mtime_ns, status.st_size


def to_json(counted: Counted) -> dict[str, Any]:
    return {name: value for name, value in asdict(counted).items() if name != "lengths"}
