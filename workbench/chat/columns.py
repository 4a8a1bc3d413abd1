"""What a column is called -> what answers in it: one small syntax for the page, the command line and both APIs.

base                            the model as it is
RUN   RUN/checkpoint-N   PATH   an adapter; a path may also be a whole model's folder
RUN@0.5                         the same adapter, its update halved
RUN@0.7+OTHER@0.3               a weighted mix: the sum of both updates, exactly
RUN@now                         the weights that a run is learning at this moment (RUN@now@0.5 works too)
remote:NAME                     a model behind an OpenAI-compatible address
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from workbench import runs
from workbench.errors import UserError, Word
from workbench.models import adapters
from workbench.models.adapters import AdapterRef

REMOTE = "remote:"
NOW = "@now"
STRONGEST = 10.0
_PART = re.compile(r"(?P<name>.+?)(?:@(?P<strength>[+-]?(?:\d+(?:\.\d*)?|\.\d+)))?")
_COMPLETE = re.compile(r".*@(?:now|[+-]?(?:\d+(?:\.\d*)?|\.\d+))")  # a `+` after this begins the next part


@dataclass(frozen=True)
class Part:
    """One adapter of a column and the factor of its update."""

    name: str
    strength: float = 1.0

    @property
    def run(self) -> str | None:
        """The run whose live weights are meant."""
        return self.name.removesuffix(NOW) if self.name.endswith(NOW) else None


@dataclass(frozen=True)
class Column:
    """Neither parts nor a remote model: the base as it is."""

    name: str
    parts: tuple[Part, ...] = ()
    remote: str = ""


@dataclass(frozen=True)
class Located:
    """Where a column's weights lie: adapters with their strengths, or a whole model instead of the chat's base."""

    column: Column
    refs: tuple[tuple[AdapterRef, float], ...] = ()
    model: str = ""  # a folder

    @property
    def step(self) -> int | None:
        """Of the training run whose live weights these are."""
        steps = [ref.step for (ref, _), part in zip(self.refs, self.column.parts, strict=False) if part.run]
        return steps[0] if len(steps) == 1 else None


def parse(name: str) -> Column:
    """Raises UserError for what is no column's name. Whether it exists is for `locate` to say."""
    text = name.strip()
    if text == adapters.BASE.name:
        return Column(text)
    if text.startswith(REMOTE):
        remote = text.removeprefix(REMOTE).strip()
        if not remote:
            raise UserError("columns.no_remote_name", name=name[:120])
        return Column(text, remote=remote)
    if not text:
        raise UserError("columns.no_name")
    return Column(text, tuple(_part(piece, name) for piece in _pieces(text)))


def _pieces(text: str) -> list[str]:
    pieces, open_piece = [], ""
    for piece in text.split("+"):
        open_piece = f"{open_piece}+{piece}" if open_piece else piece
        if _COMPLETE.fullmatch(open_piece.strip()):
            pieces.append(open_piece.strip())
            open_piece = ""
    return pieces + ([open_piece.strip()] if open_piece.strip() else [])


def _part(piece: str, name: str) -> Part:
    match = _PART.fullmatch(piece)
    if match is None or match["name"].startswith("@"):
        raise UserError("columns.bad_part", name=name[:120], part=piece[:120])
    strength = float(match["strength"] or 1.0)
    if abs(strength) > STRONGEST:
        raise UserError("columns.too_strong", name=name[:120], value=match["strength"], limit=f"{STRONGEST:g}")
    if match["name"] == adapters.BASE.name:
        raise UserError("columns.base_in_mix", name=name[:120])
    return Part(match["name"], strength)


def locate(
    home: Path,
    name: str,
    *,
    foreign: bool = True,
    snapshot: Callable[[str], AdapterRef | None] | None = None,
) -> Located:
    """The weights behind a column's name. Raises UserError for what is not there, not whole, or outside (`foreign`).

    snapshot: run -> a copy of the weights it is learning now, None when it does not train in this process. Without
    it, and for such a run, `RUN@now` is the newest thing the run has saved.
    """
    column = parse(name)
    if len(column.parts) == 1 and column.parts[0].strength == 1.0:
        model = _whole_model(Path(home), column.parts[0].name, foreign)
        if model is not None:
            return Located(column, model=str(model))
    refs = []
    for part in column.parts:
        if part.run is not None:
            ref = (snapshot(part.run) if snapshot else None) or newest(home, part.run)
        else:
            ref = adapters.locate(home, part.name, foreign=foreign)
        refs.append((ref, part.strength))
    return Located(column, tuple(refs))


def check(home: Path, name: str, *, foreign: bool = True) -> None:
    """Raises what `locate` would, without copying anything; a run that has saved nothing yet may still be live."""
    try:
        locate(home, name, foreign=foreign)
    except UserError as error:
        live = any(part.run is not None for part in parse(name).parts)
        if not (live and error.key == "adapters.nothing_yet"):
            raise


def newest(home: Path, run: str) -> AdapterRef:
    """The newest adapter of a run: its result, else its last checkpoint. Raises UserError when it has none."""
    found = runs.find(home, run)
    whole = list(adapters.of_run(found))
    if not whole:
        raise UserError("adapters.nothing_yet", run=run, state=Word(f"states.{found.state()['state']}"))
    results = [ref for ref in whole if ref.step is None]
    return results[0] if results else whole[-1]


def base_of(home: Path, names: Iterable[str], *, foreign: bool = True) -> str:
    """The base model that the columns' runs were trained on, when they agree on one; the embedded one otherwise."""
    refs: list[AdapterRef] = []
    for name in names:
        try:
            column = parse(name)
            for part in column.parts:
                if part.run is not None:  # its spec says so before anything is saved
                    base = runs.find(home, part.run).spec().model.path
                    refs.append(AdapterRef(part.name, None, part.run, None, base))
            refs += [ref for ref, _ in locate(home, name, foreign=foreign).refs]
        except (UserError, OSError):  # the column itself says what is wrong with it
            continue
    return adapters.base_of(refs)


def check_mixable(located: Located, configs: Iterable[Mapping[str, object]]) -> None:
    """Raises UserError when an adapter's update cannot be multiplied and added: the sum would be another model."""
    if len(located.refs) == 1 and located.refs[0][1] == 1.0:
        return
    for (ref, _), config in zip(located.refs, configs, strict=True):
        if not adapters.scalable(config):
            raise UserError("columns.cannot_mix", name=ref.name, kind=adapters.kind(config))


def _whole_model(home: Path, name: str, foreign: bool) -> Path | None:
    """The folder of a whole model: a path to one, or a run (or its checkpoint) that trained all weights."""
    if "/" in name or "\\" in name:
        run, _, checkpoint = name.replace("\\", "/").partition("/")
        folder = home / "runs" / run / checkpoint
        if not (checkpoint.startswith("checkpoint-") and folder.is_dir()):
            folder = adapters.folder_of(home, name, foreign)
    else:
        folder = home / "runs" / name / "model"
    whole = (folder / "config.json").is_file() and not (folder / adapters.CONFIG).exists()
    return folder if whole else None
