"""Question and answer under other names: input/target, pCLUE, input/output, query, prompt/response, Q/A, COIG."""

from workbench.data.formats import turns
from workbench.data.formats.schema import RawRow, Schema, columns, first_column
from workbench.data.records import Conversation

_ANSWERS = {
    "input": ("target", "output"),
    "query": ("response", "answer"),
    "prompt": ("response", "answer"),
    "question": ("answer", "std_answer", "response"),
}


def _pair(row: RawRow) -> Conversation:
    """One question, one answer, perhaps a system text and a history."""
    question = next(name for name, answers in _ANSWERS.items() if name in row and any(key in row for key in answers))
    answer = first_column(row, _ANSWERS[question])
    asked = turns.user(turns.text(row, question))
    past = turns.history(row.get("history"))
    said = [*turns.system(row), *past, asked, turns.answer(row, answer)]
    return turns.conversation(said, turns.tools(row.get("tools")))


def _dolly(row: RawRow) -> Conversation:
    asked = turns.user(turns.text(row, "instruction"), turns.text(row, "context"))
    return turns.conversation([*turns.system(row), asked, turns.answer(row, "response")])


def _translated(row: RawRow) -> Conversation:
    asked = turns.user(turns.text(row, "trans_instruction"), turns.text(row, "trans_input"))
    return turns.conversation([asked, turns.answer(row, "trans_output")])


def _exam(row: RawRow) -> Conversation:
    """COIG's exams: instruction, context and question are one question; the analysis follows the answer."""
    parts = [turns.text(row, f"textbox_{name}") for name in ("q_instruction", "q_context", "question")]
    answer = turns.answer(row, "textbox_answer")
    analysis = turns.text(row, "textbox_answer_analysis")
    content = f"{answer.content}\n{analysis}" if analysis.strip() else answer.content
    return Conversation.of(("user", "\n".join(part for part in parts if part.strip())), ("assistant", content))


PCLUE = Schema(
    "pclue", "conversation", columns("input target answer_choices", "input target type"), _pair, specificity=45
)
INPUT_TARGET = Schema("input_target", "conversation", columns("input target"), _pair, specificity=30)
INPUT_OUTPUT = Schema(
    "input_output", "conversation", columns("input output"), _pair,
    lambda row: "instruction" not in row, specificity=25,
)  # fmt: skip
QUERY_RESPONSE = Schema(
    "query_response", "conversation", columns("query response", "query answer"), _pair, specificity=30
)
PROMPT_RESPONSE = Schema(
    "prompt_response", "conversation", columns("prompt response", "prompt answer"), _pair, specificity=30
)
QUESTION_ANSWER = Schema(
    "question_answer", "conversation", columns("question answer", "question std_answer", "question response"), _pair,
    specificity=28,
)  # fmt: skip
DOLLY = Schema(
    "dolly", "conversation", columns("instruction context response", "instruction response"), _dolly, specificity=35
)
TRANSLATED = Schema(
    "coig_translated", "conversation", columns("trans_instruction trans_output"), _translated, specificity=70
)
EXAM = Schema("coig_exam", "conversation", columns("textbox_question textbox_answer"), _exam, specificity=70)
