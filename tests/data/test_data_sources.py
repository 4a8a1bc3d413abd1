"""Folders, several files with weights, LLaMA-Factory's registry, data sets on a hub."""

import json

import pytest

from workbench import notices
from workbench.data import hubs, registry, sources
from workbench.data.load import load
from workbench.data.mix import training_records
from workbench.data.readers import read_rows
from workbench.data.records import Conversation, Feedback, Message, Preference, Text
from workbench.errors import UserError
from workbench.specs import parse

ROW = {"instruction": "a", "output": "b"}
TALK = Conversation.of(("user", "甲"), ("assistant", "乙"))


def dump(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_folder_is_read_as_one_with_its_files_named_at_bad_rows(tmp_path):
    dump(tmp_path / "b" / "two.jsonl", [ROW, {"instruction": "x", "output": ""}])
    dump(tmp_path / "a.json", [ROW, ROW])
    dump(tmp_path / ".hidden.json", [ROW])
    (tmp_path / "README.md").write_text("no data", encoding="utf-8")
    report = load(tmp_path).report
    assert (report.rows_good, report.rows_bad) == (3, 1)
    assert report.to_json()["bad"][0]["row"] == 4 and "b/two.jsonl" not in report.bad[0].source


def test_a_data_folder_is_read_without_its_mappings_and_without_rows_held_out(tmp_path):
    dump(tmp_path / "data" / "one.jsonl", [ROW])
    dump(tmp_path / "data" / "one.eval.jsonl", [ROW, ROW])
    dump(tmp_path / "data" / "alone.eval.jsonl", [ROW])  # of no split here
    dump(tmp_path / "data" / "mappings" / "table.json", [{"prompt": "问", "response": "答"}])
    dump(tmp_path / "data" / "sub" / "mappings" / "two.jsonl", [ROW])
    assert load(tmp_path / "data").report.rows_good == 3


def test_where_notices_go_is_never_read_as_rows(home):
    notices.set_webhook(home, "https://203.0.113.5/secret", local=True)
    dump(home / "data" / "one.jsonl", [ROW])
    (home / "data" / "link.json").symlink_to(home / notices.FILE)
    for path in (home / notices.FILE, home / "data" / "link.json"):
        with pytest.raises(UserError, match="There is no file"):
            load(path)
    (home / "data" / "link.json").unlink()
    report = load(home).report
    assert (report.rows_good, report.rows_bad) == (1, 0)


def test_each_file_of_a_folder_has_its_encoding_and_one_that_is_gone_costs_itself_only(tmp_path):
    row = '{"instruction": "问题是什么？", "output": "答案在这里，请看一看。"}\n'
    for name, codec in (("a.jsonl", "gb18030"), ("b.jsonl", "utf-8"), ("c.jsonl", "utf-8")):
        (tmp_path / name).write_bytes((row * 5).encode(codec))
    opened = read_rows(tmp_path)
    (tmp_path / "b.jsonl").unlink()
    report = load(opened).report
    assert (report.encoding, report.rows_good, report.rows_bad) == ("gb18030, utf-8", 10, 1)
    assert "b.jsonl" in report.bad[0].reason.text()


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(UserError, match="no data files"):
        load(tmp_path)


def test_several_files_are_mixed_by_weight(tmp_path):
    dump(tmp_path / "data" / "one.jsonl", [{"instruction": f"one {i}", "output": "x"} for i in range(10)])
    dump(tmp_path / "data" / "two.jsonl", [{"instruction": f"two {i}", "output": "x"} for i in range(10)])
    spec = parse({"data.path": "one.jsonl * 2; two.jsonl*0.5"})
    data = training_records(spec, tmp_path)
    asked = [record.messages[0].content for record in data.records]
    assert sum(text.startswith("one") for text in asked) == 20
    assert sum(text.startswith("two") for text in asked) == 5
    assert data.report.rows_good == 20 and data.records == training_records(spec, tmp_path).records


def test_a_name_with_a_semicolon_is_one_file(tmp_path):
    path = dump(tmp_path / "a; b.jsonl", [ROW])
    assert [source.path for source in sources.parse("a; b.jsonl", tmp_path)] == [str(path)]


@pytest.mark.parametrize(("text", "words"), [("none.json", "no file"), ("one.jsonl*0", "weight 0"), (";", "no file")])
def test_what_names_no_rows_is_refused(tmp_path, text, words):
    dump(tmp_path / "one.jsonl", [ROW])
    with pytest.raises(UserError, match=words):
        training_records(parse({"data.path": text}), tmp_path)


REGISTRY = {
    "alpaca": {"file_name": "alpaca.json"},
    "renamed": {"file_name": "renamed.json", "columns": {"prompt": "q", "response": "a", "system": "s"},
                "num_samples": 1},
    "tagged": {
        "file_name": "tagged.json", "formatting": "sharegpt", "columns": {"messages": "talk"},
        "tags": {"role_tag": "who", "content_tag": "said", "user_tag": "U", "assistant_tag": "A"},
    },
    "ranked": {"file_name": "ranked.json", "ranking": True,
               "columns": {"prompt": "q", "chosen": "good", "rejected": "bad"}},
    "kto": {"file_name": "kto.json", "formatting": "sharegpt", "columns": {"messages": "talk", "kto_tag": "ok"},
            "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}},
    "plain": {"file_name": "plain.json", "columns": {"prompt": "words"}},
    "pictured": {"file_name": "pictured.json", "formatting": "sharegpt",
                 "columns": {"messages": "conversations", "images": "pics"}},
    "scripted": {"script_url": "belle_multiturn", "formatting": "sharegpt"},
    "hub": {"hf_hub_url": "owner/name", "subset": "zh", "split": "train"},
}  # fmt: skip
PAIR = (Message("user", "甲"),), (Message("assistant", "乙"),)


@pytest.fixture
def listed(tmp_path):
    (tmp_path / "dataset_info.json").write_text(json.dumps(REGISTRY), encoding="utf-8")
    dump(tmp_path / "alpaca.json", [{"instruction": "甲", "input": "", "output": "乙"}])
    dump(tmp_path / "renamed.json", [{"q": "甲", "a": "乙", "instruction": "not this"}] * 2)
    dump(tmp_path / "tagged.json", [{"talk": [{"who": "U", "said": "甲"}, {"who": "A", "said": "乙"}]}])
    dump(tmp_path / "ranked.json", [{"q": "甲", "good": "乙", "bad": "丙"}])
    talk = [{"role": "user", "content": "甲"}, {"role": "assistant", "content": "乙"}]
    dump(tmp_path / "kto.json", [{"talk": talk, "ok": False}])
    dump(tmp_path / "plain.json", [{"words": "甲乙"}])
    talk = [{"from": "human", "value": "<image>甲"}, {"from": "gpt", "value": "乙"}]
    dump(tmp_path / "pictured.json", [{"conversations": talk, "pics": ["a.png"]}])
    return tmp_path / "dataset_info.json"


@pytest.mark.parametrize(
    ("name", "record"),
    [("alpaca", TALK), ("renamed", TALK), ("tagged", TALK),
     ("ranked", Preference(*PAIR, (Message("assistant", "丙"),))),
     ("kto", Feedback(*PAIR, False)), ("plain", Text("甲乙"))],
)  # fmt: skip
def test_a_registry_entry_is_read_under_its_columns_and_tags(listed, name, record):
    (source,) = sources.parse(f"dataset_info.json#{name}", listed.parent)
    assert load(source.path, rename=source.rename).records[:1] == [record]


def test_a_registry_knows_limits_and_hubs(listed):
    assert registry.entry(listed, "renamed").limit == 1
    assert registry.entry(listed, "hub").file == "hf://owner/name?subset=zh&split=train"


def test_an_entry_made_by_a_script_is_refused_and_spoils_no_other(listed):
    assert registry.names(listed) == [name for name in REGISTRY if name != "scripted"]
    for what in ("dataset_info.json#scripted", "dataset_info.json"):
        with pytest.raises(UserError, match="“scripted” is made by a script"):
            sources.parse(what, listed.parent)


def test_pictures_of_a_registry_are_refused_under_any_name(listed):
    (source,) = sources.parse("dataset_info.json#pictured", listed.parent)
    (bad,) = load(source.path, rename=source.rename).report.bad
    assert bad.reason.key == "data.row.media_column"


def test_wrong_registries_are_refused(listed, tmp_path):
    with pytest.raises(UserError, match="Nearest: renamed"):
        registry.entry(listed, "renmaed")
    (tmp_path / "x.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(UserError, match=r"no dataset_info\.json"):
        registry.entries(tmp_path / "x.json")


def test_rows_of_a_hub_take_the_ordinary_path(monkeypatch):
    asked = {}

    def fake(name, subset, split, revision):
        asked.update(name=name, subset=subset, split=split)
        return [{"instruction": "甲", "output": "乙"}]

    monkeypatch.setattr("datasets.load_dataset", fake)
    assert load("hf://owner/name?subset=zh&split=train[:10]").records == [TALK]
    assert asked == {"name": "owner/name", "subset": "zh", "split": "train[:10]"}


def test_a_hub_without_network_is_a_sentence(monkeypatch):
    def fail(*given, **named):
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr("datasets.load_dataset", fail)
    with pytest.raises(UserError, match="cannot be fetched from https://mirror.example .*HF_ENDPOINT"):
        monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example")
        load("hf://owner/name")


@pytest.mark.parametrize("address", ["hf://", "hf://a/b/c", "hf://a/b?color=red"])
def test_a_wrong_address_is_refused(address):
    with pytest.raises(UserError, match="no data set on a hub"):
        hubs.read_rows(address)
