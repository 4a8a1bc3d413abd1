"""Rows that have a question but no answer: claimed last, so that their reason names the column that is missing."""

from workbench.data.formats.schema import RawRow, Schema, columns
from workbench.data.records import Conversation
from workbench.data.rows import RowError


def _lacks(slug: str, has: str, needs: str, kind: str = "conversation") -> Schema:
    def convert(row: RawRow) -> Conversation:
        raise RowError("no_answer", column=needs)

    return Schema(slug, kind, columns(has), convert, specificity=0)  # type: ignore[arg-type]


UNREJECTED = _lacks("preference", "chosen", "rejected", "preference")
UNCHOSEN = _lacks("preference", "rejected", "chosen", "preference")
QUERY = _lacks("query_response", "query", "response")
QUESTION = _lacks("question_answer", "question", "answer")
TARGETLESS = _lacks("input_output", "input", "output")
PROMPT = _lacks("prompt_completion", "prompt", "completion")
TRANSLATED = _lacks("coig_translated", "trans_instruction", "trans_output")
EXAM = _lacks("coig_exam", "textbox_question", "textbox_answer")
