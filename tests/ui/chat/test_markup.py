"""ui/chat/markup.py: what a model wrote becomes Markdown, code and formulas, and never a tag, a script or a request."""

import re

import pytest

from workbench.ui.chat.markup import rendered, settled, unsettled
from workbench.ui.i18n import Texts

T = Texts("en")


def test_markdown_code_and_tables_are_shown_as_such():
    html = rendered("# Hi\n\n**bold** `x < y`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\ndef f(): pass\n```", T)
    assert "<h1>Hi</h1>" in html and "<strong>bold</strong>" in html and "<code>x &lt; y</code>" in html
    assert "<td>1</td>" in html and '<span class="k">def</span>' in html
    assert "&lt;b&gt;" in rendered("```\n<b>\n```", T), "code without a language is escaped as well"


@pytest.mark.parametrize(
    ("source", "display"),
    [(r"$\frac{a}{b}$", "inline"), (r"\(x^2\)", "inline"), ("$$x^2$$", "block"), (r"\[\sum_{i=1}^n i\]", "block")],
)
def test_formulas_are_mathml_without_any_script_or_font(source, display):
    assert f'<math display="{display}">' in rendered(f"so {source} holds", T)


@pytest.mark.parametrize("source", ["costs $5 and $6", "`$x$`", "```\n$x$\n```", r"$\frac{$", "a $ b $ c"])
def test_what_is_no_formula_stays_text(source):
    assert "<math" not in rendered(source, T) and "$" in rendered(source, T)


ATTACKS = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "![p](http://x/y.png)", "[x](javascript:alert(1))",
    '[x](data:text/html,<script>alert(1)</script>)', r"$\text{<img src=x onerror=alert(1)>}$",
    r"$\href{javascript:alert(1)}{x}$", r'$\style{x" onload="y}{z}$', r'$\class{a" onclick="b}{z}$',
    '<think><img src=x onerror=alert(1)></think>', '<tool_call><img src=x onerror=alert(1)></tool_call>',
    '<tool_call>{"name": "<img src=x>", "arguments": {}}</tool_call>', '```"><img src=x onerror=alert(1)>\nx\n```',
    "```html\n<img src=x onerror=alert(1)>\n```", "\ue0000\ue001 $x$ \ue0007\ue001", r"$\color{red\" onclick=\"x}{z}$",
    "<details open ontoggle=alert(1)>", "<http://x.y/\" onclick=alert(1)>",
]  # fmt: skip
_ALLOWED = {
    "p", "br", "a", "em", "code", "pre", "span", "details", "summary", "div", "math", "strong", "del", "table",
} | {"mrow", "mi", "mo", "mn", "mtext", "mstyle"}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("done", [True, False])
def test_nothing_of_an_answer_becomes_a_tag_of_its_own_or_fetches_anything(attack, done):
    html = rendered(attack, T, done)
    tags = re.findall(r"<([a-zA-Z]+)((?:\s[^<>]*)?)>", html)
    assert {tag for tag, _ in tags} <= _ALLOWED, html
    for _, attributes in tags:
        names = {name for name, _ in re.findall(r'([\w-]+)="([^"]*)"', attributes)}
        assert names <= {"class", "href", "target", "rel", "display", "mathvariant", "stretchy", "open"}, html
    assert not re.search(r'href="(?!https?:|mailto:)', html)


def test_thoughts_and_tool_calls_are_folded_and_an_open_thought_is_open():
    html = rendered("<think>\nhm **so**\n</think>\n\nYes.", T)
    assert html.startswith('<details class="wb-fold"><summary>thoughts (9 characters)') and "<strong>so" in html
    assert html.endswith("<p>Yes.</p>\n")
    assert '<details class="wb-fold" open><summary>thinking' in rendered("<think>hm", T, False)
    call = rendered('<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>', T)
    assert "tool call: add" in call and "&quot;a&quot;: 1" in call


def test_a_text_settles_up_to_its_last_blank_line_outside_code_lists_and_thoughts():
    assert settled("one\n\ntwo") == 5
    assert settled("one") == 0
    assert settled("```\na\n\nb") == 0
    assert settled("one\n\n- a\n\n- b") == 0, "the second item may belong to the first list"
    assert settled("<think>a\n\nb") == 0
    assert settled("<think>a\n\nb</think>\n\nc") == 21


def test_what_streams_in_pieces_looks_as_the_whole_does():
    text = "Hello **you**.\n\nA paragraph\nof two lines with $x^2$.\n\n```python\na = 1\n\nb = 2\n```\n\nThe end."
    for end in range(1, len(text) + 1):
        place = settled(text[:end])
        assert place <= end
    assert settled(text, 16) == settled(text), "from where it was settled before, the same"
    place = settled(text)
    assert rendered(text[:place], T) + rendered(text[place:], T) == rendered(text, T)


def test_a_long_rest_settles_at_its_last_line_break_and_a_very_long_line_is_not_rendered_while_it_grows():
    lines = "word word word\n" * 40
    assert settled(lines + "more") == len(lines)
    assert settled("```\n" + lines) == 0
    assert unsettled("**a** " * 300, T) == f'<div class="wb-plain">{"**a** " * 300}</div>'
    assert unsettled("**a**", T) == "<p><strong>a</strong></p>\n"
