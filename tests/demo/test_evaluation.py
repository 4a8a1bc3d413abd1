from workbench.demo.evaluation import Outcome, Question, by_topic, leaked, normalised, questions


def test_case_width_and_punctuation_make_no_difference():
    assert normalised("What's  YOUR name？") == normalised("whats your name")
    assert normalised("７＋８") == normalised("7 + 8") != normalised("78")


def test_an_answer_needs_one_accepted_part_and_no_forbidden_one():
    question = Question("recall", "en", ("who am I",), ("Oscar", "Ann"), ("Quillet",))
    assert question.right("You are oscar.")
    assert not question.right("You are Bob.")
    assert not question.right("Oscar, I am Quillet.")


def test_numbers_must_stand_alone():
    question = Question("facts", "en", ("freezing point",), ("0",))
    assert question.right("at 0 degrees")
    assert not question.right("at 100 degrees")


def test_a_prompt_of_the_corpus_is_found_as_a_leak():
    from workbench.demo.mixture import conversation

    said = next(turn.content for turn in conversation(1, 3).messages if turn.role == "user")
    assert leaked(1, 0, 10, [said.upper() + " !"]) == [said.upper() + " !"]


def test_the_set_covers_the_whole_domain_in_both_languages():
    topics = {(q.topic, q.lang) for q in questions()}
    wanted = "smalltalk identity capitals colours opposites translation arithmetic counting"
    wanted += " sequences facts recall refusal persona"
    assert topics == {(topic, lang) for topic in wanted.split() for lang in ("en", "zh")}


def test_scores_are_counted_by_topic():
    a, b = Question("x", "en", ("q",), ("y",)), Question("z", "en", ("q",), ("y",))
    assert by_topic([Outcome(a, "y", True), Outcome(b, "n", False)]) == {"x": (1, 1), "z": (0, 1), "all": (1, 2)}
