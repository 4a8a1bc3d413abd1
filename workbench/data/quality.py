"""Records as they go by -> statistics and warnings: what a person should know before training on a file."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from workbench.data import suspects
from workbench.data.numbers import SPILLED_ROWS, Counts, Numbers, grouped
from workbench.data.overlap import HeldOut
from workbench.data.records import Conversation, Feedback, Message, Preference, Record, Text
from workbench.data.report import Warned
from workbench.data.row_set import RowSet

ROWS_LISTED = 1000  # per warning; the count goes on
NEAR_COMPARED = 4000  # rows compared with each other for near duplicates: 0.3 ms each
LANGUAGES_SAMPLED = 2000
_MOST_TURNS = 20  # of the picture
_SHORT = 2  # characters; a yes or a letter can be right, many of them are worth a look
_LONG = 8000
_RANKED = ("output", "responses_and_scores", "completions")  # columns that may list more answers than a pair has
_BIAS_PAIRS, _BIAS_SHARE = 20, 0.75  # pairs needed, and share of longer chosen answers from which length decides


class Watch:
    """Sees every record once. Holds the rows of each warning, one bit a row, the texts of the first few thousand, and
    no records; its 40 bytes of numbers per row wait on disk when there are many."""

    def __init__(self, held_out: HeldOut | None = None) -> None:
        """held_out: evaluation rows that no row may give away."""
        self._held_out = held_out
        self._rows: dict[str, RowSet] = defaultdict(RowSet)
        self._params: dict[str, dict[str, Any]] = {}
        self._whole, self._prompt, self._answer = Numbers("q"), Numbers("q"), Numbers("q")
        self._row, self._turns, self._length, self._answer_length = (Numbers("I") for _ in range(4))
        self._roles: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._near: list[tuple[int, str]] = []
        self._languages: Counter[str] = Counter()
        self._pairs = self._longer = 0

    def note(self, code: str, row: int) -> None:
        """One more row for a warning; a row is listed once for each."""
        self._rows[code].add(row)

    def rows(self, code: str) -> RowSet:
        """All rows of a warning; those of duplicates and conflicts are known after `warnings`."""
        return self._rows.get(code) or RowSet()

    def add(self, row: int, record: Record, value: Any = None) -> list[str]:
        """value: the raw row, for the columns that a record has no place for (scores, choices).

        Returns the codes of what is suspicious in its texts.
        """
        kind = record.kind
        self._kinds[kind] += 1
        if self._held_out is not None and self._held_out.overlap(record):
            self.note("evaluation_overlap", row)
        if kind == "conversation":
            turns = record.messages  # type: ignore[union-attr]
            if len(turns) == 2:
                prompt, answer = turns[0].content, turns[1].content or _said(turns[1])
            else:
                prompt, answer = "\n".join([turn.content or _said(turn) for turn in turns[:-1]]), _said(turns[-1])
        elif kind == "text":
            turns, prompt, answer = (), "", record.text  # type: ignore[union-attr]
        else:
            turns = record.prompt  # type: ignore[union-attr]
            prompt = "\n".join([turn.content for turn in turns])
            side = record.chosen if kind == "preference" else record.completion  # type: ignore[union-attr]
            answer = "\n".join([turn.content for turn in side])
        whole = f"{prompt}\n{answer}"
        self._row.append(row)
        self._length.append(len(whole))
        self._answer_length.append(len(answer))
        self._turns.append(len(turns))
        asked = hash(_normal(prompt))
        self._prompt.append(asked)
        self._answer.append(hash(answer))
        self._whole.append(hash((asked, _normal(answer))))
        if len(self._near) < NEAR_COMPARED:
            self._near.append((row, whole[:2000]))
            if len(self._near) <= LANGUAGES_SAMPLED:
                self._languages[suspects.language(whole)] += 1
        suspicious = suspects.find(whole)
        for code in suspicious:
            self.note(code, row)
        if kind != "text":
            self._look_at_answer(row, record, prompt, answer)
        if kind == "preference":
            suspicious += self._look_at_pair(row, record, answer, value)  # type: ignore[arg-type]
        elif type(value) is dict and "answer_choices" in value:
            choices = value["answer_choices"]
            if isinstance(choices, list) and choices:
                if answer not in choices:
                    self.note("answer_not_in_choices", row)
                if any(choice in choices[:place] for place, choice in enumerate(choices)):
                    self.note("repeated_choices", row)
        if len(self._row.tail) >= SPILLED_ROWS:
            for column in (self._row, self._whole, self._prompt, self._answer, self._turns, self._length,
                           self._answer_length):  # fmt: skip
                column.spill()
        return suspicious

    def _look_at_answer(self, row: int, record: Record, prompt: str, answer: str) -> None:
        stripped = answer.strip()
        if len(stripped) <= _SHORT and stripped:
            self.note("short_answer", row)
        if len(stripped) != len(answer):
            # A leading newline merges with the newline of the style's header into one token.
            self.note("answer_starts_with_newline" if answer[:1] == "\n" else "edge_whitespace", row)
        if len(prompt) + len(answer) > _LONG:
            self.note("very_long", row)
        if not prompt or prompt.isspace():
            self.note("empty_prompt", row)

    def _look_at_pair(self, row: int, record: Preference, answer: str, value: Any) -> list[str]:
        rejected = "\n".join([turn.content for turn in record.rejected])
        self._pairs += 1
        self._longer += len(answer) > len(rejected)
        suspicious = suspects.find(rejected)
        for code in suspicious:
            self.note(code, row)
        if isinstance(value, Mapping) and any(_many(value.get(column)) for column in _RANKED):
            self.note("answers_between_lost", row)
        if answer == rejected:
            self.note("identical_pair", row)
        elif isinstance(value, Mapping) and value.get("score_chosen", 0) == value.get("score_rejected", 1):
            self.note("tied_pair", row)
        return suspicious

    # -- what comes of it ---------------------------------------------------------------------------------------------

    def warnings(self) -> list[Warned]:
        """All warnings, the most frequent first."""
        self._compare()
        counts = {code: len(rows) for code, rows in self._rows.items() if len(rows)}
        if self._pairs >= _BIAS_PAIRS and self._longer >= _BIAS_SHARE * self._pairs:
            counts["length_bias"] = self._longer
            self._params["length_bias"] = {"percent": round(100 * self._longer / self._pairs), "pairs": self._pairs}
        return [
            Warned(code, count, tuple(self.rows(code).part(0, ROWS_LISTED)), self._params.get(code, {}))
            for code, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        ]

    def _compare(self) -> None:
        """Duplicates and contradictions, from the numbers of all rows."""
        copies, conflicting = RowSet(), RowSet()  # places in the columns, from 1
        for places, values in grouped(self._whole):
            copies.add_all(places[_repeated(values)] + 1)
        if set(self._kinds) - {"text"}:
            for places, asked, told in grouped(self._prompt, self._answer):
                conflicting.add_all(places[_conflicts(asked, told)] + 1)
        same, contradicted, at = RowSet(), RowSet(), 0
        for rows, turns in zip(self._row.blocks(), self._turns.blocks(), strict=True):
            same.add_all(rows[copies.mask(at, len(rows))])
            contradicted.add_all(rows[conflicting.mask(at, len(rows)) & (turns > 0)])
            at += len(rows)
        near = suspects.near_duplicates([(row, text) for row, text in self._near if row not in same])
        self._rows |= {"exact_duplicates": same, "conflicting_answers": contradicted, "near_duplicates": RowSet(near)}
        self._params["near_duplicates"] = {"compared": len(self._near)}

    def statistics(self) -> dict[str, Any]:
        """Figures over all good records, plain JSON. Languages are those of the first rows (`languages_sampled`)."""
        turns, lengths, answers = self._turns.counts(), self._length.counts(), self._answer_length.counts()
        return {
            "records": len(self._row),
            "kinds": dict(self._kinds.most_common()),
            "turns": _spread(turns),
            "characters": _spread(lengths),
            "answer_characters": _spread(answers),
            "languages": dict(self._languages.most_common()),
            "languages_sampled": min(len(self._row), LANGUAGES_SAMPLED),
            "histograms": {"turns": _counted(turns), "characters": lengths.histogram()},
        }


def _many(answers: Any) -> bool:
    return isinstance(answers, list) and len(answers) > 2


def _counted(column: Counts) -> list[dict[str, int]]:
    """How many rows have 0, 1, 2 … of something; the last counts those with more, too."""
    pairs = zip(column.values.tolist(), column.counts.tolist(), strict=True)
    counted = [{"value": value, "count": count} for value, count in pairs if value < _MOST_TURNS]
    more = column.above(_MOST_TURNS - 1)
    return [*counted, {"value": _MOST_TURNS, "count": more}] if more else counted


_PUNCTUATION = bytes(code for code in range(128) if not chr(code).isalnum())
_LOWER = bytes(range(256)).lower()


def _normal(text: str) -> str:
    """Letters and digits only, NFKC and lower case: what counts when texts are compared."""
    if text.isascii():
        return text.encode().translate(_LOWER, _PUNCTUATION).decode()  # one pass in C
    text = "".join(suspects.WORDS.findall(text))
    if not unicodedata.is_normalized("NFKC", text):
        text = unicodedata.normalize("NFKC", text)
    return text.lower()


def _said(turn: Message) -> str:
    """A turn's text, and what it calls: rows that call with other arguments are not the same."""
    return turn.content if not turn.tool_calls else turn.content + json.dumps(turn.tool_calls, ensure_ascii=False)


def fingerprint(record: Record) -> str:
    """Equal for records whose texts differ in punctuation, case and width only; the same in every process."""
    parts: Iterable[Message] = ()
    if isinstance(record, Text):
        texts = [record.text]
    elif isinstance(record, Conversation):
        texts = [_said(turn) for turn in record.messages]
    else:
        parts = (
            *record.prompt,
            *(record.completion if isinstance(record, Feedback) else (*record.chosen, *record.rejected)),
        )
        texts = [_said(turn) for turn in parts]
    return hashlib.blake2b("\0".join(map(_normal, texts)).encode(errors="replace"), digest_size=12).hexdigest()


def _repeated(values: Any) -> Any:
    """Indices of values that stood before."""
    import numpy as np

    order = np.argsort(values, kind="stable")
    ordered = values[order]
    return order[1:][ordered[1:] == ordered[:-1]]


def _conflicts(prompts: Any, answers: Any) -> Any:
    """Indices of rows whose prompt also stands with another answer."""
    import numpy as np

    order = np.lexsort((answers, prompts))
    asked, answered = prompts[order], answers[order]
    starts = np.flatnonzero(np.r_[True, asked[1:] != asked[:-1]])
    group = np.cumsum(np.r_[False, asked[1:] != asked[:-1]])
    # A group is in conflict when its lowest and highest answer differ.
    ends = np.r_[starts[1:], len(asked)] - 1
    differs = answered[starts] != answered[ends]
    return order[differs[group]]


def _spread(column: Counts) -> dict[str, float]:
    if not len(column):
        return {"mean": 0.0, "p50": 0, "p95": 0, "max": 0}
    return {
        "mean": round(column.total / len(column), 2), "p50": int(column.percentile(50)),
        "p95": int(column.percentile(95)), "max": column.most,
    }  # fmt: skip
