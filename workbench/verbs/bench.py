"""`workbench bench [NAME]…`: this machine measured, against peers and against hand-written loops."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import click

from workbench import bench as comparisons
from workbench.errors import UserError, nearest
from workbench.verbs.terminal import Terminal, Translate, verb


def command(t: Translate, lang: str) -> click.Command:
    names = comparisons.names()

    @verb(t, "bench", lang=lang)
    @click.argument("chosen", nargs=-1, metavar="[NAME]…")
    def bench(terminal: Terminal, chosen: tuple[str, ...]) -> None:
        for name in chosen:
            if name not in names:
                raise UserError(
                    "cli.unknown_bench", value=name[:60], names=", ".join(names), nearest=nearest(name, names)
                )
        figures: dict[str, Any] = {}
        shown = []
        for name in chosen or names:
            terminal.note(t("cli.bench.measuring", name=name))
            module = import_module(f"workbench.bench.{name}")
            figures[name] = module.compare()
            whole = json.dumps({name: figures[name]}, ensure_ascii=False, indent=2)
            shown.append(module.text(figures[name], t) if hasattr(module, "text") else whole)
        terminal.result(figures, "\n\n".join(shown))

    return bench
