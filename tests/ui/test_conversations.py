"""Conversations on the server: one request at a time, each column with its own answers."""

import threading

from workbench.ui.conversations import Answer, Conversation, Conversations

KEY = "0123456789abcdef"


def told(talk, question, **answers):
    talk.begin(question, list(answers))
    for column, text in answers.items():
        talk.put(column, text if isinstance(text, Answer) else Answer(text, done=True))
    talk.end()


def test_each_column_goes_on_from_its_own_answers():
    talk = Conversation()
    told(talk, "name?", base="Quillet", tuned="Nova")
    talk.begin("sure?", ["base", "tuned"])
    assert [turn["content"] for turn in talk.history("base")] == ["name?", "Quillet", "sure?"]
    assert [turn["content"] for turn in talk.history("tuned")] == ["name?", "Nova", "sure?"]


def test_a_column_that_joins_later_is_told_what_the_first_one_said():
    talk = Conversation()
    told(talk, "name?", base="Quillet")
    talk.begin("sure?", ["late"])
    assert [turn["content"] for turn in talk.history("late")] == ["name?", "Quillet", "sure?"]
    assert talk.answers("late")[0] == ("name?", None)


def test_a_failed_answer_is_not_part_of_the_history():
    talk = Conversation()
    told(talk, "name?", base=Answer(error="no such adapter", done=True))
    talk.begin("again?", ["base"])
    assert talk.history("base") == [{"role": "user", "content": "again?"}]


def test_one_request_at_a_time_and_stop_reaches_it():
    talk = Conversation()
    cancel = talk.begin("a", ["base"])
    assert talk.begin("b", ["base"]) is None and len(talk.turns) == 1
    talk.stop()
    assert cancel.is_set()
    talk.end()
    assert talk.begin("b", ["base"]) is not None


def test_asking_again_replaces_the_answers_and_counts():
    talk = Conversation()
    assert talk.begin(None, ["base"]) is None
    told(talk, "a", base="one")
    talk.begin(None, ["base"])
    assert (len(talk.turns), talk.turns[0].tries, talk.last("base")) == (1, 1, Answer())


def test_a_page_waits_for_news_and_not_longer():
    talk = Conversation()
    talk.begin("a", ["base"])
    version = talk.version
    waiter = threading.Thread(target=talk.wait, args=(version, 60))
    waiter.start()
    talk.put("base", Answer("x"))
    waiter.join(10)
    assert not waiter.is_alive()


def test_an_id_leads_to_its_conversation_and_only_a_usable_one_is_kept():
    talks = Conversations()
    assert talks.get(KEY) is talks.get(KEY)
    assert talks.get(KEY[::-1]) is not talks.get(KEY)
    for unusable in (None, "", "short", "x" * 100, ["list"]):
        assert talks.get(unusable) is not talks.get(unusable)


def test_clearing_begins_afresh_with_the_same_columns():
    talks = Conversations()
    talk = talks.get(KEY)
    talk.columns = ["base", "a"]
    cancel = talk.begin("q", ["base"])
    fresh = talks.clear(KEY)
    assert cancel.is_set() and fresh is talks.get(KEY) is not talk
    assert (fresh.turns, fresh.columns) == ([], ["base", "a"])


def test_the_longest_unused_conversations_go_first(monkeypatch):
    monkeypatch.setattr("workbench.ui.conversations._KEPT", 2)
    talks = Conversations()
    first, second = talks.get("conversation-1"), talks.get("conversation-2")
    talks.get("conversation-1")
    talks.get("conversation-3")
    assert talks.get("conversation-1") is first and talks.get("conversation-2") is not second
