"""Options of inspect, convert and preview that say how files are read and what model sees them, as page and endpoint
know them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.verbs.terminal import Terminal, Translate, Whole

if TYPE_CHECKING:
    from workbench.data.reading import Reading, Seeing
    from workbench.data.sources import Source

Command = Callable[..., Any]


def reading_options(t: Translate) -> Callable[[Command], Command]:
    """--from --encoding --map --repair; `reading_of` takes them out of the verb's values."""
    from workbench.data import mapping
    from workbench.data.repairs import NAMES

    options = (
        click.option("--from", "source", metavar="SLUG", default=None, help=t("cli.reading.source")),
        click.option("--encoding", default=None, help=t("cli.reading.encoding")),
        click.option("--map", "assigned", metavar="ROLE=COLUMN|NAME", multiple=True,
                     help=t("cli.reading.map", roles=" ".join(mapping.ROLES))),
        click.option("--repair", "repairs", metavar="NAME", multiple=True,
                     help=t("cli.reading.repair", names=" ".join(NAMES))),
    )  # fmt: skip
    return lambda command: _decorated(command, options)


def seeing_options(t: Translate, *, model: str | None, max_length: int | None) -> Callable[[Command], Command]:
    """--model --template --max-length with these defaults."""
    shown = model is not None
    options = (
        click.option("--model", default=model, show_default=shown, help=t("cli.preview.model")),
        click.option("--template", default=None, help=t("cli.preview.template")),
        click.option("--max-length", type=Whole(8), default=max_length, show_default=shown,
                     help=t("cli.preview.max_length")),
    )  # fmt: skip
    return lambda command: _decorated(command, options)


def _decorated(command: Command, options: tuple[Any, ...]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


def reading_of(terminal: Terminal, values: dict[str, Any]) -> Reading:
    """Raises UserError for a mapping that is none."""
    from workbench.data.reading import Reading

    options = {"from": "source", "encoding": "encoding", "map": "assigned", "repair": "repairs"}
    return Reading.of({name: values.pop(value) for name, value in options.items()}, home=terminal.home)


def seeing_of(values: dict[str, Any]) -> Seeing | None:
    """What model is asked for; None where the verb has no default and nobody asked."""
    from workbench.data.reading import Seeing

    options = {name: values.pop(name) for name in Seeing.NAMES}
    if options["model"]:
        options["model"] = anchored(options["model"])
    return Seeing.asked(options)


def tokenizer_of(seeing: Seeing | None) -> Any:
    if seeing is None:
        return None
    from workbench.models.hub import Hub

    return Hub().tokenizer(seeing.model)


def anchored(model: str) -> str:
    """A folder beside the caller as its whole path; `embedded` and hub names as they are."""
    return str(Path(model).resolve()) if model != "embedded" and Path(model).is_dir() else model


def sources_of(terminal: Terminal, text: str) -> list[Source]:
    """FILE as a person at a terminal names it: what stands beside the caller first, then what the workspace has."""
    from workbench.data import sources

    beside = Path(text)
    if beside.exists() and beside.name != sources.registry.NAME:
        return [sources.Source(text, name=text)]
    return sources.parse(text, terminal.home)
