"""prompt_completion: a prompt (plain or rendered in a known style) and its answer; STYLE_text: all in one text."""

from workbench.data import unrender
from workbench.data.formats import turns
from workbench.data.formats.schema import RawRow, Schema, columns
from workbench.data.records import Conversation


def _prompt_completion(row: RawRow) -> Conversation:
    prompt = row["prompt"]
    if isinstance(prompt, list):
        asked = turns.messages(prompt, lead=turns.system(row))
        completion = row["completion"]
        answered = turns.messages(completion) if isinstance(completion, list) else (turns.answer(row, "completion"),)
        return turns.conversation((*asked, *answered), turns.tools(row.get("tools")))
    answer = turns.answer(row, "completion").content
    found = unrender.prompt(turns.text(row, "prompt"))
    if found:  # the space before an answer and the end token behind it are the style's; of a plain prompt all is text
        answer = turns.answer({"completion": unrender.completion(answer).strip()}, "completion").content
    past = turns.history(row.get("history"))
    asked = found or (*past, turns.user(turns.text(row, "prompt")))
    lead = turns.system(row) if asked[0].role != "system" else []
    return turns.conversation((*lead, *asked, turns.Message("assistant", answer)), turns.tools(row.get("tools")))


def _text(style: str) -> Schema:
    def convert(row: RawRow) -> Conversation:
        return turns.conversation(unrender.dialogue(row["text"], style))

    def matches(row: RawRow) -> bool:
        return (
            set(row) <= {"text", "id", "source"}
            and isinstance(row["text"], str)
            and unrender.style_of(row["text"]) == style
        )

    return Schema(f"{style}_text", "conversation", columns("text"), convert, matches, specificity=15)


PROMPT_COMPLETION = Schema(
    "prompt_completion", "conversation", columns("prompt completion"), _prompt_completion, specificity=40
)
globals().update({f"TEXT_{style.upper()}": _text(style) for style in unrender.STYLES})
