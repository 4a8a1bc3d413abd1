"""The `identity` recipe, run for real on three names -> how far the new identity holds and what else it cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from workbench.demo import evaluation
from workbench.demo.corpus import identity
from workbench.demo.evaluation import Outcome, Question

HELD_OUT = Path(__file__).parent / "heldout.yaml"
# One Chinese pair, one Latin, one with rare characters, accents and punctuation.
PAIRS = (("阿澄", "青禾实验室"), ("Nova Vale", "Harbor Lane Studio"), ("彧龘", "Dr. Zoë-7"))


@dataclass(frozen=True, slots=True)
class Figures:
    """identity: answers on unseen phrasings that name what was asked for. kept: of the other questions that the base
    answers right, those still right. leak: of all other questions, answers that bring up the new name or author where
    the base does not bring up its own. persona: a system prompt's identity still followed, of all asked. seconds: of
    the training alone."""

    name: str
    identity: float
    kept: float
    leak: float
    persona: float
    seconds: float


def identity_questions(name: str, author: str) -> list[Question]:
    wanted = {"name": name, "author": author}
    rows = yaml.safe_load(HELD_OUT.read_text(encoding="utf-8"))["identity"]
    return [
        Question("identity", lang, (said,), (wanted[part],)) for lang, asked in rows.items() for said, part in asked
    ]


def other_questions() -> list[Question]:
    """The held-out ones and those of the evaluation set that do not ask who the assistant is."""
    rows = yaml.safe_load(HELD_OUT.read_text(encoding="utf-8"))["kept"]
    held = [
        Question("kept", lang, (said,), tuple(str(accept).split("|")))
        for lang, said_in in rows.items()
        for said, accept in said_in
    ]
    return held + [q for q in evaluation.questions() if q.topic not in ("identity", "persona")]


def measure(
    home: Path,
    pairs: Sequence[tuple[str, str]] = PAIRS,
    overrides: Mapping[str, Any] | None = None,
    report: Callable[[Figures], None] | None = None,
) -> list[Figures]:
    """Train the recipe once per (name, author) as `workbench train identity` does, and question base and result."""
    from peft import PeftModel

    from workbench import presets, runs
    from workbench.models.hub import Hub
    from workbench.train.session import train

    others = other_questions()
    base, tokenizer = evaluation.load()
    before = evaluation.ask(base, tokenizer, others)
    personas = [question for question in evaluation.questions() if question.topic == "persona"]
    hub, found = Hub(), []
    for name, author in pairs:
        spec = presets.resolve("identity", {"identity.name": name, "identity.author": author, **(overrides or {})})
        run = runs.create(home, spec, stem="tuning")
        state = train(run, hub=hub)
        if state["state"] != "finished":
            raise RuntimeError(f"{run.name}: {state['state']}: {state['reason']}")
        tuned = PeftModel.from_pretrained(evaluation.load()[0], run.adapter_path).eval()
        after = evaluation.ask(tuned, tokenizer, others)
        found.append(
            Figures(
                name,
                identity=_share(evaluation.ask(tuned, tokenizer, identity_questions(name, author))),
                kept=_share([now for now, then in zip(after, before, strict=True) if then.right]),
                leak=len(leaks(before, after, name, author)) / len(after),
                persona=_share(evaluation.ask(tuned, tokenizer, personas)),
                seconds=state["ended"] - state["started"],
            )
        )
        if report:
            report(found[-1])
    return found


def leaks(before: Sequence[Outcome], after: Sequence[Outcome], name: str, author: str) -> list[Outcome]:
    """Answers in which the tuned model names itself and the base, asked the same, did not."""
    old = (*identity.DEFAULT.name.values(), *identity.DEFAULT.maker.values())
    return [
        now
        for then, now in zip(before, after, strict=True)
        if (name in now.answer or author in now.answer) and not any(part in then.answer for part in old)
    ]


def _share(outcomes: Sequence[Outcome]) -> float:
    return sum(outcome.right for outcome in outcomes) / len(outcomes)


def mean(figures: Sequence[Figures]) -> Figures:
    """The figures of several pairs as one row named "mean"."""
    values = {field.name: [getattr(one, field.name) for one in figures] for field in fields(Figures)[1:]}
    return Figures("mean", **{name: sum(column) / len(column) for name, column in values.items()})


def print_row(row: Figures) -> None:
    shares = " ".join(f"{name} {getattr(row, name):.3f}" for name in ("identity", "kept", "leak", "persona"))
    print(f"{row.name}: {shares}, {row.seconds:.0f} s", flush=True)
