"""An answer's tokens with their probabilities -> coloured spans that tell the alternatives when pointed at."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence
from typing import Any

from workbench.models.generate import Scored

ALTERNATIVES = 4


def rendered(scored: Sequence[Scored], tokenizer: Any) -> str:
    """One span per token; several that only together make a character share one."""
    spans, waiting = [], []
    for score in scored:
        waiting.append(score)
        text = tokenizer.decode([each.token for each in waiting], skip_special_tokens=False)
        if text.endswith("\ufffd") and len(waiting) < 4:
            continue
        spans.append(_span(text, waiting, tokenizer))
        waiting = []
    if waiting:
        spans.append(_span(tokenizer.decode([each.token for each in waiting]), waiting, tokenizer))
    return "".join(spans)


def _span(text: str, scores: Sequence[Scored], tokenizer: Any) -> str:
    probability = math.exp(sum(score.logprob for score in scores))
    options = [
        [tokenizer.decode([token]), round(math.exp(logprob), 4)] for token, logprob in scores[0].likeliest
    ] if len(scores) == 1 else []  # fmt: skip
    shown = html.escape(text).replace("\n", "↵\n")
    data = html.escape(json.dumps({"p": round(probability, 4), "of": options}, ensure_ascii=False))
    return f'<span class="wb-tok wb-p{_grade(probability)}" data-token="{data}">{shown}</span>'


def _grade(probability: float) -> int:
    """0 sure … 4 surprising."""
    return next((grade for grade, least in enumerate((0.9, 0.6, 0.3, 0.1)) if probability >= least), 4)
