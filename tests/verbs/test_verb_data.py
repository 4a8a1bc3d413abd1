"""identity, inspect, convert and preview as somebody at a terminal meets them."""

import json
import shutil

ROW = {"instruction": "译", "input": "雨", "output": "rain"}
BAD = {"instruction": "译", "input": "雪", "output": ""}


def rows_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_identity_writes_the_rows_that_the_demo_trains(call_json, tmp_path):
    from workbench.data.mix import training_records
    from workbench.specs import parse

    name, author = "彧龘", "Dr. Zoë-7"
    document = call_json("identity", "out.jsonl", "--name", name, "--author", author)
    trained = training_records(parse({"identity": {"name": name, "author": author}}), tmp_path).records
    assert rows_of(tmp_path / "out.jsonl") == [record.to_row() for record in trained]
    assert document == {"rows": len(trained)}
    alone = call_json("identity", "alone.jsonl", "--name", name, "--author", author, "--replay", "0", "--lang", "zh")
    text = (tmp_path / "alone.jsonl").read_text(encoding="utf-8")
    assert alone["rows"] == text.count("\n") < document["rows"] / 2
    assert name in text and author in text


def test_identity_without_a_usable_name_writes_nothing(call, tmp_path):
    for name in ("", "a" * 200, "x<|im_end|>"):
        code, out, err = call("identity", "out.jsonl", "--name", name, "--author", "Lab")
        assert (code, out, err.count("\n")) == (2, "", 1) and err.startswith("--name")
    assert call("identity", "out.docx", "--name", "A", "--author", "B")[0] == 2
    assert list(tmp_path.iterdir()) == []


def test_inspect_reports_good_and_bad_rows_with_reasons(call, call_json, write_lines):
    path = write_lines("a.jsonl", ROW, BAD, "{broken", ROW)
    report = call_json("inspect", path)
    assert (report["format"], report["kind"], report["rows_good"], report["rows_bad"]) == (
        "alpaca", "conversation", 2, 2,
    )  # fmt: skip
    assert [(bad["row"], bad["line"]) for bad in report["bad"]] == [(2, 2), (3, 3)]
    assert report["statistics"]["records"] == 2
    assert report["warnings"][0]["code"] == "exact_duplicates"
    code, out, _ = call("inspect", path)
    assert code == 0 and "2 good rows, 2 bad" in out and "row 2 (line 2)" in out


def test_inspect_of_several_files_gives_one_report_each(call_json, write_lines):
    reports = call_json("inspect", write_lines("a.jsonl", ROW), write_lines("b.jsonl", {"text": "甲"}))
    assert [(report["format"], report["kind"]) for report in reports] == [
        ("alpaca", "conversation"), ("raw_text", "text"),
    ]  # fmt: skip


def test_inspect_of_a_file_without_a_good_row_is_exit_two_with_the_report(call, write_lines):
    code, out, err = call("inspect", write_lines("bad.jsonl", BAD), "--json")
    assert code == 2 and json.loads(out)["rows_bad"] == 1 and err.count("\n") == 1


def test_convert_writes_the_other_schema_and_its_report(call_json, write_lines, tmp_path):
    path = write_lines("a.jsonl", ROW, BAD)
    report = call_json("convert", path, "out.json", "--to", "sharegpt", "--report", "report.json")
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8")) == [
        {"conversations": [{"from": "human", "value": "译\n雨"}, {"from": "gpt", "value": "rain"}]}
    ]
    assert (report["rows_good"], report["rows_bad"]) == (1, 1)
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == report


def test_convert_tells_how_many_rows_are_in_the_file_that_it_wrote(call, write_lines, tmp_path):
    path = write_lines("pairs.jsonl", {"prompt": "甲", "chosen": "乙", "rejected": "丙"})
    assert "2 rows in judged.jsonl, 0 bad" in call("convert", path, "judged.jsonl", "--to", "feedback")[1]
    assert "1 row in again.jsonl, 0 bad" in call("convert", "judged.jsonl", "again.jsonl", "--to", "preference")[1]
    assert [len((tmp_path / name).read_text().splitlines()) for name in ("judged.jsonl", "again.jsonl")] == [2, 1]


def test_convert_maps_columns_by_hand(call_json, write_lines, tmp_path):
    path = write_lines("t.jsonl", {"frage": "甲", "antwort": "乙"})
    report = call_json(
        "convert", path, "o.jsonl", "--to", "alpaca", "--map", "prompt=frage", "--map", "response=antwort"
    )
    assert report["format"] == "mapped"
    assert rows_of(tmp_path / "o.jsonl") == [{"instruction": "甲", "input": "", "output": "乙"}]


def test_convert_refuses_in_one_line_and_writes_nothing(call, write_lines, tmp_path):
    good, bad = write_lines("a.jsonl", ROW), write_lines("b.jsonl", BAD)
    for arguments in (
        (bad, "out.jsonl", "--to", "alpaca"),
        (good, "out.jsonl", "--to", "alpacca"),
        (good, "out.docx", "--to", "alpaca"),
        (good, "out.jsonl"),
        (good, "out.jsonl", "--to", "alpaca", "--map", "prompt"),
        (good, "out.jsonl", "--to", "alpaca", "--report", "out.jsonl"),
        ("nope.jsonl", "out.jsonl", "--to", "alpaca"),
    ):
        code, out, err = call("convert", *arguments)
        assert (code, out, err.count("\n")) == (2, "", 1), arguments
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "b.jsonl"]


def test_preview_shows_what_the_trainer_gets(call_json, write_lines, tiny_model):
    from transformers import AutoTokenizer

    from workbench.data.load import load
    from workbench.data.render import IGNORED, render

    path, model = write_lines("a.jsonl", ROW, {**ROW, "output": "It rains."}), tiny_model()
    document = call_json("preview", path, "--model", model, "--row", "2")
    rendered = render(load(path).records[1], AutoTokenizer.from_pretrained(model), 1024)
    assert document["input_ids"] == rendered.input_ids
    assert document["labels"] == rendered.labels
    assert (document["row"], document["text"], document["truncated"]) == (2, rendered.text, False)
    assert [token["id"] for token in document["tokens"]] == rendered.input_ids
    assert [token["trained"] for token in document["tokens"]] == [label != IGNORED for label in rendered.labels]
    assert "".join(token["text"] for token in document["tokens"]) == rendered.text


def test_preview_cuts_at_the_given_length_and_marks_it(call, call_json, write_lines, tiny_model):
    path, model = write_lines("a.jsonl", {**ROW, "output": "rain " * 30}), tiny_model()
    document = call_json("preview", path, "--model", model, "--max-length", "60")
    assert document["truncated"] is True and len(document["input_ids"]) == 60
    code, out, _ = call("preview", path, "--model", model)
    assert code == 0 and "assistant\n⟦rain rain" in out


def test_preview_of_a_bad_or_missing_row_says_so(call, write_lines):
    path = write_lines("a.jsonl", ROW, BAD)
    assert "row 2: “output” is empty" in call("preview", path, "--row", "2")[2]
    assert "ends with row 2; there is no row 3" in call("preview", path, "--row", "3")[2]


def test_a_rows_control_characters_do_not_reach_the_terminal(call, write_lines, tiny_model):
    path = write_lines("a.jsonl", {**ROW, "output": "\x1b[2Jrain"})
    _, out, _ = call("preview", path, "--model", tiny_model())
    assert "\x1b" not in out and "\\x1b[2Jrain" in out


def test_a_model_without_template_asks_for_a_style_everywhere(call, call_json, write_lines, tiny_model, tmp_path):
    model = tmp_path / "bare"
    shutil.copytree(tiny_model("qwen3"), model)
    (model / "chat_template.jinja").unlink(missing_ok=True)
    config = json.loads((model / "tokenizer_config.json").read_text())
    config.pop("chat_template", None)
    (model / "tokenizer_config.json").write_text(json.dumps(config))
    path = write_lines("a.jsonl", ROW)
    (tmp_path / "spec.yaml").write_text("stage: sft\n")
    for arguments in (
        ("preview", path, "--model", model),
        ("train", "spec.yaml", f"model.path={model}", f"data.path={path}", "training.max_steps=1"),
        ("chat", "--model", model, "--prompt", "hi"),
    ):
        code, _, err = call(*arguments)
        last = err.strip().splitlines()[-1]
        assert code in (1, 2) and "no chat template" in last and "chatml" in last, (arguments, err)
    seen = call_json("preview", path, "--model", model, "--template", "claude")
    assert seen["text"] == "\n\nHuman: 译\n雨\n\nAssistant: rain<|im_end|>"  # the tokenizer's own end token


def test_a_repair_changes_rows_only_when_it_is_asked_for(call, call_json, write_lines, tmp_path):
    path = write_lines("a.jsonl", ROW | {"output": " a &amp; b "}, '{"instruction": "q", "output": "c"},')
    assert call_json("convert", path, "plain.jsonl", "--to", "alpaca")["rows_bad"] == 1
    assert rows_of(tmp_path / "plain.jsonl")[0]["output"] == " a &amp; b "
    asked = ("--repair", "html_entity", "--repair", "edge_whitespace", "--repair", "trailing_comma")
    report = call_json("convert", path, "mended.jsonl", "--to", "alpaca", *asked)
    assert report["repaired"] == {"html_entity": 1, "edge_whitespace": 1, "trailing_comma": 1}
    assert [row["output"] for row in rows_of(tmp_path / "mended.jsonl")] == ["a & b", "c"]
    assert call_json("inspect", path, *asked)["rows_bad"] == 0
    code, out, _ = call("inspect", path, "--repair", "html_entity")
    assert code == 0 and "1 row changed by the repair html_entity" in out
    code, _, err = call("inspect", path, "--repair", "html")
    assert code == 2 and "html_entity" in err
