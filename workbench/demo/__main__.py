"""The command line of the embedded model: build it, check its corpus, evaluate it, tune it, write the replay rows.

python -m workbench.demo build [--out DIR] [--seed N] [--steps N] [--resume] [--threads N] [--start DIR] [--rate X]
python -m workbench.demo check [--seed N] [--steps N]
python -m workbench.demo evaluate [--model DIR] [--wrong] [--card STEPS]
python -m workbench.demo tune [KNOB=VALUE …]
python -m workbench.demo replay [--out FILE] [--rows N] [--seed N]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from workbench.errors import UserError

DEFAULT_STEPS = 2400


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workbench.demo", description="The embedded model.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    build = verbs.add_parser("build", help="train tokenizer and model from scratch (about 15 minutes on two cores)")
    build.add_argument("--out", type=Path, default=Path("build/quillet"))
    build.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --out")
    build.add_argument("--threads", type=int, default=2)
    build.add_argument("--start", type=Path, help="train an earlier model further, with its tokenizer")
    build.add_argument("--rate", type=float, default=1.0, help="multiply the learning rates by this")
    check = verbs.add_parser("check", help="prove that no evaluation prompt occurs in the corpus of a build")
    for verb in (build, check):
        verb.add_argument("--seed", type=int, default=1)
        verb.add_argument("--steps", type=int, default=DEFAULT_STEPS)
    evaluate = verbs.add_parser("evaluate", help="accuracy by topic over the hand-written questions")
    evaluate.add_argument("--model", type=Path, default=None)
    evaluate.add_argument("--wrong", action="store_true", help="print the wrong answers too")
    evaluate.add_argument(
        "--card", type=int, metavar="STEPS", help="write the model card; STEPS: how long it was trained"
    )
    evaluate.add_argument("--notes", type=Path, help="a text appended to the card")
    tune = verbs.add_parser("tune", help="run the identity recipe on three names and say what was learned and lost")
    tune.add_argument("overrides", nargs="*", metavar="KNOB=VALUE", help="of the recipe, e.g. identity.replay=2")
    replay = verbs.add_parser("replay", help="write the general conversations mixed into identity training")
    replay.add_argument("--out", type=Path, default=None)
    replay.add_argument("--rows", type=int, default=600)
    replay.add_argument("--seed", type=int, default=7)
    return parser


def _check(seed: int, steps: int) -> None:
    from workbench.demo import evaluation, pretrain

    seen = evaluation.leaked(seed, 0, steps * pretrain.BATCH)
    if seen:
        raise UserError("demo.evaluation_leaked", count=len(seen), prompt=seen[0])
    print(f"checked {steps * pretrain.BATCH} conversations: none holds an evaluation prompt", file=sys.stderr)


def _tune(overrides: list[str]) -> None:
    import tempfile

    from workbench.demo import tuning
    from workbench.specs import parse_override

    with tempfile.TemporaryDirectory() as folder:
        figures = tuning.measure(Path(folder), overrides=dict(map(parse_override, overrides)), report=tuning.print_row)
    tuning.print_row(tuning.mean(figures))


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        if options.verb == "replay":
            from workbench.demo import replay

            print(replay.write(options.out, options.rows, options.seed))
        elif options.verb == "check":
            _check(options.seed, options.steps)
        elif options.verb == "evaluate":
            from workbench import presets
            from workbench.demo import card, evaluation

            folder = options.model or presets.embedded_model()
            outcomes = evaluation.evaluate(folder)
            evaluation.print_report(outcomes, wrong=options.wrong)
            if options.card:
                notes = options.notes.read_text(encoding="utf-8") if options.notes else ""
                print(card.write(folder, outcomes, options.card, notes))
        elif options.verb == "tune":
            _tune(options.overrides)
        else:
            import torch

            from workbench.demo import pretrain

            torch.set_num_threads(options.threads)
            _check(options.seed, options.steps)
            folder = pretrain.build(
                options.out,
                seed=options.seed,
                steps=options.steps,
                resume=options.resume,
                start=options.start,
                rate_scale=options.rate,
                report=lambda progress: print(pretrain.write_progress(progress), file=sys.stderr, flush=True),
            )
            print(folder)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
