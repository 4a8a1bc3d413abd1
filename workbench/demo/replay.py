"""The corpus generator -> general conversations to mix into identity training, so that nothing is forgotten.

No row asks the assistant who it is by default: that is what training changes. Some rows carry another identity in the
system prompt and answer to it: they keep the model following system prompts.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from random import Random

from workbench import presets
from workbench.data.records import Conversation, Message
from workbench.demo import mixture
from workbench.demo.corpus import identity, recall
from workbench.demo.phrasing import Lang

SHARES = {"persona": 13, "recall": 12, "generic": 8, "plain": 67}


def rows(count: int, seed: int) -> list[Conversation]:
    """`count` general conversations, the first languages in turn; the same numbers give the same rows."""
    found = []
    for index in range(count):
        rng = Random(f"replay/{seed}/{index}")
        lang: Lang = "zh" if index % 2 else "en"
        kind = rng.choices(list(SHARES), list(SHARES.values()))[0]
        told = frozenset({"user_job", "favourite_colour"} | ({"who_am_i"} if kind == "recall" else set()))
        system = ""
        if kind == "persona":
            who = identity.persona(rng, lang)
            system = identity.system_prompt(rng, lang, who)
            exchanges = [identity.exchange(rng, lang, who)]
            if rng.random() < 0.35:
                exchanges += mixture.topic(rng, lang)
        elif kind == "recall":
            exchanges = recall.dialogue(rng, lang, partial(mixture.topic, rng, lang, told))[:5]
        else:
            exchanges = mixture.topic(rng, lang, told)
            if rng.random() < 0.2:
                exchanges += mixture.topic(rng, lang, told)
            if kind == "generic":
                system = rng.choice(identity.GENERIC[lang])
        messages = [Message("system", system)] if system else []
        for exchange in exchanges:
            messages += [Message("user", exchange.question), Message("assistant", exchange.answer)]
        found.append(Conversation(tuple(messages)))
    return found


def write(path: Path | None, count: int, seed: int) -> Path:
    path = path or presets.root() / "replay" / "general.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(row.to_row(), ensure_ascii=False) + "\n" for row in rows(count, seed)]
    path.write_text("".join(lines), encoding="utf-8")
    return path
