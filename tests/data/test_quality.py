"""What a file's report warns of: the dirt that public files really hold, and what must not be called dirt."""

import gzip
import json
import random

import lookalikes
import pytest

from workbench.data import suspects
from workbench.data.convert import convert
from workbench.data.load import load
from workbench.data.overlap import overlapping
from workbench.data.quality import Watch, fingerprint
from workbench.data.records import Conversation, Message
from workbench.data.survey import inspect
from workbench.locales import catalogue


def codes(path) -> dict[str, int]:
    report, _ = inspect(path)
    return {warning["code"]: warning["count"] for warning in report.to_json()["warnings"]}


EXPECTED = {
    "alpaca_en_demo": ("alpaca", 999, 0, {"exact_duplicates": 14, "other_identity": 4}),
    "glaive_toolcall": ("sharegpt_tools", 298, 2, {"exact_duplicates": 43}),
    "dpo_en_demo": (
        "llamafactory_dpo", 300, 0, {"exact_duplicates": 5, "control_character": 1, "very_long": 22},
    ),
    "kto_en_demo": ("kto", 300, 0, {"very_long": 18, "role_marker": 3}),
    "firefly_dpo": ("ultrafeedback_binarized", 16, 0, {"tied_pair": 4}),
    "dpo_zh_demo": (
        "llamafactory_dpo", 300, 0,
        {"exact_duplicates": 11, "replacement_character": 6, "control_character": 1, "tied_pair": 4,
         "identical_pair": 3},
    ),
    "identity": ("alpaca", 91, 0, {"placeholder": 85}),
    "self_cognition": ("alpaca", 80, 0, {"placeholder": 74}),
    "zh_seed_tasks": ("seed_tasks", 175, 0, {"no_break_space": 65}),
    "gsm8k_test": ("alpaca", 59, 1, {}),
    "lima": (
        "alpaca_history", 400, 0, {"html_entity": 67, "edge_whitespace": 289, "very_long": 75},
    ),
    "oaast_rm_zh": (
        "ranked_outputs", 200, 0, {"identical_pair": 3, "short_answer": 55, "answers_between_lost": 177},
    ),
    "belle_eval": ("question_answer", 631, 369, {"no_break_space": 123, "literal_newline": 20}),
    "pclue": ("pclue", 705, 0, {"answer_not_in_choices": 32, "repeated_choices": 49, "short_answer": 527}),
    "hh_harmless": ("hh_rlhf", 283, 17, {}),
    "aquila_convo": ("sharegpt", 20, 80, {}),
    "llm_adapters_math": ("alpaca", 300, 0, {"answer_starts_with_newline": 294}),
    "oaast_sft_zh": ("alpaca_history", 200, 0, {"conflicting_answers": 80}),
    "multimodal": ("openai_chat", 0, 24, {}),
    "c4_demo": ("raw_text", 300, 0, {"replacement_character": 4, "invisible_character": 3}),
    "moss": ("moss", 56, 0, {}),
    "hh_pointer": ("git_lfs_pointer", 0, 1, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_the_dirt_of_public_files_is_counted_and_nothing_else(name, tmp_path):
    slug, good, bad, warned = EXPECTED[name]
    path = getattr(lookalikes, name)(tmp_path)
    report, statistics = inspect(path)
    assert (report.format, report.rows_good, report.rows_bad) == (slug, good, bad)
    found = codes(path)
    found.pop("near_duplicates", None)
    assert found == warned
    assert statistics["records"] == good


def test_trees_give_pairs_where_answers_are_ranked_and_dialogues_where_not(tmp_path):
    report, statistics = inspect(lookalikes.oasst_trees(tmp_path))
    assert (report.format, report.rows_good, report.rows_bad) == ("oasst_tree", 40, 0)
    assert statistics["kinds"] == {"preference": 30, "conversation": 30}  # 30 ranked trees, 10 trees of 3 dialogues


def test_what_bug_reports_show_costs_only_its_row(tmp_path):
    report, _ = inspect(lookalikes.trackers(tmp_path))
    assert report.encoding == "utf-8-sig" and report.rows_good == 2
    assert [(bad.row, bad.line, bad.reason.key.removeprefix("data.row.")) for bad in report.bad] == [
        (3, 3, "lone_surrogate"), (4, 4, "trailing_comma"), (5, 5, "not_text"), (6, 6, "empty_answer"),
        (7, 7, "ends_with_user"), (8, 8, "system_inside"),
    ]  # fmt: skip
    assert {warning.code: warning.rows for warning in report.warnings}["control_character"] == (2,)


def test_test_questions_among_the_training_rows_are_found(tmp_path):
    train, test = (load(path) for path in lookalikes.boolq(tmp_path))
    found = overlapping(zip(train.rows, train.records, strict=True), test.records)
    assert found == [(row, "same_prompt") for row in range(1, 7)]


def rows_with(*texts):
    return [Conversation.of(("user", f"q{index}"), ("assistant", text)) for index, text in enumerate(texts)]


def watched(records) -> dict[str, tuple]:
    watch = Watch()
    for row, record in enumerate(records, 1):
        watch.add(row, record)
    return {warning.code: warning.rows for warning in watch.warnings()}


SUSPECTS = {
    "control_token": ["text <|im_end|> more", "</s>", "<｜User｜>", "[INST] x"],
    "placeholder": ["I am [NAME].", "{{ author }} made me", "<AUTHOR>"],
    "replacement_character": ["a\ufffdb"],
    "invisible_character": ["a\u200bb"],
    "control_character": ["\x0crac"],
    "html_entity": ["a &amp; b", "&#39;"],
    "literal_newline": ["one\\n two"],
    "mojibake": ["CafÃ©", "itâ€™s", "锟斤拷"],
    "email": ["write to a.b@example.org now"],
    "phone_number": ["电话13812345678。"],
    "identity_number": ["身份证11010519491231002X"],
    "secret": ["key sk-abcdefghijklmnopqrstuvwx", "AKIAABCDEFGHIJKLMNOP", "hf_" + "a" * 34],
    "role_marker": ["sure\nHuman: and now?"],
    "other_identity": ["我是 ChatGPT，一个语言模型"],
}


@pytest.mark.parametrize("code", SUSPECTS)
def test_a_suspicious_text_is_found(code):
    for text in SUSPECTS[code]:
        assert code in suspects.find(text), text


@pytest.mark.parametrize(
    "text",
    ["x < y and a[0] = {1: 2}", "R&D; AT&T", "C:\\new\\folder", "\\nabla f", "ISBN 97812345678901234", "@home",
     "138123456789", "sk-ip this", "naïve café – “quoted” text", "数字：110105194912310021234"],
)  # fmt: skip
def test_ordinary_text_is_left_alone(text):
    assert suspects.find(text) == []


def test_secrets_are_covered_in_views():
    assert suspects.masked("mail a.b@example.org or 13812345678") == "mail a.b•••••••••••• or 138••••••••"


def test_copies_that_differ_in_punctuation_case_and_width_are_exact_duplicates():
    records = [
        Conversation.of(("user", "Hello, World!"), ("assistant", "ＡＢＣ，好")),
        Conversation.of(("user", "hello world"), ("assistant", "abc 好。")),
    ]
    assert watched(records)["exact_duplicates"] == (2,)
    assert fingerprint(records[0]) == fingerprint(records[1])


def test_rows_that_call_with_other_arguments_are_no_copies_of_each_other():
    def asked(*cities):
        calls = tuple({"type": "function", "function": {"name": "weather", "arguments": {"city": c}}} for c in cities)
        return Conversation((Message("user", "How is it?"), Message("assistant", "", tool_calls=calls)))

    rows = [asked("Oslo"), asked("Rome"), asked("Oslo")]
    found = watched(rows)
    assert found["exact_duplicates"] == (3,) and found["conflicting_answers"] == (1, 2, 3)
    assert len({fingerprint(row) for row in rows}) == 2


def test_near_duplicates_are_found_and_short_texts_are_not_compared():
    long = "the quick brown fox jumps over the lazy dog near the old stone bridge every single morning"
    found = watched(rows_with(long, long + " again", "yes", "yet"))
    assert found["near_duplicates"] == (2,)


def test_of_many_near_copies_nearly_all_are_found_and_no_other_row():
    draw = random.Random(0)
    texts = [" ".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=400)) for _ in range(200)]
    copies = [text[:-40] + " ".join(draw.choices("0123456789", k=20)) for text in texts]  # Jaccard about 0.83
    found = watched(rows_with(*texts, *copies))["near_duplicates"]
    assert min(found) > len(texts) and len(found) >= 0.9 * len(copies)


def test_the_same_question_with_two_answers_is_a_conflict():
    records = [Conversation.of(("user", "capital?"), ("assistant", text)) for text in ("Paris", "Rome", "Paris")]
    assert watched(records)["conflicting_answers"] == (1, 2, 3)


def test_a_preference_for_length_is_told(tmp_path):
    rows = [{"prompt": f"q{i}", "chosen": "long " * 9 + str(i), "rejected": f"s{i}"} for i in range(25)]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    assert codes(path)["length_bias"] == 25


@pytest.mark.parametrize(
    ("text", "language"),
    [("今天天气很好，我们去散步", "zh"), ("The weather is fine today and we go for a walk", "en"),
     ("今日は天気がいいですね", "ja"), ("오늘 날씨가 좋네요", "ko"), ("Сегодня хорошая погода", "ru"), ("123 + 4", "-"),
     ("Das Wetter ist heute schön und wir gehen spazieren", "de"), ("\n" + "Bonjour à tous les amis\n" * 90, "fr"),
     ("half \ud800 a character is no reason to stop", "en")],
)  # fmt: skip
def test_languages_are_told_by_script_and_words(text, language):
    assert suspects.language(text) == language


def test_statistics_are_plain_figures(tmp_path):
    _, statistics = inspect(lookalikes.alpaca_en_demo(tmp_path))
    assert statistics["kinds"] == {"conversation": 999} and statistics["turns"]["p50"] == 2
    assert statistics["characters"]["max"] >= statistics["characters"]["p95"] >= statistics["characters"]["p50"] > 0
    assert json.loads(json.dumps(statistics)) == statistics


def test_every_warning_has_a_sentence_in_both_languages():
    used = set(suspects._FINER) | {code for _, _, _, warned in EXPECTED.values() for code in warned} | set(SUSPECTS)
    for language in ("en", "zh"):
        assert used <= {key.removeprefix("warnings.") for key in catalogue(language)}


def test_rows_that_give_the_evaluation_split_away_are_warned_of(tmp_path):
    import json

    def write(name, *questions):
        lines = [json.dumps({"instruction": question, "output": "yes, it is"}) + "\n" for question in questions]
        (tmp_path / name).write_text("".join(lines), encoding="utf-8")

    write("rows.jsonl", "is it warm?", "is it cold?")
    write("rows.eval.jsonl", "Is it COLD")
    report, _ = inspect(tmp_path / "rows.jsonl")
    assert [(w.code, w.count, w.rows) for w in report.warnings if w.code == "evaluation_overlap"] == [
        ("evaluation_overlap", 1, (2,))
    ]
    assert "evaluation_overlap" not in {w.code for w in inspect(tmp_path / "rows.eval.jsonl")[0].warnings}


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.ndjson.gz"])
def test_rows_that_name_a_key_twice_are_told(tmp_path, name):
    """Parsers keep the last value without a word."""
    rows = [
        '{"instruction": "a \\": b", "output": "b"}',
        '{"instruction": "a", "output": "b", "output": "c"}',
        '{"instruction" :"a","output" : "b", "output"  :"c"}',
        '{"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y", "content": "z"}]}',
        '{"messages": [{"role": "user", "content": "\\": x"}, {"role": "assistant", "content": "{\\"a\\": 1}"}]}',
        '{"instruction": "a", "output": "b", "n": 100000000000000000000000, "n": 1}',
        '{"instruction" : "a" , "output" : "b"}',
    ]
    text = ("[" + ",\n".join(rows) + "]" if name == "a.json" else "\n".join(rows)).encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    report, _ = inspect(tmp_path / name)
    converted = convert(tmp_path / name, tmp_path / "out.jsonl", "canonical")
    for told in (report, converted):
        assert told.rows_good == 7
        assert [item.rows for item in told.warnings if item.code == "repeated_keys"] == [(2, 3, 4, 6)]
