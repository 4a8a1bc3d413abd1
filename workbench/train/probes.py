"""A list of questions -> the answers of the model being trained, at step 0, at intervals and at the end, with a score.

Asked on a module tree of its own over the live tensors, in inference mode: the training tree never leaves its mode, no
global random number is drawn, and the loss curve is the same bit for bit as without probes.
"""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from workbench import presets
from workbench.data.records import Message
from workbench.errors import UserError, nearest
from workbench.specs import Spec
from workbench.specs.identity import IdentitySection

# identity: the new name shall come; kept: what the model knew shall stay
Kind = Literal["identity", "kept"]
MAX_ANSWER_TOKENS = 48


@dataclass(frozen=True)
class Probe:
    """One question; an answer passes when it holds any of `expect` (if there are some) and none of `forbid`."""

    prompt: str  # what is shown: the last user turn
    messages: tuple[Message, ...]
    kind: Kind
    expect: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()

    def score(self, answer: str) -> float:
        """1.0 passed, 0.0 not; upper and lower case and the width of characters make no difference."""
        text = _plain(answer)
        found = not self.expect or any(_plain(word) in text for word in self.expect)
        return float(found and not any(_plain(word) in text for word in self.forbid))


def is_shipped(name: str) -> bool:
    return name in _shipped()


def _shipped() -> dict[str, Path]:
    return {found.stem: found for found in (presets.root() / "probes").glob("*.yaml")}


def probes_path(path: str, home: Path) -> Path:
    """A shipped list by name, or a YAML file: absolute, in the workspace or beside the caller. Raises UserError."""
    known = _shipped()
    if path in known:
        return known[path]
    for place in (Path(home) / path, Path(path).expanduser()):
        if place.is_file():
            return place
    raise UserError("probes.no_file", path=path, nearest=nearest(path, known))


def load_probes(path: Path, identity: IdentitySection) -> list[Probe]:
    """The questions of a YAML list {prompt, kind, expect, forbid}; `{name}` and `{author}` stand for the identity.

    prompt is a string or a list of messages. A question that needs a name or an author that nobody gave is left out.
    Raises UserError naming the entry that cannot be used.
    """
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        raise UserError("presets.not_yaml", path=path.name, line=mark.line + 1 if mark else 1) from None
    if not isinstance(entries, list):
        raise UserError("probes.not_a_list", path=path.name)
    slots = {"{name}": identity.name.strip(), "{author}": identity.author.strip()}
    probes = []
    for number, entry in enumerate(entries, start=1):
        probe = _probe(entry, path.name, number)
        used = [slot for slot in slots if any(slot in word for word in probe.expect)]
        if all(slots[slot] for slot in used):
            forbid = [word for word in probe.forbid if all(slots[slot] for slot in slots if slot in word)]
            probes.append(
                Probe(probe.prompt, probe.messages, probe.kind, _filled(probe.expect, slots), _filled(forbid, slots))
            )
    return probes


def of_spec(spec: Spec, home: Path) -> list[Probe]:
    return load_probes(probes_path(spec.probes.path, home), spec.identity) if spec.probes.path else []


@dataclass(frozen=True)
class Round:
    """All answers at one step."""

    rows: list[dict[str, Any]]  # lines of probes.jsonl
    scores: dict[str, float]  # identity_score and kept_score as far as there are such questions, and score
    seconds: float


class Questioner:
    """Asks the same questions again and again; tokenizes them once and keeps its tree."""

    def __init__(self, probes: Sequence[Probe], tokenizer: Any, template: str) -> None:
        from workbench.data.render import prompt_ids

        self.probes = list(probes)
        self.tokenizer = tokenizer
        self.prompts = [prompt_ids(probe.messages, tokenizer, template=template or None) for probe in self.probes]
        self._tree: Any = None

    def ask(self, model: Any, step: int, stop: Callable[[], bool] | None = None) -> Round | None:
        """One round of greedy answers by `model`; None when `stop()` became true meanwhile."""
        from workbench.models.adapters import has_virtual_prompt
        from workbench.models.generate import Sampling, generate
        from workbench.models.trees import tree

        began = time.perf_counter()
        if self._tree is None:
            self._tree = tree(model)
            # TRL's patch of the base's forward is bound to the training tree; checkpointing would recompute in vain.
            getattr(self._tree, "get_base_model", lambda: self._tree)().__dict__.pop("forward", None)
            self._tree.gradient_checkpointing_disable()
            self._tree.eval()
        sampling = Sampling(temperature=0.0, max_tokens=MAX_ANSWER_TOKENS)
        stop_row = None if stop is None else lambda row: stop()
        alone = has_virtual_prompt(self._tree)  # left padding would push it away from its text
        batches = [[prompt] for prompt in self.prompts] if alone else [self.prompts]
        ids = [
            answer
            for batch in batches
            for answer in generate(self._tree, self.tokenizer, batch, sampling=sampling, stop=stop_row)
        ]
        if stop is not None and stop():
            return None
        rows = []
        for probe, answer_ids in zip(self.probes, ids, strict=True):
            answer = self.tokenizer.decode(answer_ids, skip_special_tokens=True).strip()
            rows.append({"step": step, "prompt": probe.prompt, "answer": answer, "score": probe.score(answer),
                         "kind": probe.kind})  # fmt: skip
        return Round(rows, mean_scores(rows), time.perf_counter() - began)


def mean_scores(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The share of right answers of each kind, and `score`: the mean of the kinds that were asked."""
    scores = {}
    for kind in get_args(Kind):
        of_kind = [row["score"] for row in rows if row["kind"] == kind]
        if of_kind:
            scores[f"{kind}_score"] = round(sum(of_kind) / len(of_kind), 4)
    if scores:
        # Their mean: a model that took over the name and forgot the rest has not learned its lesson.
        scores["score"] = round(sum(scores.values()) / len(scores), 4)
    return scores


def _probe(entry: Any, file: str, number: int) -> Probe:
    try:
        prompt, kind = entry["prompt"], entry.get("kind", "kept")
        turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        messages = tuple(Message.from_row(turn) for turn in turns)
        shown = next(turn.content for turn in reversed(messages) if turn.role == "user")
        expect, forbid = (_words(entry.get(key)) for key in ("expect", "forbid"))
    except (KeyError, TypeError, AttributeError, StopIteration):
        raise UserError("probes.bad_entry", path=file, number=number) from None
    if kind not in get_args(Kind):
        raise UserError("probes.bad_kind", path=file, number=number, value=kind)
    return Probe(shown, messages, kind, expect, forbid)


def _words(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(str(word) for word in value or ())


def _filled(words: Sequence[str], slots: dict[str, str]) -> tuple[str, ...]:
    return tuple(_fill(word, slots) for word in words)


def _fill(word: str, slots: dict[str, str]) -> str:
    for slot, value in slots.items():
        if slot in word:
            return value.join(_fill(part, {k: v for k, v in slots.items() if k != slot}) for part in word.split(slot))
    return word


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
