"""Languages: every text stands in both with the same slots; the visitor's language is found."""

import json
import re

import pytest

from workbench.errors import UserError
from workbench.locales import catalogue, translate
from workbench.specs import STAGES, knobs
from workbench.ui.i18n import Texts, preferred

SLOTS = re.compile(r"\{(\w+)\}")


def test_every_text_of_the_page_stands_in_both_languages_with_the_same_slots():
    english, chinese = catalogue("en"), catalogue("zh")
    mine = [key for key in english | chinese if key.split(".")[0] in ("ui", "errors", "states", "sections")]
    assert [key for key in mine if key not in english or key not in chinese] == []
    assert [key for key in mine if set(SLOTS.findall(english[key])) != set(SLOTS.findall(chinese[key]))] == []


def test_a_count_of_one_is_told_in_the_singular():
    told = [translate("en", "warnings.exact_duplicates", count=count) for count in (1, "2", "1,001")]
    assert [text.split(" an earlier")[0] for text in told] == ["1 row repeats", "2 rows repeat", "1,001 rows repeat"]
    assert translate("en", "dataset.good", other=1) == "{count} good {count:row|rows}"
    assert translate("zh", "dataset.good", count=1) == "可用 1 行"


def test_no_english_text_knows_rows_or_tokens_in_the_plural_only():
    alone = re.compile(
        r"\{(count|rows|good|bad|tokens|passages|votes|total)\} (?:[a-z]+ )?(rows|tokens|answers|runs)\b"
    )
    assert [key for key, text in catalogue("en").items() if alone.search(text)] == []
    chosen = re.compile(r"\{(\w+):[^{}|]*\|[^{}|]*\}")
    texts = catalogue("en").items()
    assert [key for key, text in texts if not set(chosen.findall(text)) <= set(SLOTS.findall(text))] == []


@pytest.mark.parametrize(
    ("cookie", "header", "language"),
    [
        ("zh", "en-US,en;q=0.9", "zh"),
        (None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, "en-GB,zh;q=0.9", "en"),
        (None, "en;q=0.5, zh;q=0.8", "zh"),
        (None, "fr-FR, zh;q=0.3, en;q=0.2", "zh"),
        (None, "zh;q=0, en;q=0.1", "en"),
        (None, "fr", "en"),
        (None, None, "en"),
        (None, ";;q=,,zh;q=x", "zh"),
        ("<script>", None, "en"),
    ],
)
def test_the_visitors_language_is_the_last_one_used_here_then_the_browsers_order(cookie, header, language):
    assert preferred(cookie, header) == language


def test_a_refusal_is_a_sentence_of_the_pages_language():
    error = UserError("runs.unknown", name="x", nearest="y")
    assert Texts("zh").error(error) == "此工作区中没有名为“x”的训练。最接近的：y。"
    assert "x" in Texts("en").error(error)


def test_a_defect_shows_what_it_is_and_goes_to_the_log(caplog):
    text = Texts("zh").error(ValueError("boom"))
    assert "ValueError: boom" in text
    assert "boom" in caplog.text


def test_texts_inside_a_script_element_cannot_end_it(monkeypatch):
    monkeypatch.setattr("workbench.ui.i18n.catalogue", lambda language: {"a.b": "</script><script>alert(1)"})
    text = Texts("en").block_json("a")
    assert "</" not in text
    assert json.loads(text) == {"b": "</script><script>alert(1)"}


def test_labels_of_knobs_come_from_the_spec_in_english_and_from_the_catalogue_in_chinese():
    item = next(item for item in knobs(STAGES["sft"]) if item.path == "adapter.r")
    assert Texts("en").knob(item) == (item.label, item.help)
    assert Texts("zh").knob(item)[0] == "秩 r"
