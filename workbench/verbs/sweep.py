"""`workbench sweep SPEC_OR_PRESET … --over KNOB=V1,V2`: every combination trained one after another, and summarised."""

from __future__ import annotations

from typing import Any

import click

from workbench.errors import UserError
from workbench.verbs.terminal import Terminal, Translate, table, verb


def command(t: Translate, lang: str) -> click.Command:
    @verb(t, "sweep", lang=lang)
    @click.argument("source", metavar="[SPEC_OR_PRESET]", required=False)
    @click.argument("overrides", metavar="[SECTION.KNOB=VALUE]…", nargs=-1)
    @click.option("--over", multiple=True, metavar="KNOB=V1,V2…", help=t("cli.sweep.over"))
    @click.option("--name", default=None, help=t("cli.sweep.name"))
    @click.option("--show", default=None, metavar="SWEEP", help=t("cli.sweep.show"))
    def sweep(
        terminal: Terminal, source: str | None, overrides: tuple[str, ...], over: tuple[str, ...], name: str | None,
        show: str | None,
    ) -> int:  # fmt: skip
        from workbench.history.sweep import summary

        if show is not None:
            return _told(terminal, summary(terminal.home, show), t)
        if not source:
            raise UserError("sweep.nothing")
        name, failed = _trained(terminal, source, overrides, over, name)
        return _told(terminal, summary(terminal.home, name), t) or failed

    return sweep


def _trained(
    terminal: Terminal, source: str, overrides: tuple[str, ...], over: tuple[str, ...], name: str | None
) -> tuple[str, int]:
    """Every run is checked and created before the first begins; a stop ends the whole sweep, a failed run does not."""
    from workbench import presets, runs
    from workbench.history import sweep
    from workbench.models.hub import Hub
    from workbench.specs import parse_override
    from workbench.train.check import check
    from workbench.verbs.train import anchored, train_in_foreground

    given = dict(parse_override(text) for text in overrides)
    spec = anchored(presets.resolve(source, given, terminal.home), terminal.home)
    points = sweep.points(spec, sweep.grid_of(over))
    name = sweep.free_name(terminal.home, name)
    for point in points:
        check(point.spec, terminal.home)
    made = [runs.create(terminal.home, point.spec, stem=name) for point in points]
    for run, point in zip(made, points, strict=True):
        sweep.mark(run, name, point)
    hub, failed = Hub(), 0
    for place, (run, point) in enumerate(zip(made, points, strict=True), 1):
        values = ", ".join(f"{path}={value}" for path, value in point.values.items())
        terminal.note(terminal.t("cli.sweep.run", place=place, count=len(made), run=run.name, values=values))
        state = train_in_foreground(terminal, run, hub)
        failed = 1 if state["state"] == "failed" else failed
        if state["state"] == "stopped":
            break
    return name, failed


def _told(terminal: Terminal, found: dict[str, Any], t: Translate) -> int:
    knobs = list(dict.fromkeys(path for row in found["runs"] for path in row["values"]))
    head = [t("cli.runs.run"), *knobs, t("cli.runs.state"), t("cli.runs.step"), t("cli.runs.loss"),
            t("ui.live.eval_loss"), t("cli.runs.score")]  # fmt: skip
    body = [
        [row["run"], *(str(row["values"].get(path, "–")) for path in knobs), t(f"states.{row['state']}"),
         str(row["step"]), _number(row["loss"]), _number(row["eval_loss"]), _number(row["score"])]
        for row in found["runs"]
    ]  # fmt: skip
    judged = t("cli.sweep.judged", by=t(f"ui.live.{found['judged_by']}"))
    terminal.result(found, table([head, *body]) + "\n" + judged)
    return 0


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
