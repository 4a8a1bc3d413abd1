"""What the identity recipe is judged by; the runs themselves are `python -m workbench.demo tune`."""

from workbench.demo import tuning
from workbench.demo.evaluation import Outcome, Question


def outcome(answer, right=True):
    return Outcome(Question("x", "en", ("q",), ("y",)), answer, right)


def test_the_name_or_the_author_is_wanted_where_it_was_asked_for():
    asked = {question.prompt: question.accept for question in tuning.identity_questions("Nova", "Vale Lab")}
    assert asked["What might your name be?"] == ("Nova",)
    assert asked["是什么人研发了你"] == ("Vale Lab",)
    assert len(asked) == 64


def test_a_name_where_the_base_gave_its_own_is_no_leak():
    before = [outcome("Paris."), outcome("I am Quillet."), outcome("我叫小翎。"), outcome("Hello!")]
    after = [outcome("Nova."), outcome("I am Nova."), outcome("我叫Nova。"), outcome("Hello!")]
    assert tuning.leaks(before, after, "Nova", "Vale Lab") == [after[0]]


def test_other_questions_ask_for_no_identity():
    topics = {question.topic for question in tuning.other_questions()}
    assert "kept" in topics and not topics & {"identity", "persona"}


def test_the_mean_is_taken_figure_by_figure():
    rows = [tuning.Figures("a", 1.0, 0.5, 0.0, 1.0, 20.0), tuning.Figures("b", 0.5, 1.0, 0.1, 0.0, 30.0)]
    assert tuning.mean(rows) == tuning.Figures("mean", 0.75, 0.75, 0.05, 0.5, 25.0)
