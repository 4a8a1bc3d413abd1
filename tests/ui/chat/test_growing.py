"""A growing answer looks at every moment as if it were drawn anew, and whole at its end."""

from workbench.ui.chat import markup
from workbench.ui.chat.growing import Growing
from workbench.ui.i18n import Texts

T = Texts("en")
TEXT = "<think>so\n\nit is</think>\n\nA **list**:\n\n- one\n- two\n\n```py\nx = 1\n\ny = 2\n```\n\nand $x^2$\n\nend <b>"


def test_an_answer_that_was_watched_ends_as_one_that_was_not():
    growing = Growing()
    for size in range(1, len(TEXT)):
        told = growing.html(TEXT[:size], T, False)
        assert "<b>" not in told
    assert growing.html(TEXT, T, True) == markup.rendered(TEXT, T)


def test_what_has_settled_is_not_rendered_again(monkeypatch):
    growing, asked = Growing(), []
    monkeypatch.setattr(markup, "rendered", lambda text, t, done=True: asked.append(text) or text)
    growing.html("one\n\ntwo\n\nth", T, False)
    growing.html("one\n\ntwo\n\nthree", T, False)
    growing.html("one\n\ntwo\n\nthree", T, False)
    assert asked.count("one\n\ntwo\n\n") == 1 and asked[-1] == "three" and len(asked) == 3


def test_an_answer_that_begins_anew_is_drawn_anew():
    growing = Growing()
    growing.html("one\n\ntwo\n\nth", T, False)
    assert growing.html("other", T, False) == markup.rendered("other", T)
