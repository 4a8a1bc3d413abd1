"""`workbench train SPEC_OR_PRESET [section.knob=value …]`: a run trained here and now, with a progress bar."""

from __future__ import annotations

import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.errors import UserError
from workbench.locales import has, translate
from workbench.verbs.terminal import Terminal, Translate, Verb, verb

if TYPE_CHECKING:
    from workbench.runs import Run
    from workbench.specs import Knob, Spec
    from workbench.train.progress import OnProgress, Progress


def command(t: Translate, lang: str) -> click.Command:
    @verb(t, "train", lang=lang, cls=TrainVerb)
    @click.argument("source", metavar="SPEC_OR_PRESET", required=False)
    @click.argument("overrides", metavar="[SECTION.KNOB=VALUE]…", nargs=-1)
    @click.option("--run", "name", default=None, help=t("cli.train.run"))
    @click.option("--resume", is_flag=True, help=t("cli.train.resume"))
    def train(
        terminal: Terminal, source: str | None, overrides: tuple[str, ...], name: str | None, resume: bool
    ) -> int:
        from workbench import runs
        from workbench.train.resume import check_resumable

        if resume:
            if source or not name:
                raise UserError("cli.resume_what")
            run = runs.find(terminal.home, name)
            check_resumable(run)
        else:
            run = _created(terminal, source, overrides, name)
        terminal.note(t("cli.train.name_it", run=run.name, path=run.directory))
        return _train(terminal, run, resume)

    return train


def _created(terminal: Terminal, source: str | None, overrides: tuple[str, ...], name: str | None) -> Run:
    """The new run's directory; nothing is written before everything that was given has been checked."""
    from workbench import presets, runs
    from workbench.memory.device import chosen
    from workbench.models import abilities
    from workbench.specs import conflicts, parse_override
    from workbench.train.check import check

    if not source:
        raise UserError("cli.nothing_to_train")
    if name is not None:
        runs.check_name(name)
        if (terminal.home / "runs" / name).exists():  # said now, not after the data were read
            raise UserError("runs.exists", name=name)
    left_out = presets.unmatched(source) if source not in presets.available(terminal.home) else []
    if left_out:
        terminal.note(terminal.t("cli.train.unmatched", lines=" · ".join(left_out)))
    given = dict(parse_override(text) for text in overrides)
    spec = anchored(presets.resolve(source, given, terminal.home), terminal.home)
    check(spec, terminal.home)
    for clash in conflicts.find(spec):
        terminal.note(clash.error.text(terminal.lang))
    for note in abilities.notes(spec.model.dtype, chosen(spec.model.device).kind):
        terminal.note(note.text(terminal.lang))
    return runs.create(terminal.home, spec, name, _stem(source, spec.stage))


def anchored(spec: Spec, home: Path) -> Spec:
    """Paths beside the caller made whole, so that the run can be repeated and resumed from anywhere.

    What lies in the workspace stays relative to it: the workspace can be moved.
    """
    from workbench.specs import layered, parse, to_mapping

    whole: dict[str, Any] = {}
    for section, places in (("data", (home, home / "data")), ("model", ()), ("probes", (home,))):
        path = getattr(spec, section).path
        if not path or Path(path).is_absolute() or any((place / path).exists() for place in places):
            continue
        beside = Path(path).expanduser()
        if path != "embedded" and beside.exists() and (section == "data" or beside.suffix or "/" in path):
            whole[f"{section}.path"] = str(beside.resolve())
    return parse(layered(to_mapping(spec), whole)) if whole else spec


def _stem(source: str, stage: str) -> str:
    """The first part of a run's name that was not given: the preset's name, or the file's where it says something."""
    name = re.sub(r"[^\w\-]+", "-", Path(source).stem).strip("-")[:60]
    return name if name and name != "spec" and name[0].isalnum() else stage


def _train(terminal: Terminal, run: Run, resume: bool) -> int:
    from workbench.models.hub import Hub

    t, began = terminal.t, time.monotonic()
    state = train_in_foreground(terminal, run, Hub(), resume)
    seconds = round(time.monotonic() - began, 2)
    loss = run.summary()["loss"]
    document = {
        "run": run.name, "state": state["state"], "step": state["step"], "loss": loss, "seconds": seconds,
    }  # fmt: skip
    if state["state"] == "failed":
        terminal.result(document)
        reason = (state.get("reasons") or {}).get(terminal.lang) or state.get("reason", "")
        terminal.note(t("cli.train.failed", run=run.name, step=state["step"], reason=reason))
        return 1
    shown = "–" if loss is None else f"{loss:.4f}"
    key = "cli.train.finished" if state["state"] == "finished" else "cli.train.stopped"
    terminal.result(document, t(key, run=run.name, step=state["step"], loss=shown, seconds=round(seconds, 1)))
    return 0


def train_in_foreground(terminal: Terminal, run: Run, hub: Any, resume: bool = False) -> dict[str, Any]:
    """A run trained here and now under a progress bar; Ctrl-C asks it to save and stop. Answers with its last state."""
    from workbench.train.session import train

    with _stopping_on_signals(run, terminal), _bar(terminal) as tell:
        return train(run, hub=hub, resume=resume, on_progress=tell)


@contextmanager
def _stopping_on_signals(run: Run, terminal: Terminal) -> Iterator[None]:
    """Ctrl-C and a polite kill ask the run to save and stop; a second one ends the process at once."""

    def ask(number: int, frame: Any) -> None:
        if run.stop_path.exists():
            raise KeyboardInterrupt
        terminal.note("\n" + terminal.t("cli.train.stopping"))
        # Not run.request_stop(): it asks whether the run is active, and this is the process that knows.
        run.stop_path.touch()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _bar(terminal: Terminal) -> Iterator[OnProgress]:
    """A progress bar on stderr; where that is no terminal, a line now and then."""
    from tqdm import tqdm

    interval = 0.1 if sys.stderr.isatty() else 5.0
    bar = tqdm(total=0, unit="step", file=sys.stderr, mininterval=interval, dynamic_ncols=True, leave=True)
    waiting = False

    def tell(progress: Progress) -> None:
        nonlocal waiting
        if progress.phase == "waiting":
            waiting = True
            bar.set_description_str(terminal.t("cli.train.phases.waiting"), refresh=True)
            return
        if waiting or bar.total != progress.total_steps:
            waiting = False
            bar.total = progress.total_steps
            bar.initial = progress.step  # a resumed run's speed counts from here
            # Both, or tqdm takes a short run for one that was never shown and closes without its last line.
            bar.start_t = bar.last_print_t = time.time()
        bar.set_description_str(terminal.t(f"cli.train.phases.{progress.phase}"), refresh=False)
        if progress.loss is not None:
            speed = f"{progress.tokens_per_second:.0f} tok/s" if progress.tokens_per_second else ""
            bar.set_postfix_str(f"loss {progress.loss:.4f} {speed}".rstrip(), refresh=False)
        bar.update(progress.step - bar.n)

    try:
        yield tell
    finally:
        bar.close()


class TrainVerb(Verb):
    """Its help lists every knob of every stage, from the spec itself."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from workbench.presets import available

        super().format_options(ctx, formatter)
        with formatter.section(self.texts("cli.train.presets")):
            formatter.write_text(" ".join(available()))
        for title, rows in knob_rows(self.texts):
            with formatter.section(title):
                formatter.write_dl(rows)


def knob_rows(t: Translate) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Per section (knob, "label: help [range, default]") of all stages, each knob once."""
    from workbench.specs import STAGES, knobs

    known = {item.path: item for stage in STAGES.values() for item in knobs(stage)}
    for section, items in groupby(known.values(), key=lambda item: item.section):
        yield t("cli.train.section", section=section), [(item.path, _knob_help(item, t)) for item in items]


def _knob_help(item: Knob, t: Translate) -> str:
    lang = t.args[0]  # type: ignore[attr-defined]
    label, text = item.label, item.help
    if has(lang, f"knobs.{item.path}"):
        label, _, text = translate(lang, f"knobs.{item.path}").partition("|")
    value = str(item.default).lower() if item.kind == "bool" else item.default
    default = t("cli.train.default", value=value if value != "" else "''")
    unit = f" {item.unit}" if item.unit else ""
    return f"{label}: {text} [{item.range_text}{unit}; {default}]"
