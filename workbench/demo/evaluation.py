"""The hand-written questions and a model -> which were answered right; and the proof that training never saw them."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from workbench import presets
from workbench.demo import mixture

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SET = Path(__file__).parent / "evaluation.yaml"
_SYSTEM = "<system>"


@dataclass(frozen=True, slots=True)
class Question:
    """What a user says, turn by turn, and what the last answer must and must not contain."""

    topic: str
    lang: str
    turns: tuple[str, ...]
    accept: tuple[str, ...]
    forbid: tuple[str, ...] = ()
    system: str = ""

    @property
    def prompt(self) -> str:
        return self.turns[-1]

    def right(self, answer: str) -> bool:
        """Compared without case; a number must stand alone ("0" is not in "100")."""
        return any(_within(part, answer) for part in self.accept) and not any(
            _within(part, answer) for part in self.forbid
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    question: Question
    answer: str
    right: bool


def _within(part: str, answer: str) -> bool:
    part, answer = part.lower(), answer.lower()
    if part[-1:].isdigit():
        return re.search(rf"(?<!\d){re.escape(part)}(?!\d)", answer) is not None
    return part in answer


def questions(path: Path = SET) -> list[Question]:
    found = []
    for topic, languages in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        for lang, rows in languages.items():
            for said, accept, *forbid in rows:
                turns = [said] if isinstance(said, str) else list(said)
                system = turns.pop(0).removeprefix(_SYSTEM) if turns[0].startswith(_SYSTEM) else ""
                forbidden = tuple(forbid[0].split("|")) if forbid else ()
                found.append(Question(topic, lang, tuple(turns), tuple(str(accept).split("|")), forbidden, system))
    return found


def normalised(text: str) -> str:
    """NFKC, lower case, letters and numbers only: two prompts that differ in less count as the same.

    Arithmetic signs stay, or 7+8 and 78 would be one."""
    text = unicodedata.normalize("NFKC", text).lower()
    return "".join(char for char in text if unicodedata.category(char)[0] in "LNM" or char in "+-*×=")


def leaked(seed: int, start: int, stop: int, held_out: Iterable[str] | None = None) -> list[str]:
    """The evaluation prompts (or `held_out` ones) that some user turn of these conversations repeats."""
    prompts = {normalised(p): p for p in (held_out or (q.prompt for q in questions()))}
    seen: dict[str, None] = {}
    for conversation in mixture.conversations(seed, start, stop):
        for turn in conversation.messages:
            if turn.role == "user" and (prompt := prompts.get(normalised(turn.content))):
                seen[prompt] = None
    return list(seen)


def answer(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    chats: Sequence[Sequence[dict[str, Any]]],
    *,
    max_new_tokens: int = 48,
    batch: int = 48,
) -> list[str]:
    """The greedy answer to each chat, in the order given."""
    import torch

    order = sorted(range(len(chats)), key=lambda i: sum(len(m["content"]) for m in chats[i]))
    answers = [""] * len(chats)
    tokenizer.padding_side = "left"
    for begin in range(0, len(order), batch):
        chosen = order[begin : begin + batch]
        inputs = tokenizer.apply_chat_template(
            [list(chats[i]) for i in chosen],
            add_generation_prompt=True,
            padding=True,
            return_tensors="pt",
            return_dict=True,
        )
        with torch.inference_mode():
            out = model.generate(**inputs, max_new_tokens=max_new_tokens, do_sample=False)
        texts = tokenizer.batch_decode(out[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        for i, text in zip(chosen, texts, strict=True):
            answers[i] = text.strip()
    return answers


def ask(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, asked: Sequence[Question]) -> list[Outcome]:
    """Play each question turn by turn, the model's own replies between, and judge the last answer."""
    chats: list[list[dict[str, str]]] = [[{"role": "system", "content": q.system}] if q.system else [] for q in asked]
    for turn in range(max(len(q.turns) for q in asked)):
        active = [i for i, q in enumerate(asked) if turn < len(q.turns)]
        for i in active:
            chats[i].append({"role": "user", "content": asked[i].turns[turn]})
        for i, text in zip(active, answer(model, tokenizer, [chats[i] for i in active]), strict=True):
            chats[i].append({"role": "assistant", "content": text})
    return [Outcome(q, chat[-1]["content"], q.right(chat[-1]["content"])) for q, chat in zip(asked, chats, strict=True)]


def load(folder: Path | None = None) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The model (the shipped one by default) in fp32 with its tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = folder or presets.embedded_model()
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return model.eval(), AutoTokenizer.from_pretrained(folder)


def evaluate(folder: Path | None = None) -> list[Outcome]:
    return ask(*load(folder), questions())


def by_topic(outcomes: Iterable[Outcome]) -> dict[str, tuple[int, int]]:
    """topic -> (right, asked), with "all" at the end."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for outcome in outcomes:
        for key in (outcome.question.topic, "all"):
            counts[key][0] += outcome.right
            counts[key][1] += 1
    whole = counts.pop("all")
    return {topic: (right, asked) for topic, (right, asked) in [*counts.items(), ("all", whole)]}


def print_report(outcomes: Sequence[Outcome], *, wrong: bool = False) -> None:
    if wrong:
        for outcome in outcomes:
            if not outcome.right:
                q = outcome.question
                print(
                    f"{q.topic}/{q.lang}  {' // '.join(q.turns)}  ->  {outcome.answer!r}, wanted {'|'.join(q.accept)}"
                )
    for topic, (right, asked) in by_topic(outcomes).items():
        print(f"{topic:12s} {right:4d}/{asked:<4d} {right / asked:.3f}")
