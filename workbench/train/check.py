"""A spec -> a UserError at once for what cannot work, before anything is queued or written.

torch is only needed where the spec asks for what some machines cannot do.
"""

from __future__ import annotations

from pathlib import Path

from workbench.data import new_tokens, styles
from workbench.data import sources as data_sources
from workbench.data.mix import training_records
from workbench.errors import UserError, nearest
from workbench.models import abilities, adapters, sources
from workbench.specs import STAGES, Spec, conflicts, flatten, knobs, to_mapping
from workbench.train import probes

# A larger file is read when the run begins: a click on "start" should answer within a second or two.
_READ_AT_ONCE_BYTES = 20_000_000


def check(spec: Spec, home: Path, *, foreign: bool = True) -> None:
    """Raises UserError for a missing file, model, style, identity or question list and for knobs that clash.

    foreign: whether what is read may lie outside the workspace; not for what comes over the web.
    """
    if not foreign:
        check_inside(spec, home)
    style = spec.data.template
    if style and style not in styles.names():
        raise UserError("data.unknown_style", value=style, nearest=nearest(style, styles.names()))
    conflicts.refuse(spec)
    _check_machine(spec)
    probes.of_spec(spec, home)
    _check_start(spec, home)
    _check_model(spec)
    _check_rows(spec, home)


def check_inside(spec: Spec, home: Path) -> None:
    """Raises UserError, naming the path, for data, questions, word lists or an adapter outside the workspace.

    The model alone may be anywhere: its folder is where downloads and other programs put it.
    """
    found = data_sources.parse(spec.data.path, home) if spec.data.path else []
    for path in new_tokens.files(spec.vocabulary):
        found.append(data_sources.Source(str(data_sources.place(path, home))))
    if spec.probes.path and not probes.is_shipped(spec.probes.path):
        found.append(data_sources.Source(str(probes.probes_path(spec.probes.path, home))))
    data_sources.check_inside(found, home)
    start = spec.adapter.continue_from.strip()
    if start:
        adapters.folder_of(home, start, foreign=False)


def _check_machine(spec: Spec) -> None:
    values = flatten(to_mapping(spec, all_values=True))
    defaults = {item.path: item.default for item in knobs(STAGES[spec.stage])}
    if abilities.risked(values, defaults):
        abilities.check_device(spec.model.device)
        abilities.check(values, spec.model.device)


def _check_start(spec: Spec, home: Path) -> None:
    """The adapter to begin with, and the files that new tokens come from, are there."""
    start = spec.adapter.continue_from.strip()
    if start and not adapters.is_model(Path(start).expanduser()):  # a whole model is refused with its own sentence
        adapters.locate(home, start)
    for path in new_tokens.files(spec.vocabulary):
        data_sources.place(path, home)


def _check_model(spec: Spec) -> None:
    """A folder is looked at; a hub name is left to the run, because looking may mean downloading."""
    if not sources.is_hub_name(spec.model.path):
        sources.check_weights(sources.folder(spec.model.path, lambda fraction: None))


def _check_rows(spec: Spec, home: Path) -> None:
    if spec.data.path:
        size_bytes = data_sources.size_bytes(data_sources.parse(spec.data.path, home))
        if size_bytes is None or size_bytes > _READ_AT_ONCE_BYTES:
            return
    data = training_records(spec, home)
    if not data.records:
        raise UserError("train.no_rows", why=UserError("data.nothing_to_train"))
