"""Every schema found in the wild: what it is called and which record it becomes."""

import json

import pytest

from workbench.data.formats import detect, schemas, turns
from workbench.data.load import load
from workbench.data.records import Conversation, Feedback, Message, Preference, Text

TALK = Conversation.of(("user", "甲"), ("assistant", "乙"))
TWO = Conversation.of(("user", "甲"), ("assistant", "乙"), ("user", "丙"), ("assistant", "丁"))
SYSTEM_TWO = Conversation.of(("system", "景"), ("user", "甲"), ("assistant", "乙"), ("user", "丙"), ("assistant", "丁"))


def pair(prompt="甲", chosen="乙", rejected="丙") -> Preference:
    return Preference((Message("user", prompt),), (Message("assistant", chosen),), (Message("assistant", rejected),))


def joined(instruction, given, output) -> Conversation:
    question = Message("user", f"{instruction}\n{given}", instruction, given)
    return Conversation((question, Message("assistant", output)))


def call(name, arguments, **more):
    return Message(
        "assistant", "", tool_calls=({"type": "function", "function": {"name": name, "arguments": arguments}},), **more
    )


U, A = {"role": "user", "content": "甲"}, {"role": "assistant", "content": "乙"}
FROM = [{"from": "human", "value": "甲"}, {"from": "gpt", "value": "乙"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}
HH = "\n\nHuman: 甲\n\nAssistant: "
TREE = {
    "message_tree_id": "t",
    "prompt": {"text": "甲", "role": "prompter", "replies": [
        {"text": "乙", "role": "assistant", "rank": 0, "replies": []},
        {"text": "丙", "role": "assistant", "rank": 1, "replies": []}]},
}  # fmt: skip
MOSS = {
    "meta_instruction": "景", "num_turns": 2,
    "chat": {
        "turn_1": {"Human": "<|Human|>: 甲<eoh>\n", "Inner Thoughts": "<|Inner Thoughts|>: None<eot>\n",
                   "Commands": "<|Commands|>: None<eoc>\n", "Tool Responses": "<|Results|>: None<eor>\n",
                   "MOSS": "<|MOSS|>: 乙<eom>\n"},
        "turn_2": {"Human": "<|Human|>: 丙<eoh>\n", "Inner Thoughts": "<|Inner Thoughts|>: 想<eot>\n",
                   "Commands": "<|Commands|>: Search(\"雨\")<eoc>\n", "Tool Responses": "<|Results|>:\n大雨\n<eor>\n",
                   "MOSS": "<|MOSS|>: 丁<eom>\n"},
    },
}  # fmt: skip

CASES = [
    ("alpaca", {"instruction": "甲", "input": "", "output": "乙"}, TALK),
    ("alpaca", {"instruction": "译", "input": "雨", "output": "rain"}, joined("译", "雨", "rain")),
    ("alpaca", {"instruction": "甲", "output": "乙", "system": "景", "text": "全文"},
     Conversation.of(("system", "景"), ("user", "甲"), ("assistant", "乙"))),
    ("alpaca_history", {"instruction": "丙", "input": "", "output": "丁", "history": [["甲", "乙"]]}, TWO),
    ("alpaca_history", {"instruction": "甲", "input": "", "output": "乙", "history": []}, TALK),
    ("belle_multiturn", {"instruction": "Human:甲\nAssistant:乙\nHuman:丙\nAssistant:", "input": "", "output": "丁"},
     TWO),
    ("guanaco_chat", {"instruction": "User:甲Assistant:乙", "input": "System:景\nUser:丙", "output": "丁"}, SYSTEM_TWO),
    ("guanaco_chat", {"instruction": "User:甲\nAssistant:乙\n", "input": "User: 丙", "output": "丁"}, TWO),
    ("alpaca", {"instruction": "译", "input": "User: 雨", "output": "rain"}, joined("译", "User: 雨", "rain")),
    ("input_target", {"kind": "NLI", "input": "甲", "target": "乙"}, TALK),
    ("pclue", {"input": "甲", "target": "乙", "answer_choices": ["乙", "否"], "type": "classify"}, TALK),
    ("pclue", {"input": "甲", "target": "乙", "answer_choices": "", "type": "generate"}, TALK),
    ("pclue", {"input": "甲", "target": "乙", "type": "generate"}, TALK),
    ("input_output", {"input": "甲", "output": "乙"}, TALK),
    ("query_response", {"system": "", "query": "丙", "response": "丁", "history": [["甲", "乙"]]}, TWO),
    ("prompt_response", {"prompt": "甲", "response": "乙", "history": []}, TALK),
    ("question_answer", {"question": "甲", "answer": "乙"}, TALK),
    ("question_answer", {"question": "甲", "std_answer": "乙", "class": "math"}, TALK),
    ("dolly", {"instruction": "译", "context": "雨", "response": "rain", "category": "qa"}, joined("译", "雨", "rain")),
    ("dolly", {"instruction": "甲", "context": "", "response": "乙", "category": "qa"}, TALK),
    ("seed_tasks", {"id": "seed", "instruction": "甲", "instances": [{"input": "", "output": "乙"}]}, TALK),
    ("sharegpt", {"id": "1", "conversations": FROM}, TALK),
    ("sharegpt", {"conversations": [U, A], "system": ""}, TALK),
    ("sharegpt_tools", {"conversations": [
        {"from": "human", "value": "甲"}, {"from": "function_call", "value": '{"name": "f", "arguments": {"a": 1}}'},
        {"from": "observation", "value": "42"}, {"from": "gpt", "value": "乙"}], "tools": json.dumps([TOOL])},
     Conversation((Message("user", "甲"), call("f", {"a": 1}), Message("tool", "42"), Message("assistant", "乙")),
                  (TOOL,))),
    ("sharegpt_tools", {"conversations": FROM, "tools": "[]"}, TALK),
    ("human_assistant_pairs",
     {"conversation": [{"human": "甲", "assistant": "乙"}, {"human": "丙", "assistant": "丁"}]}, TWO),
    ("human_assistant_pairs", {"conversation": [U, A], "model": "x"}, TALK),
    ("moss", MOSS, Conversation((
        Message("system", "景"), Message("user", "甲"), Message("assistant", "乙"), Message("user", "丙"),
        call("Search", {"input": "雨"}, reasoning="想"), Message("tool", "大雨"), Message("assistant", "丁")))),
    ("coig_exam", {"textbox_q_instruction": "题", "textbox_q_context": "", "textbox_question": "甲",
                   "textbox_answer": "乙", "textbox_answer_analysis": "因"},
     Conversation.of(("user", "题\n甲"), ("assistant", "乙\n因"))),
    ("coig_counterfactual",
     {"round_0": {"response": '{"Q":"甲","A":"乙"}'}, "round_1": {"response": '{"Q":"丙","A":"丁"}'}}, TWO),
    ("coig_translated", {"trans_instruction": "甲", "trans_input": "", "trans_output": "乙", "instruction": "a",
                         "input": "", "output": "b"}, TALK),
    ("ultrachat", {"id": "1", "data": ["甲", "乙"]}, TALK),
    ("openai_chat", {"messages": [U, A]}, TALK),
    ("openai_chat", {"messages": [{"role": "user", "content": [{"type": "text", "text": "甲"}]}, A | {"weight": 0}]},
     Conversation((Message("user", "甲"), Message("assistant", "乙", weight=0.0)))),
    ("openai_chat",
     {"messages": [{"role": "user", "content": [{"type": "text", "value": "甲"}]}, A | {"loss_weight": 1.0}]},
     Conversation((Message("user", "甲"), Message("assistant", "乙", weight=1.0)))),
    ("openai_chat", {"messages": [U, A | {"reasoning_content": "想"}]},
     Conversation((Message("user", "甲"), Message("assistant", "乙", reasoning="想")))),
    ("openai_tools", {"messages": [
        U, {"role": "assistant", "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "42"}, A], "tools": [TOOL]},
     Conversation((Message("user", "甲"),
                   Message("assistant", "", tool_calls=(
                       {"id": "c", "type": "function", "function": {"name": "f", "arguments": {}}},)),
                   Message("tool", "42", tool_call_id="c"), Message("assistant", "乙")), (TOOL,))),
    ("oasst_tree", TREE, pair()),
    ("shp", {"history": "甲", "human_ref_A": "乙", "human_ref_B": "丙", "labels": 1, "score_A": 9}, pair()),
    ("shp", {"history": "甲", "human_ref_A": "丙", "human_ref_B": "乙", "labels": 0}, pair()),
    ("ranked_outputs", {"instruction": "甲", "input": "", "output": ["乙", "中", "丙"]}, pair()),
    ("comparison_scores", {"user_input": "甲", "responses_and_scores": [
        {"response": "丙", "score": "3"}, {"response": "乙", "score": "9"}]}, pair()),
    ("comparison_scores", {"user_input": "Below is an instruction that describes a task. Write a response that "
                           "appropriately completes the request.\n\n### Instruction:\n甲\n\n### Response:",
                           "responses_and_scores": [
        {"response": "丙", "score": "3"}, {"response": "乙", "score": "9"}]}, pair()),
    ("alpaca", {"instruction": "甲", "input": "", "output": "乙", "tools": json.dumps([TOOL])},
     Conversation(TALK.messages, (TOOL,))),
    ("query_response", {"query": "甲", "response": "乙", "tools": [TOOL]}, Conversation(TALK.messages, (TOOL,))),
    ("hh_rlhf", {"chosen": "景" + HH + "乙", "rejected": "景" + HH + "丙"},
     Preference((Message("system", "景"), *pair().prompt), pair().chosen, pair().rejected)),
    ("ultrafeedback_binarized", {"system": "景", "prompt": [U], "chosen": [A], "rejected": [A | {"content": "丙"}]},
     Preference((Message("system", "景"), *pair().prompt), pair().chosen, pair().rejected)),
    ("comparison_scores", {"user_input": "甲", "completion_a": "乙", "completion_b": "丙"}, pair()),
    ("hh_rlhf", {"chosen": HH + "乙", "rejected": HH + "丙"}, pair()),
    ("preference", {"prompt": "甲", "chosen": "乙", "rejected": "丙"}, pair()),
    ("preference", {"question": "甲", "chosen": "乙", "rejected": "丙"}, pair()),
    ("preference", {"instruction": "甲", "input": "", "chosen": "乙", "rejected": "丙"}, pair()),
    ("preference", {"prompt": HH.rstrip(), "chosen": " 乙", "rejected": " 丙"}, pair(chosen=" 乙", rejected=" 丙")),
    ("ultrafeedback_binarized", {"prompt": "甲", "chosen": [U, A], "rejected": [U, A | {"content": "丙"}],
                                 "messages": [U, A], "score_chosen": 8.0, "score_rejected": 2.0}, pair()),
    ("ultrafeedback_binarized", pair().to_row(), pair()),
    ("ultrafeedback_binarized", {"instruction": "甲", "completions": [
        {"response": "丙", "overall_score": 2.0}, {"response": "乙", "overall_score": 8.5}]}, pair()),
    ("llamafactory_dpo",
     {"conversations": FROM[:1], "chosen": FROM[1], "rejected": {"from": "gpt", "value": "丙"}}, pair()),
    ("llamafactory_dpo", {"chosen_messages": [U, A], "rejected_messages": [U, A | {"content": "丙"}]}, pair()),
    ("openai_preference", {"input": {"messages": [U]}, "preferred_output": [A],
                           "non_preferred_output": [A | {"content": "丙"}]}, pair()),
    ("swift_rejected", {"messages": [U, A], "rejected_response": "丙"}, pair()),
    ("kto", {"messages": [U, A], "label": True},
     Feedback((Message("user", "甲"),), (Message("assistant", "乙"),), True)),
    ("kto", {"prompt": "甲", "completion": "乙", "label": False},
     Feedback((Message("user", "甲"),), (Message("assistant", "乙"),), False)),
    ("kto", {"prompt": [U], "completion": [A], "label": True},
     Feedback((Message("user", "甲"),), (Message("assistant", "乙"),), True)),
    ("kto", {"conversations": FROM, "kto_tag": False},
     Feedback((Message("user", "甲"),), (Message("assistant", "乙"),), False)),
    ("kto", {"instruction": "译", "input": "雨", "output": "rain", "kto_tag": False},
     Feedback(joined("译", "雨", "rain").messages[:1], (Message("assistant", "rain"),), False)),
    ("kto", {"query": "丙", "response": "丁", "history": [["甲", "乙"]], "label": True},
     Feedback(TWO.messages[:3], TWO.messages[3:], True)),
    ("alpaca", {"instruction": "甲", "input": "", "output": "乙", "label": 1}, TALK),
    ("response_pairs", {"question": "甲", "response_j": "乙", "response_k": "丙"}, pair()),
    ("raw_text", {"text": "甲乙"}, Text("甲乙")),
    ("raw_text", "甲乙", Text("甲乙")),
    ("prompt_completion", {"prompt": "甲", "completion": "乙"}, TALK),
    ("prompt_completion", {"prompt": "甲", "completion": " 乙</s>\n"},
     Conversation.of(("user", "甲"), ("assistant", " 乙</s>\n"))),
    ("prompt_completion", {"prompt": "[Round 0]\n问：甲\n答：乙\n[Round 1]\n问：丙\n答：", "completion": "丁"}, TWO),
    ("prompt_completion", {"prompt": "\n\nHuman: 甲\n\nAssistant:", "completion": " 乙"}, TALK),
    ("prompt_completion", {"prompt": "<|im_start|>system\n景<|im_end|>\n<|im_start|>user\n甲<|im_end|>\n"
                           "<|im_start|>assistant\n乙<|im_end|>\n<|im_start|>user\n丙<|im_end|>",
                           "completion": "丁"}, SYSTEM_TWO),
    ("chatml_text", {"text": "<|im_start|>user\n甲<|im_end|>\n<|im_start|>assistant\n乙<|im_end|>\n"}, TALK),
]  # fmt: skip


@pytest.mark.parametrize(
    ("slug", "row", "record"), CASES, ids=[f"{index}-{case[0]}" for index, case in enumerate(CASES)]
)
def test_a_schema_is_told_and_converted(slug, row, record):
    schema = detect(row)
    assert schema is not None and schema.slug == slug
    found = schema.convert({"text": row} if isinstance(row, str) else row)
    assert (found[0] if isinstance(found, list) else found) == record


def test_every_documented_schema_is_registered():
    documented = {
        "alpaca", "alpaca_history", "belle_multiturn", "guanaco_chat", "input_target", "pclue", "input_output",
        "query_response", "prompt_response", "question_answer", "dolly", "seed_tasks", "sharegpt", "sharegpt_tools",
        "human_assistant_pairs", "moss", "coig_exam", "coig_counterfactual", "coig_translated", "ultrachat",
        "openai_chat", "openai_tools", "oasst_tree", "oasst_flat", "shp", "ranked_outputs", "comparison_scores",
        "hh_rlhf", "preference", "ultrafeedback_binarized", "llamafactory_dpo", "openai_preference",
        "swift_rejected", "kto", "response_pairs", "raw_text", "prompt_completion", "chatml_text", "tokenized",
    }  # fmt: skip
    assert documented <= {schema.slug for schema in schemas()}


BAD = [
    ("no_answer", {"instruction": "甲"}),
    ("no_answer", {"prompt": "甲", "chosen": "乙"}),
    ("empty_answer", {"query": "甲", "response": " \n"}),
    ("not_text", {"question": "甲", "answer": 5}),
    ("ends_with_user", {"conversations": FROM[:1]}),
    ("ends_with_user", {"id": "1", "data": ["甲", "乙", "丙"]}),
    ("begins_with_answer", {"conversations": FROM[1:]}),
    ("two_in_a_row", {"messages": [U, U, A]}),
    ("two_in_a_row", {"messages": [U, A, A]}),
    ("system_inside", {"messages": [U, A, {"role": "system", "content": "x"}, U, A]}),
    ("result_without_call",
     {"conversations": [FROM[0], {"from": "observation", "value": "x"}, FROM[1]], "tools": "[]"}),
    ("unknown_role", {"messages": [{"role": "narrator", "content": "x"}, A]}),
    ("unsupported_part", {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}, A]}),
    ("media_column", {"messages": [U, A], "images": ["a.png"]}),
    ("media_column", {"conversations": FROM, "image": "a.png"}),
    ("no_messages", {"messages": []}),
    ("not_a_message", {"messages": ["甲"]}),
    ("empty_turn", {"messages": [U, A | {"content": ""}, U, A]}),
    ("bad_weight", {"messages": [U, A | {"weight": -1}]}),
    ("bad_tool_call", {"conversations": [FROM[0], {"from": "function_call", "value": "f(x)"}], "tools": "[]"}),
    ("bad_tools", {"conversations": FROM, "tools": "x"}),
    ("bad_history", {"query": "a", "response": "b", "history": [["x"]]}),
    ("prompts_differ", {"chosen": HH + "乙", "rejected": "\n\nHuman: 丁\n\nAssistant: 丙"}),
    ("empty_answer", {"chosen": HH + "乙", "rejected": HH}),
    ("too_few_answers", {"instruction": "a", "input": "", "output": ["x"]}),
    ("all_tied",
     {"user_input": "a", "responses_and_scores": [{"response": "x", "score": 1}, {"response": "y", "score": 1}]}),
    ("bad_label", {"history": "a", "human_ref_A": "x", "human_ref_B": "y", "labels": "A"}),
    ("tokenized", {"input_ids": [1], "labels": [1]}),
    ("empty_text", {"text": "  "}),
    ("unknown_shape", {"foo": 1, "bar": 2}),
    ("two_systems", {"system": "景", "messages": [{"role": "system", "content": "x"}, U, A]}),
    ("two_systems",
     {"system": "景", "prompt": [{"role": "system", "content": "x"}, U], "chosen": [A], "rejected": [A]}),
    ("halves_differ", {"messages": [{"role": "user", "content": "新", "instruction": "旧", "input": "雨"}, A]}),
    ("unsupported_part", {"messages": [U | {"images": ["a.png"]}, A]}),
    ("tools_in_preference", {"messages": [U, A], "label": True, "tools": [TOOL]}),
    ("tools_in_preference", {"instruction": "甲", "input": "", "output": "乙", "label": True, "tools": [TOOL]}),
    ("tools_in_preference", {"prompt": [U], "chosen": [A], "rejected": [A], "tools": [TOOL]}),
    ("tools_in_preference", {"prompt": "甲", "chosen": "乙", "rejected": "丙", "tools": json.dumps([TOOL])}),
    ("two_in_a_row", {"messages": [U, A], "rejected_messages": [U | {"content": "别的"}, A]}),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "row"), BAD, ids=[f"{index}-{case[0]}" for index, case in enumerate(BAD)])
def test_what_cannot_be_trained_is_bad_with_its_reason(reason, row, tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([row]), encoding="utf-8")
    report = load(path).report
    assert [bad.reason.key for bad in report.bad] == [f"data.row.{reason}"]
    assert report.to_json("zh")["bad"][0]["reason"]


@pytest.mark.parametrize("row", [TALK.to_row(), pair().to_row(), Text("a").to_row(), CASES[28][2].to_row()])
def test_canonical_rows_come_back_equal(row, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert [record.to_row() for record in load(path).records] == [row]


def test_a_flat_tree_is_put_together_across_rows(tmp_path):
    rows = [
        {"message_id": "1", "parent_id": None, "text": "甲", "role": "prompter", "rank": None},
        {"message_id": "2", "parent_id": "1", "text": "丙", "role": "assistant", "rank": 1},
        {"message_id": "3", "parent_id": "1", "text": "乙", "role": "assistant", "rank": 0},
        {"message_id": "9", "parent_id": "8", "text": "乙", "role": "assistant", "rank": 0},
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    loaded = load(path)
    assert loaded.records == [pair()] and (loaded.report.rows_good, loaded.report.rows_bad) == (3, 1)
    assert loaded.report.format == "oasst_flat" and loaded.report.bad[0].reason.key == "data.row.parent_missing"


def test_columns_are_mapped_by_hand(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("frage,antwort,thema\na,b,c\nd,,f\n", encoding="utf-8")
    assert load(path).report.format == "unknown"
    loaded = load(path, mapping={"prompt": "frage", "response": "antwort"})
    assert loaded.records == [Conversation.of(("user", "a"), ("assistant", "b"))]
    assert loaded.report.format == "mapped" and loaded.report.rows_bad == 1


def test_a_forced_format_is_used_instead_of_the_detected_one(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"input": "User: a", "instruction": "", "output": "c"}), encoding="utf-8")
    assert load(path).report.format == "guanaco_chat"
    assert load(path, source="alpaca").records[0].messages[0].content == "User: a"


@pytest.mark.parametrize(
    ("name", "role"),
    [(name, "user") for name in ("human", "user", "Human", "prompter")]
    + [(name, "assistant") for name in ("gpt", "assistant", "Assistant", "MOSS", "chatgpt", "bing", "bard")]
    + [("system", "system"), ("observation", "tool"), ("tool", "tool"), ("function_call", "call")],
)
def test_role_names_seen_in_public_files_are_known(name, role):
    assert turns.role_of(name) == role
