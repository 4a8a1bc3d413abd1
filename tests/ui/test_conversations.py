"""Conversations on the server: one request at a time, each column with its own answers, branches that stay."""

import json
import threading

import pytest

from workbench.chat import kept
from workbench.chat.remote import endpoint
from workbench.errors import UserError
from workbench.models.generate import Scored
from workbench.ui.chat.conversation import Conversation
from workbench.ui.chat.turns import Answer
from workbench.ui.conversations import Conversations

KEY = "0123456789abcdef"


def told(talk, question, place=None, **answers):
    talk.begin(question, list(answers), place=place)
    for column, text in answers.items():
        talk.put(column, text if isinstance(text, Answer) else Answer(text, done=True))
    talk.end()


def questions(talk):
    return [turn.question for turn in talk.turns]


def test_each_column_goes_on_from_its_own_answers():
    talk = Conversation()
    told(talk, "name?", base="Quillet", tuned="Nova")
    talk.begin("sure?", ["base", "tuned"])
    assert [turn["content"] for turn in talk.history("base")] == ["name?", "Quillet", "sure?"]
    assert [turn["content"] for turn in talk.history("tuned")] == ["name?", "Nova", "sure?"]
    assert [turn["content"] for turn in talk.history("tuned", 0)] == ["name?"]


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


def test_one_request_at_a_time_and_stop_reaches_one_column_or_all():
    talk = Conversation()
    cancels = talk.begin("a", ["base", "tuned"])
    assert talk.begin("b", ["base"]) is None and len(talk.turns) == 1
    talk.stop("tuned")
    assert (cancels["base"].is_set(), cancels["tuned"].is_set()) == (False, True)
    talk.stop()
    assert cancels["base"].is_set()
    talk.end()
    assert talk.begin("b", ["base"]) is not None


def test_asking_again_replaces_the_answers_of_those_columns_and_counts():
    talk = Conversation()
    assert talk.begin(None, ["base"]) is None
    told(talk, "a", base="one", tuned="two")
    talk.begin(None, ["base"])
    assert (len(talk.turns), talk.turns[0].tries, talk.last("base")) == (1, 1, Answer())
    assert talk.last("tuned").text == "two"
    talk.end()
    talk.begin(None, ["tuned"], keep=True)
    assert (talk.turns[0].tries, talk.last("tuned").text, talk.open_place) == (1, "two", 0)


def test_an_edited_question_begins_a_branch_and_the_old_one_stays():
    talk = Conversation()
    told(talk, "one", base="1")
    told(talk, "two", base="2")
    told(talk, "three", base="3")
    told(talk, "zwei", place=1, base="II")
    assert questions(talk) == ["one", "zwei"] and talk.branches(1) == (1, 2) and talk.branches(0) == (0, 1)
    assert talk.choose(1, 0) and questions(talk) == ["one", "two", "three"]
    assert not talk.choose(1, 5) and not talk.choose(9, 0)
    assert talk.delete(1) and questions(talk) == ["one", "zwei"]
    assert talk.delete(0) and questions(talk) == []
    assert not talk.delete(0)
    told(talk, "anew", base="1")
    assert questions(talk) == ["anew"]


def test_an_edited_answer_is_what_later_questions_are_asked_with():
    talk = Conversation()
    told(talk, "one", base="1")
    assert talk.rewrite(0, "base", " better ") and not talk.rewrite(4, "base", "x") and not talk.rewrite(0, "base", " ")
    talk.begin("two", ["base"])
    assert [turn["content"] for turn in talk.history("base")] == ["one", "better", "two"]
    assert talk.turns[0].answers["base"].edited


def test_nothing_is_changed_under_an_answer_that_is_being_made():
    talk = Conversation()
    told(talk, "one", base="1")
    talk.begin("two", ["base"])
    assert not (talk.delete(0) or talk.choose(0, 0) or talk.rewrite(0, "base", "x"))


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


def test_clearing_begins_afresh_with_the_same_columns_and_options():
    talks = Conversations()
    talk = talks.get(KEY)
    talk.columns, talk.options, talk.overrides = ["base", "a"], {"seed": 3}, {"a": {"seed": 4}}
    cancels = talk.begin("q", ["base"])
    fresh = talks.clear(KEY)
    assert cancels["base"].is_set() and fresh is talks.get(fresh.id) is not talk is talks.get(KEY)
    assert (fresh.turns, fresh.columns, fresh.options) == ([], ["base", "a"], {"seed": 3})
    assert fresh.overrides == {"a": {"seed": 4}}


def test_the_longest_unused_conversations_go_first(monkeypatch):
    monkeypatch.setattr("workbench.ui.conversations._KEPT", 2)
    talks = Conversations()
    first, second = talks.get("conversation-1"), talks.get("conversation-2")
    talks.get("conversation-1")
    talks.get("conversation-3")
    assert talks.get("conversation-1") is first and talks.get("conversation-2") is not second


def test_a_conversation_is_there_after_a_restart_with_its_branches(tmp_path):
    talk = Conversations(tmp_path).get(KEY)
    talk.columns, talk.options, talk.overrides = ["base", "a"], {"seed": 3}, {"a": {"seed": 4}}
    scored = Answer("Quillet", done=True, tokens=2, seconds=0.5, finish="length", base="m", own=(("seed", 4),),
                    scored=(Scored(1, -0.1), Scored(2, -0.2)))  # fmt: skip
    told(talk, "name?", base=scored, a=Answer(error="gone", done=True))
    told(talk, "old", base="one")
    told(talk, "new", place=1, base="two")
    talk.rewrite(1, "base", "better")
    again = Conversations(tmp_path).get(KEY)
    assert again.data() | {"changed": 0} == talk.data() | {"changed": 0}
    assert questions(again) == ["name?", "new"] and again.branches(1) == (1, 2)
    first = again.turns[0].answers["base"]
    assert (first.text, first.tokens, first.own, first.scored) == ("Quillet", 2, (("seed", 4),), ())
    assert again.last("base") == Answer("better", done=True, finish="stop", edited=True)
    assert again.choose(1, 0) and questions(Conversations(tmp_path).get(KEY)) == ["name?", "old"]
    assert again.delete(0) and not kept.path(tmp_path, KEY).exists(), "nothing is left of it"


def test_nothing_is_written_while_an_answer_grows_and_no_key_ever(tmp_path, monkeypatch):
    written = []
    save = kept.save
    monkeypatch.setattr(kept, "save", lambda home, data: written.append(data) or save(home, data))
    talk = Conversations(tmp_path).get(KEY)
    talk.endpoint = endpoint("http://127.0.0.1:9/v1", "a-very-secret-key")
    talk.begin("q", ["base"])
    for count in range(50):
        talk.put("base", Answer("x" * count, when=1.5))
    assert written == []
    talk.end()
    assert len(written) == 1
    said = kept.path(tmp_path, KEY).read_text()
    assert "secret" not in said and '"when"' not in said


def test_an_answer_that_a_restart_cut_off_says_so(tmp_path):
    talk = Conversations(tmp_path).get(KEY)
    talk.begin("q", ["base"])
    talk.put("base", Answer("half an"))
    talk.save()
    answer = Conversations(tmp_path).get(KEY).last("base")
    assert (answer.text, answer.done, answer.finish) == ("half an", True, "cancelled")


def test_a_broken_file_is_set_aside_and_the_conversation_begins_anew(tmp_path):
    told(Conversations(tmp_path).get(KEY), "a", base="b")
    data = json.loads(kept.path(tmp_path, KEY).read_text())
    data["turns"][0]["answers"]["base"]["surprise"] = 1
    kept.path(tmp_path, KEY).write_text(json.dumps(data))
    talk = Conversations(tmp_path).get(KEY)
    assert talk.turns == []
    told(talk, "new", base="c")
    assert questions(Conversations(tmp_path).get(KEY)) == ["new"]
    assert json.loads((kept.folder(tmp_path) / f"{KEY}.broken").read_text()) == data


def test_a_full_disk_keeps_the_conversation_in_memory_and_is_said(tmp_path, monkeypatch):
    def full(home, data):
        raise OSError(28, "No space left on device")

    talk = Conversations(tmp_path).get(KEY)
    with monkeypatch.context() as patch:
        patch.setattr(kept, "save", full)
        told(talk, "a", base="b")
        assert (questions(talk), talk.unsaved) == (["a"], "No space left on device")
    told(talk, "c", base="d")
    assert talk.unsaved == "" and questions(Conversations(tmp_path).get(KEY)) == ["a", "c"]


def test_a_name_reaches_memory_and_disk_and_a_deleted_conversation_stays_deleted(tmp_path):
    talks = Conversations(tmp_path)
    talk = talks.get(KEY)
    told(talk, "a", base="b")
    talks.rename(KEY, "mine")
    assert talk.title == kept.load(tmp_path, KEY)["title"] == "mine"
    Conversations(tmp_path).rename(KEY, "not in memory")
    assert kept.load(tmp_path, KEY)["title"] == "not in memory"
    cancels = talk.begin("still being answered", ["base"])
    talks.delete(KEY)
    assert cancels["base"].is_set()
    talk.end()
    assert not kept.path(tmp_path, KEY).exists() and talks.get(KEY).turns == []
    for action in (talks.delete, lambda key: talks.rename(key, "x")):
        with pytest.raises(UserError, match="not there any more"):
            action(KEY)


def test_a_cleared_conversation_stays_in_the_history(tmp_path):
    talks = Conversations(tmp_path)
    told(talks.get(KEY), "a", base="b")
    told(talks.clear(KEY), "c", base="d")
    assert sorted(row["title"] for row in kept.search(tmp_path)["rows"]) == ["a", "c"]
