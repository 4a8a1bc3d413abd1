"""Functions of the core -> endpoints of the page, the same in every language; clients call them by keyword.

Gradio makes each endpoint's schema from its evaluated annotations: no `from __future__ import annotations` here.
"""

import functools
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from workbench import presets, runs
from workbench.data import registry
from workbench.errors import UserError
from workbench.ui import files
from workbench.ui.data.conversion import stem_of
from workbench.ui.i18n import Texts

if TYPE_CHECKING:
    from workbench.data.sources import Source
    from workbench.ui.app import App

COLUMNS_AT_MOST = 8
_CONTAINERS = ("jsonl", "json", "csv", "tsv", "parquet", "jsonl.gz", "json.gz", "csv.gz", "tsv.gz")


def register(app: "App", t: Texts) -> None:
    """Put the endpoints into the Blocks being built; refusals are sentences in its language."""
    for endpoint in endpoints(app, t):
        # A long answer must not keep a status query waiting.
        gr.api(_refusing(endpoint, t), api_name=endpoint.__name__, concurrency_limit=8)


def _refusing(endpoint: Callable, t: Texts) -> Callable:
    """Errors as one sentence to the client; Gradio would send the exception's name."""
    import inspect

    def sentence(error: Exception) -> gr.Error:
        return gr.Error(t.error(error), print_exception=False)

    if inspect.isgeneratorfunction(endpoint):

        @functools.wraps(endpoint)
        def answer(*args: Any, **kwargs: Any) -> Any:
            try:
                yield from endpoint(*args, **kwargs)
            except Exception as error:
                raise sentence(error) from error

    else:

        @functools.wraps(endpoint)
        def answer(*args: Any, **kwargs: Any) -> Any:
            try:
                return endpoint(*args, **kwargs)
            except Exception as error:
                raise sentence(error) from error

    return answer


def endpoints(app: "App", t: Texts) -> list[Callable]:
    """The functions themselves, bound to a workspace and a language."""

    def train(spec: dict | str) -> str:
        """Queue a run and return its name. spec: a preset's name, or a mapping such as
        {"preset": "identity", "identity.name": "Nova", "identity.author": "Lab", "run": "first-try"}."""
        values = {"preset": spec} if isinstance(spec, str) else dict(spec)
        name = values.pop("run", None)
        stem = values.get("preset")
        checked = presets.resolve(values, home=app.home)
        return app.jobs.submit(checked, name=name, stem=stem if stem in presets.available(app.home) else None).name

    def status(run: str) -> dict:
        """state.json of a run, with the last metrics that were written."""
        found = runs.find(app.home, run)
        rows = found.metrics()
        last: dict[str, Any] = {}
        for row in rows[-50:]:
            last |= row
        return found.state() | {"run": found.name, "metrics": last}

    def metrics(run: str, since: int = -1) -> dict:
        """Rows of metrics.jsonl with a step above `since`; another generation means: start afresh."""
        found = runs.find(app.home, run)
        return {"generation": found.generation(), "rows": found.metrics(int(since))}

    def estimate(spec: dict | str) -> dict:
        """The memory a training will need, by part: parts, total_bytes, available_bytes, verdict (fits, tight or
        too_big) and remedies, each with the overrides that make it fit. spec as for `train`."""
        from workbench.memory.advice import advise

        values = {"preset": spec} if isinstance(spec, str) else dict(spec)
        values.pop("run", None)
        return advise(presets.resolve(values, home=app.home), app.home)

    def stop(run: str) -> dict:
        """Ask a run to save and stop; answers with its state."""
        return app.stop(run)

    def resume(run: str) -> str:
        """Queue a stopped, failed or interrupted run to go on from its last checkpoint; returns its name."""
        return app.jobs.resume(run).name

    def list_runs() -> list[dict]:
        """All runs, newest first: run, state, step, total_steps, loss, score."""
        return app.summaries.every()

    def adapters() -> list[dict]:
        """Columns for chat and compare besides `base`: adapters and checkpoints of this workspace, newest first."""
        from workbench.models.adapters import find

        return [{"name": ref.name, "run": ref.run, "step": ref.step, "base": ref.base} for ref in find(app.home)]

    def chat(prompt: str | list, adapters: list[str] | None = None, options: dict | None = None) -> list[str]:
        """One answer per column. prompt: a question, or a list of alternating user and assistant turns, or messages.
        adapters: columns, `base` among them (none: only base); RUN@0.5, RUN@0.7+OTHER@0.3, RUN@now and remote:NAME too.
        options: temperature, top_p, max_tokens, seed, system, model."""
        columns = adapters or ["base"]
        texts = [""] * len(columns)
        for delta in _compared(app, prompt, columns, options or {}):
            if delta.problem:
                raise UserError("ui.column_failed", column=columns[delta.column], reason=delta.problem)
            texts[delta.column] = delta.text
        return texts

    def compare(prompt: str | list, adapters: list[str] | None = None, options: dict | None = None) -> Iterator[dict]:
        """Like chat, streaming: {"column", "text" (whole so far), "done", "error"}."""
        for delta in _compared(app, prompt, adapters or ["base"], options or {}):
            error = t.error(delta.problem) if delta.problem else None
            yield {"column": delta.column, "text": delta.text, "done": delta.done, "error": error}

    def inspect(file: dict | str, options: dict | None = None) -> dict:
        """What a data file holds: format, good and bad rows with reasons, statistics, warnings.
        file: an upload, or what the data tab's box takes. options: from, encoding, map, repair; with model, template
        or max_length the statistics count tokens too."""
        return inspected(app, file, options or {}, t.language)

    def preview(file: dict | str, row: int = 1, options: dict | None = None) -> dict:
        """Row (from 1) of a data file as the model sees it.
        options: model, template, max_length, and as for `inspect` from, encoding, map, repair."""
        return preview_row(app, file, _row_number(row), options or {})

    def convert(file: dict | str, to: str, options: dict | None = None) -> dict:
        """A data file in another schema or prompt style, as a file to download.
        options: container (jsonl, json, csv, tsv, parquet, also .gz), from, encoding, map, repair, every_turn."""
        return converted(app, file, to, options or {})

    def vote(
        columns: list[str], prompt: list | str, answers: list[str], winner: str, options: dict | None = None
    ) -> dict:
        """Keep a judgement of answers side by side; the kept line comes back. winner: a column, left, right, tie or
        both_bad. options: what the answers were made with (as chat takes them), and blind: true."""
        from workbench.chat import votes

        given = dict(options or {})
        model, blind = str(given.pop("model", "")), bool(given.pop("blind", False))
        return votes.record(app.home, columns, prompt, answers, winner, options=given, model=model, blind=blind)

    return [
        train, estimate, status, metrics, stop, resume, _named("runs", list_runs), adapters, chat, compare, vote,
        inspect, convert, preview,
    ]  # fmt: skip


def _named(name: str, function: Callable) -> Callable:
    """A function under the name of its endpoint, where that name means something else in this module."""
    function.__name__ = name
    return function


def _compared(app: "App", prompt: str | list, columns: list[str], options: dict) -> Iterator[Any]:
    """The engine's updates, after checking what came in from outside: columns may not lead out of the workspace."""
    from workbench.chat.columns import check
    from workbench.chat.prompts import messages
    from workbench.specs import parse

    if not 0 < len(columns) <= COLUMNS_AT_MOST:
        raise UserError("ui.column_count", count=len(columns), limit=COLUMNS_AT_MOST)
    for column in columns:
        check(app.home, column, foreign=False)
    sampling = {key: value for key, value in options.items() if key != "model"}
    model = parse({"model.path": options["model"]}).model if options.get("model") else None
    yield from app.engine.compare(messages(prompt), columns, sampling, model)


def inspected(app: "App", file: dict | str, options: dict, language: str) -> dict:
    """The contract's report. Raises UserError for an unknown option and for what cannot be read."""
    from workbench.data.reading import Reading, Seeing
    from workbench.data.survey import inspect

    reading, seeing = Reading.of(options, Seeing.NAMES, app.home), Seeing.asked(options)
    tokenizer = app.hub.tokenizer(seeing.model) if seeing else None
    report, statistics = inspect(sources_of(app, file), reading, seeing=seeing, tokenizer=tokenizer)
    return report.to_json(language) | {"statistics": statistics}


def converted(app: "App", file: dict | str, to: str, options: dict) -> dict:
    """A download. Raises UserError for an unknown schema, container or option, and when no row can be converted."""
    from workbench.data.convert import convert_sources
    from workbench.data.reading import Reading

    found, name = sources_of(app, file), called(file)
    reading = Reading.of(options, ("container", "every_turn"), app.home)
    container = str(options.get("container", "jsonl"))
    if container not in _CONTAINERS:
        raise UserError("ui.unknown_option", value=container, known=", ".join(_CONTAINERS))
    every_turn = options.get("every_turn") or False
    if not isinstance(every_turn, bool):  # "false" would be taken for true
        raise UserError("spec.bad_value", path="every_turn", value=str(every_turn)[:60], allowed="true, false")
    out = files.result_path(f"{stem_of(name)}-{to}.{container}")
    convert_sources(found, reading, out, to, every_turn=every_turn, name=name)
    return files.download(out)


def _row_number(value: Any) -> int:
    """A row's number, also as JSON of other languages has it: 2.0, "2"."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not number.is_integer():
        raise UserError("spec.bad_value", path="row", value=str(value)[:60], allowed="1, 2, 3 …")
    return int(number)


def preview_row(app: "App", file: dict | str, row: int, options: dict) -> dict:
    """The contract's preview of one row. Raises UserError for a row that is bad or not there."""
    from workbench.data.reading import Reading, Seeing
    from workbench.data.render import preview as paint
    from workbench.data.survey import item_of

    reading, seeing = Reading.of(options, Seeing.NAMES, app.home), Seeing.of(options)
    item = item_of(sources_of(app, file), reading, row, called(file))
    return paint(item.record, app.hub.tokenizer(seeing.model), seeing.max_length, template=seeing.template, row=row)


def sources_of(app: "App", file: dict | str) -> list["Source"]:
    """An upload or a file of the workspace; else what the data tab's box takes: `table.csv@mapping`, several, a hub."""
    from workbench.data.sources import Source

    try:
        path = files.readable(file, app.home)
    except UserError:
        if not isinstance(file, str) or not file.strip():
            raise
        return app.opened.parse(file)
    if path.name == registry.NAME and isinstance(file, str):
        return app.opened.parse(file)
    return [Source(str(path), name=called(file))]


def called(file: dict | str) -> str:
    """What the user calls it: an upload by its own name, not by the folder it was put in."""
    if isinstance(file, dict):
        return files.shown_name(file, Path(str(file.get("path"))))
    return file
