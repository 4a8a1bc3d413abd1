"""Two answers to one prompt, told apart by names, ranks, scores or labels -> preferences."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.data import unrender
from workbench.data.formats import turns
from workbench.data.formats.preference_lists import pair, whole
from workbench.data.formats.schema import RawRow, Schema, columns, first_column
from workbench.data.records import Message, Preference
from workbench.data.rows import RowError, shorten

_QUESTIONS = ("prompt", "instruction", "question", "query", "input")


def _asked(row: RawRow) -> list[Message]:
    """system, history and question of a row with plain columns."""
    turns.refuse_tools(row)
    question = first_column(row, _QUESTIONS)
    asked = turns.text(row, question)
    if found := unrender.prompt(asked, strict=True):
        return list(found)
    past = turns.history(row.get("history"))
    given = turns.text(row, "input") if question == "instruction" else ""
    return [*turns.system(row), *past, turns.user(asked, given)]


def _strings(row: RawRow) -> Preference:
    return pair(_asked(row), [turns.answer(row, "chosen")], [turns.answer(row, "rejected")])


def _has_question(row: RawRow) -> bool:
    return any(isinstance(row.get(name), str) for name in _QUESTIONS) and not isinstance(row["chosen"], (list, dict))


# -- hh-rlhf: two whole dialogues -------------------------------------------------------------------------------------


def _is_hh(row: RawRow) -> bool:
    return all(isinstance(row[side], str) and "Assistant:" in row[side] for side in ("chosen", "rejected"))


def _hh(row: RawRow) -> Preference:
    sides = [unrender.human_assistant(row[side]) for side in ("chosen", "rejected")]
    for name, side in zip(("chosen", "rejected"), sides, strict=True):
        if not side:
            raise RowError("no_messages")
        if side[-1].role != "assistant" or not side[-1].content:
            raise RowError("empty_answer", column=name)
    chosen, rejected = sides
    shared = 0
    while shared < min(len(chosen), len(rejected)) - 1 and chosen[shared] == rejected[shared]:
        shared += 1
    if not shared:
        raise RowError("prompts_differ")
    if chosen[shared].role == "user":  # the dialogues part at a question: the prompt ends at the one before it
        raise RowError("prompts_differ")
    return pair(chosen[:shared], chosen[shared:], rejected[shared:])


# -- LLaMA-Factory, OpenAI, swift: one dialogue and two continuations -------------------------------------------------


def _llamafactory(row: RawRow) -> Preference:
    turns.refuse_tools(row)
    if "chosen_messages" in row:
        sides = [turns.messages(row[side]) for side in ("chosen_messages", "rejected_messages")]
        return pair(_dialogue(row), *sides) if "messages" in row or "conversations" in row else whole(row, *sides)
    return pair(_dialogue(row), [_one(row["chosen"])], [_one(row["rejected"])])


def _dialogue(row: RawRow) -> tuple[Message, ...]:
    items = row[first_column(row, ("conversations", "messages"))]
    named = isinstance(items, list) and items and isinstance(items[0], Mapping) and "from" in items[0]
    keys = {"role_key": "from", "content_key": "value"} if named else {}
    return turns.messages(items, lead=turns.system(row), **keys)


def _one(item: Any) -> Message:
    if not isinstance(item, Mapping):
        raise RowError("not_a_message", index=1, value=shorten(item))
    keys = {"role_key": "from", "content_key": "value"} if "from" in item else {}
    return turns.message(item, 1, **keys)


def _is_llamafactory(row: RawRow) -> bool:
    return isinstance(row.get("chosen"), Mapping) and isinstance(row.get("rejected"), Mapping)


def _openai(row: RawRow) -> Preference:
    given = row["input"]
    if not isinstance(given, Mapping):
        raise RowError("not_a_list", value=shorten(given))
    turns.refuse_tools(given)
    sides = [turns.messages(row[side]) for side in ("preferred_output", "non_preferred_output")]
    return pair(turns.messages(given.get("messages")), *sides)


def _swift(row: RawRow) -> Preference:
    turns.refuse_tools(row)
    found = _dialogue(row)
    turns.check_order(found)
    given = row.get("rejected_response", row.get("rejected_messages"))
    rejected = turns.messages(given) if isinstance(given, list) else (turns.answer(row, "rejected_response"),)
    if rejected[: len(found) - 1] == found[:-1]:  # the dialogue is repeated in it
        rejected = rejected[len(found) - 1 :]
    return pair(found[:-1], found[-1:], rejected)


# -- ranks, scores, labels --------------------------------------------------------------------------------------------


def _ranked(row: RawRow) -> Preference:
    """The list is ordered from best to worst: its two ends are the pair."""
    answers = row["output"]
    if len(answers) < 2 or not all(isinstance(text, str) for text in answers):
        raise RowError("too_few_answers", column="output")
    _filled(answers, "output")
    return pair(_asked(row), [Message("assistant", answers[0])], [Message("assistant", answers[-1])])


def _scored(row: RawRow) -> Preference:
    column, text_key = (
        ("responses_and_scores", "response") if "responses_and_scores" in row else ("completions", "response")
    )
    items = row[column]
    if not isinstance(items, list) or len(items) < 2 or not all(isinstance(item, Mapping) for item in items):
        raise RowError("too_few_answers", column=column)
    scored = [(_score(item), turns.text(item, text_key)) for item in items]
    _filled([text for _, text in scored], column)
    best, worst = max(scored, key=lambda item: item[0]), min(scored, key=lambda item: item[0])
    if best[0] == worst[0]:
        raise RowError("all_tied", column=column)
    asked = turns.text(row, "user_input") if "user_input" in row else turns.text(row, "instruction")
    prompt = unrender.prompt(asked, strict=True) or [turns.user(asked)]
    return pair(prompt, [Message("assistant", best[1])], [Message("assistant", worst[1])])


def _score(item: Mapping[str, Any]) -> float:
    value = item.get("score", item.get("overall_score"))
    try:
        score = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        score = math.nan
    if not math.isfinite(score):
        raise RowError("bad_score", value=shorten(value))
    return score


def _filled(answers: Sequence[str], column: str) -> None:
    if not all(text.strip() for text in answers):
        raise RowError("empty_answer", column=column)


def _shp(row: RawRow) -> Preference:
    label = str(row["labels"]).strip()
    if label not in ("0", "1"):
        raise RowError("bad_label", value=shorten(row["labels"]))
    sides = [turns.answer(row, "human_ref_A"), turns.answer(row, "human_ref_B")]
    chosen, rejected = sides if label == "1" else reversed(sides)
    return pair([turns.user(turns.text(row, "history"))], [chosen], [rejected])


def _completions(row: RawRow) -> Preference:
    """GPT-4-LLM's comparisons as their README describes them: completion_a was ranked higher than completion_b."""
    asked = turns.text(row, "user_input")
    prompt = unrender.prompt(asked, strict=True) or [turns.user(asked)]
    return pair(prompt, [turns.answer(row, "completion_a")], [turns.answer(row, "completion_b")])


def _response_pairs(row: RawRow) -> Preference:
    return pair(_asked(row), [turns.answer(row, "response_j")], [turns.answer(row, "response_k")])


STRINGS = Schema("preference", "preference", columns("chosen rejected"), _strings, _has_question, specificity=60)
HH = Schema("hh_rlhf", "preference", columns("chosen rejected"), _hh, _is_hh, specificity=55)
LLAMAFACTORY = Schema(
    "llamafactory_dpo", "preference", columns("conversations chosen rejected", "messages chosen rejected"),
    _llamafactory, _is_llamafactory, specificity=75,
)  # fmt: skip
LLAMAFACTORY_V1 = Schema(
    "llamafactory_dpo", "preference", columns("chosen_messages rejected_messages"), _llamafactory, specificity=76
)
OPENAI = Schema(
    "openai_preference", "preference", columns("preferred_output non_preferred_output input"), _openai, specificity=80
)
SWIFT = Schema(
    "swift_rejected", "preference",
    columns("messages rejected_response", "messages rejected_messages", "conversations rejected_response"),
    _swift, specificity=78,
)  # fmt: skip
RANKED = Schema(
    "ranked_outputs", "preference", columns("instruction output"), _ranked,
    lambda row: isinstance(row["output"], list), specificity=62,
)  # fmt: skip
COMPLETIONS = Schema(
    "comparison_scores", "preference", columns("user_input completion_a completion_b"), _completions, specificity=80
)
SCORES = Schema("comparison_scores", "preference", columns("responses_and_scores"), _scored, specificity=80)
ULTRAFEEDBACK = Schema(
    "ultrafeedback_binarized", "preference", columns("instruction completions"), _scored,
    lambda row: isinstance(row["completions"], list), specificity=72,
)  # fmt: skip
SHP = Schema("shp", "preference", columns("human_ref_A human_ref_B labels"), _shp, specificity=80)
RESPONSE_PAIRS = Schema(
    "response_pairs", "preference", columns("response_j response_k question", "response_j response_k prompt"),
    _response_pairs, specificity=70,
)  # fmt: skip
