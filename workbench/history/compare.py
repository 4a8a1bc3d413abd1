"""Several runs -> the knobs in which they differ, their figures, and their answers to the same questions by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.history.lines import line, spec_values
from workbench.runs import Run
from workbench.specs import STAGES, flatten, knobs


@dataclass(frozen=True)
class Difference:
    """One knob and its value in each run, in their order; None where a run's stage has no such knob."""

    path: str
    values: tuple[Any, ...]


def differences(runs: Sequence[Run]) -> list[Difference]:
    """Only what differs, in the order of the form. A knob that a spec does not name has its default."""
    specs = [_whole(spec_values(run)) for run in runs]
    paths = dict.fromkeys(path for spec in specs for path in spec)
    found = [Difference(path, tuple(spec.get(path) for spec in specs)) for path in paths]
    return [difference for difference in found if any(value != difference.values[0] for value in difference.values)]


def _whole(values: Mapping[str, Any]) -> dict[str, Any]:
    """Stage, every knob of the stage (defaults filled in), then knobs that this version does not know."""
    stage = str(values.get("stage", "sft"))
    known = {item.path: item.default for item in knobs(STAGES[stage])} if stage in STAGES else {}
    return {"stage": stage} | known | flatten(values)


def answers(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """[{"prompt", "kind", "answers": [per run: [{"step", "answer", "score"}, …]]}], in order of appearance."""
    found: dict[str, dict[str, Any]] = {}
    for place, run in enumerate(runs):
        for row in run.probes():
            prompt = str(row["prompt"])
            entry = found.setdefault(
                prompt, {"prompt": prompt, "kind": row.get("kind", "identity"), "answers": [[] for _ in runs]}
            )
            entry["answers"][place].append({name: row.get(name) for name in ("step", "answer", "score")})
    return list(found.values())


def comparison(runs: Sequence[Run]) -> dict[str, Any]:
    """All of it as JSON; curves are read from each run by themselves."""
    return {
        "runs": [line(run) for run in runs],
        "differences": [{"path": item.path, "values": list(item.values)} for item in differences(runs)],
        "answers": answers(runs),
    }
