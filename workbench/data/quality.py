"""Records as they go by -> statistics and warnings: what a person should know before training on a file."""

from __future__ import annotations

import hashlib
import unicodedata
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from workbench.data import suspects
from workbench.data.numbers import SPILLED_ROWS, Numbers, grouped
from workbench.data.overlap import HeldOut
from workbench.data.records import Conversation, Feedback, Message, Preference, Record, Text
from workbench.data.report import Warned

ROWS_LISTED = 1000  # per warning; the count goes on
NEAR_COMPARED = 4000  # rows compared with each other for near duplicates: 0.3 ms each
LANGUAGES_SAMPLED = 2000
_BINS, _MOST_TURNS = 40, 20  # of the pictures
_SHORT = 2  # characters; a yes or a letter can be right, many of them are worth a look
_LONG = 8000
_BIAS_PAIRS, _BIAS_SHARE = 20, 0.75  # pairs needed, and share of longer chosen answers from which length decides


class Watch:
    """Sees every record once. Holds the rows of each warning, the texts of the first few thousand, and no records;
    its 40 bytes of numbers per row wait on disk when there are many."""

    def __init__(self, held_out: HeldOut | None = None) -> None:
        """held_out: evaluation rows that no row may give away."""
        self._held_out = held_out
        self._counts: Counter[str] = Counter()
        self._rows: dict[str, array] = defaultdict(lambda: array("I"))
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
        listed = self._rows[code]
        if not listed or listed[-1] != row:
            self._counts[code] += 1
            listed.append(row)

    def rows(self, code: str) -> array:
        """All rows of a warning, in order; those of duplicates and conflicts are known after `warnings`."""
        return self._rows.get(code) or array("I")

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
                prompt, answer = turns[0].content, turns[1].content
            else:
                prompt, answer = "\n".join([turn.content for turn in turns[:-1]]), turns[-1].content
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
        if answer == rejected:
            self.note("identical_pair", row)
        elif isinstance(value, Mapping) and value.get("score_chosen", 0) == value.get("score_rejected", 1):
            self.note("tied_pair", row)
        return suspicious

    # -- what comes of it ---------------------------------------------------------------------------------------------

    def warnings(self) -> list[Warned]:
        """All warnings, the most frequent first."""
        self._compare()
        if self._pairs >= _BIAS_PAIRS and self._longer >= _BIAS_SHARE * self._pairs:
            self._counts["length_bias"] = self._longer
            self._params["length_bias"] = {"percent": round(100 * self._longer / self._pairs), "pairs": self._pairs}
        return [
            Warned(code, count, tuple(self._rows[code][:ROWS_LISTED]), self._params.get(code, {}))
            for code, count in sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        ]

    def _compare(self) -> None:
        """Duplicates and contradictions, from the numbers of all rows."""
        import numpy as np

        if not len(self._row):
            return
        rows = self._row.whole()
        copies = np.sort(np.concatenate([places[_repeated(values)] for places, values in grouped(self._whole)]))
        self._set("exact_duplicates", rows[copies])
        if set(self._kinds) - {"text"}:
            parts = grouped(self._prompt, self._answer)
            conflicting = np.sort(np.concatenate([places[_conflicts(asked, told)] for places, asked, told in parts]))
            self._set("conflicting_answers", rows[conflicting[self._turns.whole()[conflicting] > 0]])
        same = set(rows[copies].tolist())
        near = suspects.near_duplicates([(row, text) for row, text in self._near if row not in same])
        self._set("near_duplicates", np.array(near, np.int64))
        self._params["near_duplicates"] = {"compared": len(self._near)}

    def _set(self, code: str, rows: Any) -> None:
        import numpy as np

        self._counts.pop(code, None)
        if len(rows):
            self._counts[code] = len(rows)
            self._rows[code] = array("I", rows.astype(np.uint32).tobytes())

    def statistics(self) -> dict[str, Any]:
        """Figures over all good records, plain JSON. Languages are those of the first rows (`languages_sampled`)."""
        return {
            "records": len(self._row),
            "kinds": dict(self._kinds.most_common()),
            "turns": _spread(self._turns),
            "characters": _spread(self._length),
            "answer_characters": _spread(self._answer_length),
            "languages": dict(self._languages.most_common()),
            "languages_sampled": min(len(self._row), LANGUAGES_SAMPLED),
            "histograms": {"turns": _counted(self._turns), "characters": histogram(self._length.whole())},
        }


def histogram(numbers: Any, bins: int = _BINS) -> list[dict[str, float]]:
    """[{"from", "to", "count"}] of whole numbers; the widths are equal."""
    import numpy as np

    if not len(numbers):
        return []
    most = int(numbers.max()) or 1
    counts, edges = np.histogram(numbers, bins=min(bins, most), range=(0, most))
    return [
        {"from": round(float(low), 1), "to": round(float(top), 1), "count": int(count)}
        for low, top, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]


def _counted(values: Numbers) -> list[dict[str, int]]:
    """How many rows have 0, 1, 2 … of something; the last counts those with more, too."""
    import numpy as np

    if not len(values):
        return []
    counts = np.bincount(np.minimum(values.whole(), _MOST_TURNS))
    return [{"value": value, "count": int(count)} for value, count in enumerate(counts) if count]


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


def fingerprint(record: Record) -> str:
    """Equal for records whose texts differ in punctuation, case and width only; the same in every process."""
    parts: Iterable[Message] = ()
    if isinstance(record, Text):
        texts = [record.text]
    elif isinstance(record, Conversation):
        texts = [turn.content for turn in record.messages]
    else:
        parts = (
            *record.prompt,
            *(record.completion if isinstance(record, Feedback) else (*record.chosen, *record.rejected)),
        )
        texts = [turn.content for turn in parts]
    return hashlib.blake2b("\0".join(map(_normal, texts)).encode(errors="replace"), digest_size=12).hexdigest()


def _repeated(values: Any) -> Any:
    """Indices of values that stood before, in order."""
    import numpy as np

    order = np.argsort(values, kind="stable")
    ordered = values[order]
    return np.sort(order[1:][ordered[1:] == ordered[:-1]])


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
    return np.sort(order[differs[group]])


def _spread(values: Numbers) -> dict[str, float]:
    import numpy as np

    if not len(values):
        return {"mean": 0.0, "p50": 0, "p95": 0, "max": 0}
    numbers = values.whole()
    middle, high = np.percentile(numbers, (50, 95))
    return {
        "mean": round(float(numbers.mean()), 2), "p50": int(middle), "p95": int(high), "max": int(numbers.max()),
    }  # fmt: skip
