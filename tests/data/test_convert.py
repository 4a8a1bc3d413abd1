"""Out again: every target, every container, what is lost is said, and what can be represented comes back equal."""

import gzip
import json

import pytest

from workbench.data import styles, writers
from workbench.data.convert import convert
from workbench.data.load import load
from workbench.data.records import Conversation, Feedback, Message, Preference, Text
from workbench.errors import UserError

TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}
CALL = {"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
SIMPLE = Conversation.of(("user", "甲"), ("assistant", "乙"))
LONG = Conversation.of(
    ("system", "景"), ("user", "一"), ("assistant", "二\n三"), ("user", "四"), ("assistant", "五"), ("user", "六"),
    ("assistant", "七"),
)  # fmt: skip
GIVEN = Conversation((Message("user", "译\n雨", "译", "雨"), Message("assistant", "rain")))
TOOLS = Conversation(
    (
        Message("user", "甲"),
        Message("assistant", "", tool_calls=(CALL,)),
        Message("tool", "42"),
        Message("assistant", "乙"),
    ),
    (TOOL,),
)
WEIGHTED = Conversation((Message("user", "甲"), Message("assistant", "乙", weight=0.0),
                         Message("user", "丙"), Message("assistant", "丁")))  # fmt: skip
REASONED = Conversation((Message("user", "甲"), Message("assistant", "乙", reasoning="想")))
PAIR = Preference((Message("user", "甲"),), (Message("assistant", "乙"),), (Message("assistant", "丙"),))
UNWANTED = Feedback((Message("user", "甲"),), (Message("assistant", "乙"),), False)
ALL = [SIMPLE, LONG, GIVEN, TOOLS, WEIGHTED, REASONED]


@pytest.fixture
def source(tmp_path):
    def write(*records):
        path = tmp_path / "source.jsonl"
        path.write_text("".join(json.dumps(record.to_row()) + "\n" for record in records), encoding="utf-8")
        return path

    return write


def rows_of(path) -> list:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


REPRESENTABLE = {
    "canonical": [*ALL, PAIR, UNWANTED, Text("文")],
    "messages": [SIMPLE, LONG, TOOLS, WEIGHTED, REASONED, UNWANTED],
    "openai": [SIMPLE, LONG, TOOLS, WEIGHTED, REASONED, PAIR],
    "sharegpt": [SIMPLE, LONG, TOOLS, WEIGHTED],
    "alpaca": [SIMPLE, LONG, GIVEN],
    "query_response": [SIMPLE, LONG],
    "text": [Text("文"), Text("a\nb")],
}


@pytest.mark.parametrize(
    "ending", [".jsonl", ".json", ".csv", ".tsv", ".parquet", ".jsonl.gz", ".csv.gz", ".parquet.gz"]
)
@pytest.mark.parametrize("target", REPRESENTABLE)
def test_what_can_be_represented_comes_back_equal(target, ending, source, tmp_path):
    for record in REPRESENTABLE[target]:
        out = tmp_path / f"out{ending}"
        report = convert(source(record), out, target)
        assert (report.rows_good, report.rows_bad) == (1, 0), report.to_json()
        assert load(out).records == [record], (target, ending)


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet"])
def test_texts_that_look_like_something_else_come_back_from_tables(ending, tmp_path):
    texts = ["a\r\nb", "a\rb", '{"messages": []}', '[["a", "b"]]', "null", "=1", "sep=;", "\u2028", '"', "\ufeff"]
    rows = [{"instruction": text, "input": text, "output": f"x{text}"} for text in texts]
    source = tmp_path / "a.jsonl"
    source.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    convert(source, tmp_path / f"b{ending}", "alpaca")
    assert load(tmp_path / f"b{ending}").records == load(source).records and len(load(source).records) == len(texts)


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
def test_records_of_several_shapes_share_a_file(ending, source, tmp_path):
    convert(source(*ALL), tmp_path / f"out{ending}", "canonical")
    assert load(tmp_path / f"out{ending}").records == ALL


def test_alpaca_rows_are_what_others_write(source, tmp_path):
    convert(source(SIMPLE, GIVEN, LONG), tmp_path / "out.jsonl", "alpaca")
    assert rows_of(tmp_path / "out.jsonl") == [
        {"instruction": "甲", "input": "", "output": "乙"},
        {"instruction": "译", "input": "雨", "output": "rain"},
        {"instruction": "六", "input": "", "output": "七", "system": "景", "history": [["一", "二\n三"], ["四", "五"]]},
    ]


def test_sharegpt_writes_calls_and_tools_as_text(source, tmp_path):
    convert(source(TOOLS), tmp_path / "out.jsonl", "sharegpt")
    (row,) = rows_of(tmp_path / "out.jsonl")
    assert [item["from"] for item in row["conversations"]] == ["human", "function_call", "observation", "gpt"]
    assert json.loads(row["conversations"][1]["value"]) == {"name": "f", "arguments": {"a": 1}}
    assert json.loads(row["tools"]) == [TOOL]


def test_openai_rows_have_arguments_as_text(source, tmp_path):
    convert(source(TOOLS, PAIR), tmp_path / "out.jsonl", "openai")
    first, second = rows_of(tmp_path / "out.jsonl")
    assert first["messages"][1] == {"role": "assistant", "content": None, "tool_calls": [
        {"type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}]}  # fmt: skip
    assert second["non_preferred_output"] == [{"role": "assistant", "content": "丙"}]


def test_what_a_target_cannot_hold_is_refused_with_the_reason(source, tmp_path):
    report = convert(source(SIMPLE, TOOLS, UNWANTED, Text("文")), tmp_path / "out.jsonl", "alpaca")
    assert report.rows_good == 1
    assert [(bad.row, bad.reason.key.removeprefix("data.row.")) for bad in report.bad] == [
        (2, "target_without_tools"), (3, "unwanted_answer"), (4, "no_dialogue"),
    ]  # fmt: skip


def test_what_is_lost_is_counted(source, tmp_path):
    report = convert(source(WEIGHTED, REASONED, PAIR), tmp_path / "out.jsonl", "alpaca")
    lost = {item.code: item.rows for item in report.warnings if item.code.endswith("_lost")}
    assert lost == {"weight_lost": (1,), "reasoning_lost": (2,), "rejected_side_lost": (3,)}


def test_sharegpt_says_that_it_has_no_place_for_ids_and_names(source, tmp_path):
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": {}}}
    turns = (Message("user", "甲"), Message("assistant", "", tool_calls=(call,)))
    identified = Conversation((*turns, Message("tool", "1", tool_call_id="c1"), Message("assistant", "乙")))
    named = Conversation((Message("user", "甲", name="Ann"), Message("assistant", "乙")))
    for to, lost in (("sharegpt", {"call_ids_lost": (1,), "names_lost": (2,)}), ("messages", {})):
        report = convert(source(identified, named, TOOLS), tmp_path / "out.jsonl", to)
        assert {item.code: item.rows for item in report.warnings if item.code.endswith("_lost")} == lost


def test_a_preference_becomes_two_judgements(source, tmp_path):
    convert(source(PAIR), tmp_path / "out.jsonl", "feedback")
    assert [record.label for record in load(tmp_path / "out.jsonl").records] == [True, False]


def test_judgements_of_one_question_become_a_pair_and_back(source, tmp_path):
    wanted = Feedback(UNWANTED.prompt, (Message("assistant", "好"),), True)
    other = Feedback((Message("user", "丁"),), (Message("assistant", "乙"),), True)
    report = convert(source(UNWANTED, other, wanted, SIMPLE, PAIR), tmp_path / "out.jsonl", "preference")
    assert load(tmp_path / "out.jsonl").records == [
        Preference(UNWANTED.prompt, wanted.completion, UNWANTED.completion),
        PAIR,
    ]
    assert (report.rows_good, [(bad.row, bad.reason.key) for bad in report.bad]) == (
        3, [(2, "data.row.no_counterpart"), (4, "data.row.one_answer_is_no_pair")],
    )  # fmt: skip
    convert(tmp_path / "out.jsonl", tmp_path / "back.jsonl", "feedback")
    assert load(tmp_path / "back.jsonl").records[:2] == [wanted, UNWANTED]


# -- styles -----------------------------------------------------------------------------------------------------------

TWO = Conversation.of(("user", "甲"), ("assistant", "乙"), ("user", "丙"), ("assistant", "丁"))
HEADER = "Below is an instruction that describes a task. Write a response that appropriately completes the request."
WITH_INPUT = HEADER.replace("task.", "task, paired with an input that provides further context.")
PROMPTS = [
    ("chatglm_6b", SIMPLE, "甲"),
    ("chatglm_6b", TWO, "[Round 0]\n问：甲\n答：乙\n[Round 1]\n问：丙\n答："),
    ("chatglm2_6b", TWO, "[Round 1]\n\n问：甲\n\n答：乙\n\n[Round 2]\n\n问：丙\n\n答："),
    ("claude", SIMPLE, "\n\nHuman: 甲\n\nAssistant:"),
    ("claude", TWO, "\n\nHuman: 甲\n\nAssistant: 乙\n\nHuman: 丙\n\nAssistant:"),
    ("alpaca.jinja", SIMPLE, HEADER + "\n\n### Instruction:\n甲\n\n### Response:"),
    ("alpaca.jinja", GIVEN,
     WITH_INPUT + "\n\n### Instruction:\n译\n\n### Input:\n雨\n\n### Response:"),
    ("chatml", TWO,
     "<|im_start|>user\n甲<|im_end|>\n<|im_start|>assistant\n乙<|im_end|>\n"
     "<|im_start|>user\n丙<|im_end|>\n<|im_start|>assistant\n"),
    ("vicuna_v1_1", Conversation((Message("system", "S"), *TWO.messages)),
     "S USER: 甲 ASSISTANT: 乙</s>USER: 丙 ASSISTANT:"),
    ("belle", SIMPLE, "Human: \n甲\n\nAssistant: \n"),
    ("linly", TWO, "User: 甲\nBot: 乙\nUser: 丙\nBot:"),
    ("phoenix", SIMPLE, "Human: 甲</s>Assistant: "),
    ("llama2", TWO, "[INST] 甲 [/INST] 乙 [INST] 丙 [/INST]"),
    ("llama3", SIMPLE,
     "<|start_header_id|>user<|end_header_id|>\n\n甲<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"),
    ("gemma", SIMPLE, "<start_of_turn>user\n甲<end_of_turn>\n<start_of_turn>model\n"),
    ("mistral_v1", SIMPLE, "[INST] 甲 [/INST]"),
    ("mistral_v7", SIMPLE, "[INST]甲[/INST]"),
    ("deepseek_v3", SIMPLE, "<｜User｜>甲<｜Assistant｜>"),
]  # fmt: skip


@pytest.mark.parametrize(("style", "talk", "prompt"), PROMPTS, ids=[f"{i}-{case[0]}" for i, case in enumerate(PROMPTS)])
def test_the_last_answer_is_the_completion_of_a_style(style, talk, prompt, source, tmp_path):
    convert(source(talk), tmp_path / "out.jsonl", style)
    assert rows_of(tmp_path / "out.jsonl") == [{"prompt": prompt, "completion": talk.messages[-1].content}]


def test_every_turn_gives_a_row_per_answer_that_takes_loss(source, tmp_path):
    convert(source(TWO, WEIGHTED), tmp_path / "out.jsonl", "claude", every_turn=True)
    rows = rows_of(tmp_path / "out.jsonl")
    assert [row["completion"] for row in rows] == ["乙", "丁", "丁"]
    assert rows[0]["prompt"] == "\n\nHuman: 甲\n\nAssistant:"


DIALOGUES = {
    "one": SIMPLE,
    "system": Conversation.of(("system", "Be kind."), ("user", "Q1"), ("assistant", "A1")),
    "two": TWO,
    "three": LONG,
    "lines": Conversation.of(
        ("user", "a\n\nb: c\nd"), ("assistant", "x\n\n- y\n- z"), ("user", "e\nf"), ("assistant", "g\n\nh")
    ),
}
# Where the style itself does not tell: a system text in front of the first question, without a mark of its own.
UNTOLD = {("chatglm_6b", "system"), ("linly", "system"), ("mistral_v1", "system"), ("mistral_v1", "three"),
          ("gemma3", "system"), ("gemma3", "three")}  # fmt: skip
REFUSED = {("gemma", "system"), ("gemma", "three")}
# A single question and its answer stand side by side; one text of both could not be taken apart.
UNMARKED = {("chatglm_6b", "one"), ("chatglm_6b", "system"), ("linly", "one"), ("linly", "system")}
QWEN = Message("system", "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.")


def _comes_back(style: str, name: str, record: Conversation, back: Conversation) -> bool:
    wanted = record.messages
    if style == "qwen2_5" and wanted[0].role != "system":
        wanted = (QWEN, *wanted)  # the style's own system text is told from none
    if (style, name) in UNTOLD:
        joint = "\n\n" if style in ("mistral_v1", "gemma3") else "\n"
        wanted = (Message("user", wanted[0].content + joint + wanted[1].content), *wanted[2:])
    return back == Conversation(wanted)


@pytest.mark.parametrize("name", DIALOGUES)
@pytest.mark.parametrize("style", styles.names())
def test_rendered_prompts_come_back_as_the_dialogue(style, name, source, tmp_path):
    record, out = DIALOGUES[name], tmp_path / "out.jsonl"
    if (style, name) in REFUSED:
        with pytest.raises(UserError, match="gemma3"):
            convert(source(record), out, f"{style}.jinja")
        return
    convert(source(record), out, f"{style}.jinja")
    (back,) = load(out).records
    assert _comes_back(style, name, record, back), back
    if (style, name) in UNMARKED:
        with pytest.raises(UserError, match="no mark"):
            convert(source(record), out, f"{style}_text")
        return
    convert(source(record), out, f"{style}_text")
    loaded = load(out)
    assert loaded.report.format.endswith("_text") and _comes_back(style, name, record, loaded.records[0])


@pytest.mark.parametrize("form", ["alpaca.jinja", "alpaca_text", "alpaca"])
def test_instruction_and_input_stay_apart_where_the_style_has_a_place_for_each(form, source, tmp_path):
    convert(source(GIVEN), tmp_path / "out.jsonl", form)
    assert load(tmp_path / "out.jsonl").records == [GIVEN]


def test_texts_of_guanaco_are_taken_apart_and_ordinary_inputs_are_not(tmp_path):
    path = tmp_path / "a.jsonl"
    plain = f"{WITH_INPUT}\n\n### Instruction:\nSummarise\n\n### Input:\nUser: a\nAssistant: b\n\n### Response:c"
    path.write_text(json.dumps({"text": plain}) + "\n" + json.dumps({"text": "### Human: 甲\n### Assistant: 乙"}))
    first, second = load(path).records
    assert [turn.role for turn in first.messages] == ["user", "assistant"] and second == SIMPLE
    assert (first.messages[0].instruction, first.messages[0].input) == ("Summarise", "User: a\nAssistant: b")


def test_what_is_text_already_stays_and_every_kind_becomes_text(source, tmp_path):
    report = convert(source(Text("文"), SIMPLE, PAIR, TOOLS, UNWANTED), tmp_path / "out.jsonl", "chatml_text")
    asked = "<|im_start|>user\n甲<|im_end|>\n<|im_start|>assistant\n乙<|im_end|>"
    assert [row["text"] for row in rows_of(tmp_path / "out.jsonl")] == ["文", asked, asked]
    assert [bad.row for bad in report.bad] == [4, 5]
    with pytest.raises(UserError, match="prompt styles only"):
        convert(source(SIMPLE), tmp_path / "out.jsonl", "chatml_text", every_turn=True)


def test_control_tokens_in_the_text_itself_are_kept(source, tmp_path):
    talk = Conversation.of(("user", "what does </s> mean?"), ("assistant", "the end"))
    convert(source(talk), tmp_path / "out.jsonl", "claude")
    assert rows_of(tmp_path / "out.jsonl")[0]["prompt"] == "\n\nHuman: what does </s> mean?\n\nAssistant:"


# -- refusals ---------------------------------------------------------------------------------------------------------


def test_wrong_targets_and_containers_write_nothing(source, tmp_path):
    for out, to, words in [
        ("out.jsonl", "alpacca", "alpaca"), ("out.doc", "alpaca", ".jsonl"), ("out", "alpaca", ".jsonl"),
    ]:  # fmt: skip
        with pytest.raises(UserError, match=words):
            convert(source(SIMPLE), tmp_path / out, to)
    with pytest.raises(UserError, match="prompt styles only"):
        convert(source(SIMPLE), tmp_path / "out.jsonl", "alpaca", every_turn=True)
    assert [path.name for path in tmp_path.iterdir()] == ["source.jsonl"]


def test_a_file_without_a_good_row_leaves_the_old_output_alone(source, tmp_path):
    out = tmp_path / "out.jsonl"
    out.write_text("old", encoding="utf-8")
    with pytest.raises(UserError, match="none of its 1 row "):
        convert(source(Text("文")), out, "alpaca")
    assert out.read_text(encoding="utf-8") == "old" and len(list(tmp_path.iterdir())) == 2


def test_a_file_can_be_converted_onto_itself(source, tmp_path):
    path = source(SIMPLE, LONG)
    convert(path, path, "sharegpt")
    assert load(path).records == [SIMPLE, LONG]


def test_the_same_rows_give_the_same_bytes(tmp_path):
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        writers.write_rows(tmp_path / name, [{"a": "b"}])
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()) == b'{"a":"b"}\n'
