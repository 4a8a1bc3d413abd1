"""Out again: every target, every container, what is lost is said, and what can be represented comes back equal."""

import gzip
import json

import pytest

from workbench.data import targets, writers
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


def test_a_preference_becomes_two_judgements(source, tmp_path):
    convert(source(PAIR), tmp_path / "out.jsonl", "feedback")
    assert [record.label for record in load(tmp_path / "out.jsonl").records] == [True, False]


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


@pytest.mark.parametrize("style", sorted(set(targets.names()) - set(REPRESENTABLE) - {"feedback"}))
def test_rendered_prompts_come_back_as_the_dialogue(style, source, tmp_path):
    convert(source(TWO), tmp_path / "out.jsonl", style)
    (back,) = load(tmp_path / "out.jsonl").records
    turns = [message for message in back.messages if message.role != "system"]
    if style == "guanaco_chat":  # its past turns stand inside one instruction: an instruction is what comes back
        assert turns[-1].content == "丁"
    else:
        assert tuple(turns) == TWO.messages


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
    with pytest.raises(UserError, match="none of its 1 rows"):
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
