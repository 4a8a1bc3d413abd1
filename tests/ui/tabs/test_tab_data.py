"""The data tab's handlers: report, pages, one row as tokens, conversion; refusals are sentences, nothing is lost."""

import json
import re
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from workbench.errors import UserError
from workbench.ui.app import App, page
from workbench.ui.i18n import Texts
from workbench.ui.tabs import data

HOW = ("", "", "", [])  # format and encoding are found out, nothing is mapped or repaired
SEEN = (True, "embedded", "", 1024)  # personal data is covered; what the model is and where rows are cut off


@pytest.fixture
def tab(home, monkeypatch):
    monkeypatch.setattr(data, "_AT_ONCE_SECONDS", 30.0)  # however busy the machine is
    with gr.Blocks():
        return data.build(App(home), Texts("en"))


@pytest.fixture
def put(home):
    def write(name, *rows):
        path = home / "data" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
        return f"data/{name}"

    return write


def rows(count):
    return [{"query": f"question {n}", "response": f"answer {n}"} for n in range(1, count + 1)]


def converted(tab, *given, kept):
    """told, result, files: what stands there in the end."""
    *_, (_, told, result, files) = tab.conversion.convert(*given, kept=kept)
    return told, result, files


def listed(page):
    return [int(row) for row in re.findall(r'<tr data-row="(\d+)"', page)]


def test_a_chosen_file_is_reported_and_its_first_page_shown(tab, put):
    report, problem, pending, stop, bad, _, show, page, where, number = tab.look(
        put("a.jsonl", *rows(20), "{broken"), *HOW
    )
    assert "20 good rows" in report and "1 bad row" in report and (problem, pending, number) == ("", "", 1)
    assert listed(page) == list(range(1, 16)) and "of 2 · 21 rows" in where
    assert (stop["visible"], bad["visible"]) == (False, True)
    assert ("bad rows (1)", "bad") in show["choices"] and ("conversation (20)", "kind:conversation") in show["choices"]


def test_pages_turn_within_their_bounds_and_can_show_bad_rows_only(tab, put):
    name = put("a.jsonl", *rows(20), "{broken")
    tab.look(name, *HOW)
    turn = tab.listed.turn
    page, _, number = turn(name, *HOW, "all", "", True, 1, 1, step=1)
    assert (listed(page), number) == ([16, 17, 18, 19, 20, 21], 2)
    assert turn(name, *HOW, "all", "", True, 2, 1, step=1)[2] == 2
    assert turn(name, *HOW, "all", "", True, -5, 1)[2] == 1
    assert turn(name, *HOW, "all", "", True, None, None)[2] == 1
    assert listed(turn(name, *HOW, "bad", "", True, 1, 1)[0]) == [21]


def test_a_search_lists_its_hits_within_the_filter(tab, put):
    name = put("a.jsonl", *rows(20), '{"query": "question 1')
    tab.look(name, *HOW)
    *_, (stop, page, where, _) = tab.listed.find(name, *HOW, "good", "QUESTION 1", True, 1, 1)
    assert listed(page) == [1, *range(10, 20)] and "11 rows" in where and stop["visible"] is False
    assert listed(tab.listed.turn(name, *HOW, "bad", "QUESTION 1", True, 1, 1)[0]) == [21]


def test_a_clicked_row_is_marked_and_painted_as_it_trains(tab, put, tiny_model):
    from transformers import AutoTokenizer

    from workbench.data.load import load
    from workbench.data.render import render

    name, model = put("a.jsonl", *rows(3)), str(tiny_model())
    tab.look(name, *HOW)
    clicked = SimpleNamespace(row=2, show="")
    row, tokens, _, page, *_ = tab.choose(clicked, name, *HOW, "all", "", True, 1, 1, model, "", 1024)
    rendered = render(load(tab.chosen.files.locate(name)).records[1], AutoTokenizer.from_pretrained(model), 1024)
    assert row == 2 and 'data-row="2" aria-selected="true"' in page
    assert [int(number) for number in re.findall(r'title="(\d+) ·', tokens)] == rendered.input_ids
    assert "trained special" in tokens  # the end of the answer
    assert "plain special" in tokens  # <|im_start|>


def test_the_first_row_of_another_source_is_painted_once_that_loads_nothing(tab, put, tiny_model):
    name, other, model = put("a.jsonl", *rows(3)), put("b.jsonl", *rows(1), "{broken"), str(tiny_model())
    for file in (name, other):
        tab.look(file, *HOW)
    seen = (True, model, "", 1024)
    assert tab.seen.first(name, *HOW, *seen) == tab.seen.blank() and "the marked one too" in tab.seen.blank()
    assert tab.of_the_reading()[tab.seen.row] == 1
    painted = tab.seen.paint(name, *HOW, True, 1, *seen[1:])
    assert tab.seen.first(name, *HOW, *seen) == painted
    assert tab.seen.first(other, *HOW, *seen) == tab.seen.paint(other, *HOW, True, 1, *seen[1:])
    assert [tab.seen.first(none, *HOW, *seen) for none in ("", "data/none.jsonl")] == [tab.seen.blank()] * 2


def test_a_bad_first_row_says_why_at_once(tab, put):
    name = put("a.jsonl", "{broken", *rows(2))
    tab.look(name, *HOW)
    assert "no valid JSON" in tab.seen.first(name, *HOW, *SEEN)


def test_what_is_in_view_is_one_button_away_from_the_training_form(home, put):
    app, name = App(home), put("问 答.jsonl", *rows(2))
    blocks = page(app, "en")
    lead = next(fn for fn in blocks.fns.values() if fn.fn and fn.fn.__qualname__ == "_train_on_it.<locals>.lead")
    fields = [getattr(field, "value", None) for field in lead.inputs[5:]]
    changed = [field.elem_id for field in lead.outputs]
    rank = [field.elem_id for field in lead.inputs[5:]].index("adapter-r")
    fields[rank] = 4
    tabs, *updates = lead.fn(f" {name}", *HOW, *fields)
    values = dict(zip(changed, [tabs, *updates], strict=True))
    assert tabs.selected == "train" and values["data-problem"] == values["train-problem"] == ""
    assert (values["data-path"]["value"], values["adapter-r"]["value"]) == (name, 4)  # the rest stays as it stood
    stays, refusal, *rest = lead.fn("", *HOW, *fields)
    assert "Choose or upload a data file first" in refusal and stays == gr.skip() and rest == [gr.skip()] * len(rest)
    app.close()


def test_training_is_not_led_to_rows_that_it_would_not_read(tab, put):
    name, none = put("a.jsonl", *rows(2)), put("b.jsonl", "{broken")
    tab.look(none, *HOW)
    assert tab.chosen.trained(name, *HOW) == name
    for given, said in [
        ((name, "", "utf-8", "", []), "finds out by itself"), ((name, *HOW[:3], ["edge_whitespace"]), "finds out"),
        ((none, *HOW), "none of its 1 row can be used"), (("data/c.jsonl", *HOW), "c.jsonl"), (("", *HOW), "first"),
        ((put(".steps/result-1.jsonl", *rows(1)), *HOW), "save it as a new data set"),
    ]:  # fmt: skip
        with pytest.raises(UserError, match=said):
            tab.chosen.trained(*given)


def test_a_warning_leads_to_all_its_rows(tab, put):
    name = put("a.jsonl", *rows(3), {"query": "x", "response": "a@b.com"})
    tab.look(name, *HOW)
    clicked = SimpleNamespace(row=0, show="code:email")
    _, _, show, page, *_ = tab.choose(clicked, name, *HOW, "all", "", True, 1, 1, "embedded", "", 1024)
    assert show == "code:email" and listed(page) == [4]


def test_personal_data_is_covered_in_the_tokens_too_and_their_numbers_stay(tab, put, tiny_model):
    name, model = put("a.jsonl", {"query": "mail", "response": "write to me@example.com now"}), str(tiny_model())
    tab.look(name, *HOW)
    shown, covered = (tab.seen.paint(name, *HOW, hide, 1, model, "", 1024) for hide in (False, True))
    numbers = [re.findall(r'title="(\d+) ·', page) for page in (shown, covered)]
    assert numbers[0] == numbers[1] and len(numbers[0]) > 10
    text = [re.sub("<[^>]+>", "", page) for page in (shown, covered)]
    assert "me@example.com" in text[0] and "me@••••••••••• now" in text[1]


def test_a_row_that_cannot_be_shown_says_why(tab, put, tiny_model):
    name, model = put("a.jsonl", *rows(1), {"query": "x", "response": ""}), str(tiny_model())
    tab.look(name, *HOW)
    paint = tab.seen.paint
    assert "“response” is empty" in paint(name, *HOW, True, 2, model, "", 1024)
    assert "There is no row 3" in paint(name, *HOW, True, 3, model, "", 1024)
    assert "Choose or upload a data file first." in paint(None, *HOW, True, 1, model, "", 1024)
    assert "There is no model folder" in paint(name, *HOW, True, 1, "/nope", "", 1024)
    assert "Nothing of this row would be learned" in paint(name, *HOW, True, 1, model, "", 8)


def test_a_preference_shows_both_dialogues_and_feedback_its_judgement(tab, put, tiny_model):
    model = str(tiny_model())
    name = put("t.jsonl", {"prompt": "a", "chosen": "good", "rejected": "poor"},
               {"prompt": [{"role": "user", "content": "a"}], "completion": [{"role": "assistant", "content": "b"}],
                "label": False})  # fmt: skip
    tab.look(name, *HOW)
    page = tab.seen.paint(name, *HOW, True, 1, model, "", 1024)
    titles = re.findall(r'<i class="trained[^"]*" title="\d+ · ([^"]*)"', page)
    assert "".join(titles) == "good<|im_end|>poor<|im_end|>".replace("<", "&lt;").replace(">", "&gt;")
    assert page.count('<div class="wb-tokens"') == 2 and 'class="wb-raw"' in page
    assert "Judged bad" in tab.seen.paint(name, *HOW, True, 2, model, "", 1024)
    *_, (_, measured, _) = tab.seen.count(name, *HOW, model, "", 64)
    assert "cannot be shown" not in measured


def test_a_model_without_template_asks_for_a_style(tab, put, tiny_model, tmp_path):
    model = tmp_path / "bare"
    shutil.copytree(tiny_model(), model)
    (model / "chat_template.jinja").unlink(missing_ok=True)
    config = json.loads((model / "tokenizer_config.json").read_text())
    config.pop("chat_template", None)
    (model / "tokenizer_config.json").write_text(json.dumps(config))
    name = put("a.jsonl", *rows(2))
    tab.look(name, *HOW)
    refused = tab.seen.paint(name, *HOW, True, 1, str(model), "", 1024)
    assert 'role="alert"' in refused and "no chat template; choose a prompt style" in refused and "chatml" in refused
    *_, (_, measured, _) = tab.seen.count(name, *HOW, str(model), "", 1024)
    assert 'role="alert"' in measured and "no chat template" in measured
    chosen = tab.seen.paint(name, *HOW, True, 1, str(model), "claude", 1024)
    assert "Human:" in re.sub("<[^>]+>", "", chosen) and 'role="alert"' not in chosen


def test_lengths_are_measured_and_rows_that_teach_nothing_are_an_error(tab, put, tiny_model):
    name, model = put("a.jsonl", *rows(3), {"query": "long " * 40, "response": "x"}), str(tiny_model())
    tab.look(name, *HOW)
    *_, (stop, page, show) = tab.seen.count(name, *HOW, model, "", 64)
    assert '<p class="wb-problem" role="alert">1 row has nothing to learn' in page and 'data-row="4"' in page
    assert "At 64 tokens 1 row is cut off (25.0 %)" in page and "cutoff" in page and stop["visible"] is False
    assert ("nothing to learn (1)", "untrained") in show["choices"]
    assert listed(tab.listed.turn(name, *HOW, "untrained", "", True, 1, 1)[0]) == [4]


def test_repairs_are_offered_with_counts_and_done_when_chosen(tab, put):
    name = put("a.jsonl", *rows(2), {"query": "R&amp;D", "response": "x &lt; y"})
    offered = tab.look(name, *HOW)[5]
    assert offered["choices"] == [("HTML entities as characters: 1 row", "html_entity")] and offered["value"] == []
    report, *_ = looked = tab.look(name, "", "", "", ["html_entity"])
    assert "Repaired: HTML entities as characters 1" in report and looked[5]["value"] == ["html_entity"]
    assert "R&amp;D → x &lt; y" in looked[7]  # escaped once: the row itself holds the characters


def test_bad_rows_are_a_file_with_row_line_reason_and_content(tab, put):
    name = put("a.jsonl", *rows(1), "", "{broken", {"query": "x", "response": "", "mail": "a@b.com"})
    tab.look(name, *HOW)
    _, result = tab.bad.write(name, *HOW)
    written = [json.loads(line) for line in Path(result["value"]).read_text().splitlines()]
    assert [(row["row"], row["line"], row["content"]) for row in written] == [
        (2, 3, "{broken"), (3, 4, {"query": "x", "response": "", "mail": "a@b.com"}),
    ]  # fmt: skip
    assert "“response” is empty" in written[1]["reason"]


def test_uploads_are_copied_into_the_workspace_and_opened_together(tab, tmp_path, home):
    uploads = [tmp_path / "mine.jsonl", tmp_path / "more.jsonl"]
    for upload in uploads:
        upload.write_text(json.dumps(rows(1)[0]))
    chosen, problem = tab.chosen.take([str(upload) for upload in uploads])
    assert (chosen["value"], problem) == ("data/mine.jsonl; data/more.jsonl", "")
    assert (home / "data" / "mine.jsonl").read_text() == uploads[0].read_text()
    assert "2 good rows" in tab.look(chosen["value"], *HOW)[0]


def test_a_data_set_of_a_hub_is_an_address(tab, monkeypatch):
    asked = []

    def fake(name, subset, split, revision):
        asked.append((name, subset, split))
        return rows(2)

    monkeypatch.setattr("datasets.load_dataset", fake)
    address, problem = tab.chosen.address("hf", " owner/name ", "zh", "train[10%:20%]")
    assert (address, problem) == ("hf://owner/name?subset=zh&split=train[10%:20%]", "")
    assert "2 good rows" in tab.look(address, *HOW)[0] and asked == [("owner/name", "zh", "train[10%:20%]")]
    assert 'role="alert"' in tab.chosen.address("ms", " ", "", "")[1]


def test_a_file_that_is_gone_or_outside_is_a_sentence(tab, tmp_path):
    assert "There is no file data/gone.jsonl" in tab.look("data/gone.jsonl", *HOW)[1]
    # whether it is there or not: nobody learns what lies outside
    for outside in (str(tmp_path / "x"), "../../x", "data/../../x", "a.jsonl; ../../../../../../etc/hostname"):
        assert "is not in the workspace" in tab.look(outside, *HOW)[1]
    assert "No data file yet" in tab.look(None, *HOW)[0]


def test_a_conversion_is_a_download_or_a_file_of_the_workspace(tab, put, home):
    name = put("a.jsonl", *rows(2), "{broken")
    told, result, _ = converted(tab, name, *HOW, "alpaca", ".json", False, kept=False)
    assert "2 rows in a.alpaca.json, 1 bad row left out." in told
    assert json.loads(Path(result["value"]).read_text())[0] == {
        "instruction": "question 1", "input": "", "output": "answer 1",
    }  # fmt: skip
    told, result, files = converted(tab, name, *HOW, "chatml", ".jsonl", False, kept=True)
    assert "data/a.chatml.jsonl" in told and result["visible"] is False
    assert files["choices"] == ["data/a.chatml.jsonl", "data/a.jsonl"]
    assert "<|im_start|>" in (home / "data" / "a.chatml.jsonl").read_text()


def test_a_conversion_that_is_refused_writes_nothing(tab, put, home):
    told, *_ = converted(tab, put("a.jsonl", "{broken"), *HOW, "alpaca", ".json", False, kept=True)
    assert 'role="alert"' in told
    told, *_ = converted(tab, put("b.jsonl", *rows(1)), *HOW, "alpaca", ".json", True, kept=True)
    assert 'role="alert"' in told
    assert "Choose or upload a data file first." in converted(tab, None, *HOW, "alpaca", ".json", False, kept=True)[0]
    assert sorted(path.name for path in (home / "data").iterdir()) == ["a.jsonl", "b.jsonl"]


def test_a_large_file_is_shown_while_it_is_still_read(tab, put, monkeypatch):
    from workbench.data.view import View

    gate, begun, real = threading.Event(), threading.Event(), View._mark

    def slow(self, item):
        if item.row == 40:
            begun.set()
            gate.wait(30)
        real(self, item)

    monkeypatch.setattr(View, "_mark", slow)
    monkeypatch.setattr(data, "_AT_ONCE_SECONDS", 0.0)
    name = put("a.jsonl", *rows(45))
    opened = tab.chosen.open(name, *HOW)
    assert begun.wait(30)
    report, _, pending, stop, _, _, _, page, *_ = tab.look(name, *HOW)
    assert "<progress" in report and pending == name and stop["visible"] and listed(page) == list(range(1, 16))
    where = ("all", "", True, 1, 1)
    assert tab.poll(name, *HOW, *where, "")[0] == gr.skip()
    gate.set()
    assert opened.wait(30)
    report, _, pending, stop, *_ = tab.poll(name, *HOW, *where, name)
    assert "45 good rows" in report and pending == "" and stop["visible"] is False


TABLE = "甲,乙,类\n一加一,二,数\n天空,蓝色,自然\n草,绿色,自然\n"
MAPPED = {"prompt": "甲", "response": "乙", "system": "类"}


def roles(**assigned):
    from workbench.data import mapping

    return [assigned.get(role, "") for role in mapping.ROLES]


def table(home, name="table.csv"):
    (home / "data").mkdir(exist_ok=True)
    (home / "data" / name).write_text(TABLE, encoding="utf-8")
    return f"data/{name}"


def test_columns_assigned_by_hand_are_previewed_and_then_the_file_is_read_so(tab, home):
    name = table(home)
    assert "3 bad rows" in tab.look(name, *HOW)[0]
    kept, *boxes = tab.columns.offer(name, *HOW)
    assert kept["choices"] == []
    assert boxes[0]["choices"] == [("–", ""), ("甲", "甲"), ("乙", "乙"), ("类", "类")]
    preview = tab.columns.preview(name, *HOW, *roles(**MAPPED))
    assert re.findall(r"<b>(\w+)</b> ([^<]+)", preview) == [
        ("system", "数"), ("user", "一加一"), ("assistant", "二"),
        ("system", "自然"), ("user", "天空"), ("assistant", "蓝色"),
        ("system", "自然"), ("user", "草"), ("assistant", "绿色"),
    ]  # fmt: skip
    assert "make no record" in tab.columns.preview(name, *HOW, *roles(prompt="甲"))
    assert tab.columns.preview(name, *HOW, *roles()) == ""
    mapping, _ = tab.columns.apply(*roles(**MAPPED))
    assert json.loads(mapping) == MAPPED
    assert "3 good rows" in tab.look(name, "", "", mapping, [])[0]
    assert 'role="alert"' in tab.columns.apply(*roles(prompt="甲"))[1]
    assert "No column is assigned yet" in tab.columns.apply(*roles())[1]


def test_a_kept_mapping_is_a_name_behind_a_file_here_and_in_training(tab, home):
    from workbench.data.mix import training_records
    from workbench.data.records import Conversation
    from workbench.specs import parse

    name = table(home)
    saved, told = tab.columns.save(" qa ", *roles(**MAPPED))
    assert (saved["choices"], saved["value"]) == (["qa"], "qa") and "table.csv@qa" in told
    assert [box["value"] for box in tab.columns.fill("qa")] == roles(**MAPPED)
    assert "3 good rows" in tab.look(f"{name}@qa", *HOW)[0]
    told, result, _ = converted(tab, f"{name}@qa", *HOW, "alpaca", ".jsonl", False, kept=False)
    assert "3 rows in table.alpaca.jsonl, 0 bad rows" in told
    found = training_records(parse({"data": {"path": f"{name}@qa"}}), home).records
    assert Conversation.of(("system", "数"), ("user", "一加一"), ("assistant", "二")) in found and len(found) == 3
    assert "different column mappings" in tab.look(f"{name}@qa; {name}", *HOW)[1]
    assert "There is no mapping “qb”" in tab.look(f"{name}@qb", *HOW)[1]
    assert 'role="alert"' in tab.columns.save("../x", *roles(**MAPPED))[1]


def test_another_source_begins_with_nothing_assigned_and_its_own_columns_to_choose_from(tab, home):
    name = table(home)
    tab.look(name, *HOW)
    empty = {box.elem_id: value for box, value in tab.of_the_source().items()}
    assert (empty["data-mapping-saved"], empty["data-map-prompt"], empty["data-mapping-shown"]) == (None, "", "")
    _, first, *_ = tab.columns.offer(name, *HOW)  # comes later: what was chosen by then stays
    assert first["choices"][1:] == [("甲", "甲"), ("乙", "乙"), ("类", "类")] and "value" not in first


def test_another_source_is_listed_whole_and_read_without_the_repairs_of_the_one_before(home):
    """A filter that the new rows do not have would be refused at every turn of a page."""
    blocks = page(App(home), "en")
    name = {field.elem_id: number for number, field in blocks.blocks.items() if getattr(field, "elem_id", None)}
    emptied = next(fn for fn in blocks.fns.values() if (name["data-file"], "change") in fn.targets and fn.js
                   and name["data-show"] in [box._id for box in fn.outputs])  # fmt: skip
    values = dict(
        zip([box.elem_id for box in emptied.outputs], json.loads(emptied.js.removeprefix("() => ")), strict=True)
    )
    assert (values["data-show"], values["data-repairs"]) == ("all", [])


def test_a_look_resets_the_filter_and_what_the_timer_brings_does_not(tab, put):
    name = put("a.jsonl", *rows(20), "{broken")
    assert tab.look(name, *HOW)[6]["value"] == "all"
    assert "value" not in tab.poll(name, *HOW, "bad", "", True, 1, 1, name)[6]


def step(tab, button, given, *values):
    """(steps, listed, problem): what stands there after a click, of a button that makes a step."""
    *_, (_, steps, listed, problem) = tab.recipe._adding(button)(given, *values)
    return steps, listed, problem


def steps_listed(page):
    found = re.findall(r"<li><span>([^<]*)</span><span[^>]*>([^<]*)</span>", page)
    return [(text, change) for text, change in found]


def test_steps_are_appended_with_the_rows_before_and_after_and_taken_back(tab, put):
    one, two = put("a.jsonl", *rows(6)), put("b.jsonl", "{broken", *rows(4))
    recipe = tab.recipe
    steps, listed, problem = step(tab, recipe._delete, "", one, *HOW, "2, 4-5")
    assert steps_listed(listed) == [("Take data/a.jsonl", "0 → 6"), ("Delete rows 2, 4, 5", "6 → 3")]
    assert problem == "" and "3 rows" in listed
    steps, listed, _ = step(tab, recipe._take, steps, two, *HOW, 0.5)
    assert steps_listed(listed)[2] == ("Take data/b.jsonl * 0.5", "3 → 5")
    steps, listed, _ = step(tab, recipe._split, steps, one, *HOW, 0.4, 7)
    assert "2 held out for evaluation" in listed and steps_listed(listed)[3][1] == "5 → 3"
    *_, (_, steps, listed, problem) = recipe.undo(SimpleNamespace(step=1), steps, one, *HOW)
    assert [entry["step"] for entry in json.loads(steps)] == ["take", "take", "split"]
    assert [change for _, change in steps_listed(listed)] == ["0 → 6", "6 → 8", "8 → 5"]
    only, *_ = step(tab, recipe._take, "", one, *HOW, 1)
    *_, (_, nothing, listed, _) = recipe.undo(SimpleNamespace(step=0), only, one, *HOW)
    assert nothing == "" and "No step yet" in listed


def test_a_row_is_edited_by_the_number_it_is_listed_with(tab, put):
    one, two = put("a.jsonl", *rows(3)), put("b.jsonl", "{broken", *rows(2))
    both = f"{one}; {two}"
    recipe = tab.recipe
    tab.look(both, *HOW)
    assert json.loads(recipe.show_row(both, *HOW, 5))["messages"][0]["content"] == "question 1"
    steps, *_ = step(tab, recipe._take, "", one, *HOW, 2)
    steps, *_ = step(tab, recipe._take, steps, both, *HOW, 1)
    value = json.dumps({"query": "mine", "response": "yes"})
    *_, told, (*_, noted) = recipe._editing(recipe._edit)(steps, both, *HOW, 5, value)
    state = tab.app.prepares.get(json.loads(told[1]))
    asked = [record.messages[0].content for record in state.records]
    three = ["question 1", "question 2", "question 3"]
    assert asked == [*three, *three, *three, "mine", "question 2"] and "takes effect" in noted
    for wrong, why in (("{", "The row is no JSON"), ("[" * 3000 + "]" * 3000, "nested too deeply"), ("", "no JSON")):
        *_, refused = recipe._editing(recipe._edit)(steps, both, *HOW, 5, wrong)
        assert why in refused[-1] and refused[1] == gr.skip()
    assert "There is no row 9" in step(tab, recipe._drop, steps, both, *HOW, 9, "")[2]
    assert "is not among the steps" in step(tab, recipe._drop, steps, put("c.jsonl", *rows(1)), *HOW, 1, "")[2]


def test_steps_read_the_source_as_it_is_read_on_the_page(tab, home):
    name = table(home)
    mapping, _ = tab.columns.apply(*roles(**MAPPED))
    steps, listed, _ = step(tab, tab.recipe._take, "", name, "", "", mapping, [], 1)
    assert json.loads(steps) == [{"step": "take", "path": name, "map": MAPPED}]
    assert steps_listed(listed) == [(f"Take {name}, prompt=甲, response=乙, system=类", "0 → 3")]


def test_a_saved_recipe_is_a_new_file_and_can_be_repeated(tab, put, home):
    name = put("a.jsonl", *rows(10), rows(1)[0])
    recipe = tab.recipe
    steps, *_ = step(tab, lambda steps, how: {"step": "deduplicate"}, "", name, *HOW)
    steps, *_ = step(tab, recipe._split, steps, name, *HOW, 0.2, 3)
    *_, (stop, _, _, told, files, kept) = recipe.write(steps, " mine ", name, *HOW)
    assert "8 rows in data/mine.jsonl." in told and "2 rows for evaluation in data/mine.eval.jsonl." in told
    assert (stop["visible"], kept["choices"], kept["value"]) == (False, ["mine"], "mine")
    assert "data/mine.jsonl" in files["choices"]
    first = (home / "data" / "mine.jsonl").read_bytes()
    *_, (_, again, listed, problem) = recipe.repeat("mine", name, *HOW)
    assert again == steps and problem == "" and steps_listed(listed)[-1][1] == "10 → 8"
    *_, (*_, told, _, _) = recipe.write(again, "mine", name, *HOW)
    assert "8 rows" in told and (home / "data" / "mine.jsonl").read_bytes() == first


def test_the_result_of_the_steps_is_opened_like_a_file_and_edited_further(tab, put, home):
    name = put("a.jsonl", *rows(10))
    recipe = tab.recipe
    assert "There is no step yet" in list(recipe.show(""))[-1][1]
    steps, *_ = step(tab, recipe._delete, "", name, *HOW, "1-3")
    steps, *_ = step(tab, recipe._split, steps, name, *HOW, 0.3, 1)
    *_, (_, _, chosen) = recipe.show(steps)
    assert ("Result of the steps", chosen["value"]) in chosen["choices"]  # not the path of a hidden file
    assert tab.chosen.again(chosen["value"])["choices"] == chosen["choices"]
    result = chosen["value"]
    report, *_, listed_rows, _, _ = tab.look(result, *HOW)
    kept = [record.messages[0].content for record in tab.app.prepares.get(json.loads(steps)).records]
    assert "Nothing is saved yet" in report and "5 good rows" in report
    assert re.findall(r"(question \d+) →", listed_rows) == kept and len(kept) == 5
    assert tab.chosen.files.choices() == ["data/a.jsonl"]  # no list shows it

    again, *_ = step(tab, recipe._drop, steps, result, *HOW, 2, "")
    *_, (_, _, followed) = recipe.follow(again, result)
    after = followed["value"]
    assert after != result and list(recipe.follow(again, name)) == [[gr.skip()] * 3]
    page = tab.look(after, *HOW)[7]
    assert re.findall(r"(question \d+) →", page) == [kept[0], *kept[2:]]
    assert "result of other steps" in step(tab, recipe._drop, again, result, *HOW, 1, "")[2]
    assert "There is no row 9" in step(tab, recipe._drop, again, after, *HOW, 9, "")[2]
    assert "not a source" in step(tab, recipe._take, again, after, *HOW, 1)[2]
    assert list(recipe.follow("", after))[-1][-1]["value"] is None
    *_, (_, _, _, told, files, _) = recipe.write(again, "mine", after, *HOW)
    assert 'data-open="data/mine.jsonl"' in told and files["choices"] == [
        "data/a.jsonl", "data/mine.eval.jsonl", "data/mine.jsonl", ("Result of the steps", after),
    ]  # fmt: skip
    assert tab.chosen.take_offered(SimpleNamespace(open="data/mine.jsonl"))["value"] == "data/mine.jsonl"


def test_repairs_are_a_step_that_says_what_it_changed(tab, put):
    name = put("a.jsonl", {"query": "R&amp;D", "response": " x "}, *rows(2))
    mend = lambda steps, how, names: {"step": "repair", "names": names}  # noqa: E731  as the button makes it
    steps, listed, _ = step(tab, mend, "", name, *HOW, ["html_entity", "edge_whitespace"])
    changed = "Repair HTML entities as characters (1), white space at the edges removed (1)"
    assert steps_listed(listed)[1] == (changed, "3")
    first = tab.app.prepares.get(json.loads(steps)).records[0]
    assert [turn.content for turn in first.messages] == ["R&D", "x"]
    _, listed, _ = step(tab, tab.recipe._take, "", name, "", "", "", ["html_entity"], 1)
    assert steps_listed(listed)[0] == (f"Take {name}, HTML entities as characters (1)", "0 → 3")
    assert "no repair is named" in step(tab, mend, steps, name, *HOW, [])[2]
    assert "as they are read" in step(tab, mend, steps, name, *HOW, ["merge_turns"])[2]


def test_a_recipe_that_is_refused_writes_nothing_and_keeps_its_steps(tab, put, home):
    name = put("a.jsonl", *rows(3))
    recipe = tab.recipe
    steps, *_ = step(tab, recipe._take, "", name, *HOW, 1)

    def refusal(given, wanted):
        *_, (*_, told, _, _) = recipe.write(given, wanted, name, *HOW)
        return told

    assert "There is no step yet" in refusal("", "mine")
    assert "Write a name" in refusal(steps, " ")
    assert "other rows are in it" in refusal(steps, "a")
    assert 'role="alert"' in refusal(steps, "../a")
    recipe_of_itself, *_ = step(tab, recipe._take, "", put("own.jsonl", *rows(2)), *HOW, 1)
    (home / "data" / "own.recipe.json").write_text("{}")
    assert "the recipe reads it" in refusal(recipe_of_itself, "own")
    back, listed, problem = step(tab, recipe._split, steps, name, *HOW, 3, 0)
    assert (back, listed) == (steps, gr.skip()) and "between 0 and 1" in problem
    assert "names no rows" in step(tab, recipe._delete, steps, name, *HOW, "2, x")[2]
    assert "There is no recipe “nope”" in list(recipe.repeat("nope", name, *HOW))[-1][-1]
    assert "holds no recipe" in list(recipe.repeat("own", name, *HOW))[-1][-1]
    outside = json.dumps([{"step": "take", "path": "/etc/hostname"}])
    assert "is not in the workspace" in list(recipe.done(json.loads(outside), ""))[-1][-1]
    assert sorted(path.name for path in (home / "data").iterdir()) == ["a.jsonl", "own.jsonl", "own.recipe.json"]
