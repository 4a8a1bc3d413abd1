"""kto: an answer and whether it is wanted: messages, prompt + completion or plain columns, with label (or kto_tag)."""

from workbench.data.formats import turns
from workbench.data.formats.schema import RawRow, Schema, columns, first_column
from workbench.data.records import Feedback
from workbench.data.rows import RowError, shorten

_PLAIN = (("instruction", "output"), ("query", "response"), ("prompt", "response"), ("question", "answer"))
_WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def label_of(value: object) -> bool | None:
    """True or False for a boolean, 0/1, or its word in a table's cell; None for anything else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    return _WORDS.get(value.strip().lower()) if isinstance(value, str) else None


def _label(row: RawRow) -> object:
    return row[first_column(row, ("label", "kto_tag"))]


def _matches(row: RawRow) -> bool:
    return label_of(_label(row)) is not None


def _is_judged(row: RawRow) -> bool:
    """Beside plain columns a label of 0 or 1 may be a class: only a true or false says that an answer is wanted."""
    label = _label(row)
    return isinstance(label, bool) or "kto_tag" in row or str(label).strip().lower() in ("true", "false")


def _convert_plain(row: RawRow) -> Feedback:
    turns.refuse_tools(row)
    label = label_of(_label(row))
    if label is None:
        raise RowError("bad_label", value=shorten(_label(row)))
    question, answer = next(pair for pair in _PLAIN if pair[0] in row and pair[1] in row)
    given = turns.text(row, "input") if question == "instruction" else ""
    past = turns.history(row.get("history"))
    asked = (*turns.system(row), *past, turns.user(turns.text(row, question), given))
    answered = turns.answer(row, answer)
    turns.check_order((*asked, answered))
    return Feedback(asked, (answered,), label)


def _convert(row: RawRow) -> Feedback:
    turns.refuse_tools(row)
    label = label_of(_label(row))
    if label is None:
        raise RowError("bad_label", value=shorten(_label(row)))
    if "messages" in row or "conversations" in row:
        column = first_column(row, ("messages", "conversations"))
        items = row[column]
        named = isinstance(items, list) and items and isinstance(items[0], dict) and "from" in items[0]
        found = turns.messages(
            items,
            role_key="from" if named else "role",
            content_key="value" if named else "content",
            lead=turns.system(row),
        )
        turns.check_order(found)
        return Feedback(found[:-1], found[-1:], label)
    prompt, completion = row.get("prompt"), row.get("completion")
    asked = (
        turns.messages(prompt, lead=turns.system(row))
        if isinstance(prompt, list)
        else (*turns.system(row), turns.user(turns.text(row, "prompt")))
    )
    answered = turns.messages(completion) if isinstance(completion, list) else (turns.answer(row, "completion"),)
    turns.check_prompt(asked)
    turns.check_order((*asked, *answered))
    return Feedback(asked, answered, label)


KTO = Schema(
    "kto",
    "feedback",
    columns(
        *(
            f"{body} {tag}"
            for body in ("messages", "conversations", "prompt completion")
            for tag in ("label", "kto_tag")
        )
    ),
    _convert,
    _matches,
    specificity=80,
)
PLAIN = Schema(
    "kto",
    "feedback",
    columns(*(f"{question} {answer} {tag}" for question, answer in _PLAIN for tag in ("label", "kto_tag"))),
    _convert_plain,
    _is_judged,
    specificity=79,
)
