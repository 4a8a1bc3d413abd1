"""What a model wrote -> HTML that is safe in the page: Markdown, code, formulas; thoughts and tool calls folded.

Nothing of the text becomes a tag: HTML in it is shown, pictures are not fetched, links keep to http, https and mail.
"""

from __future__ import annotations

import functools
import html
import json
import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

from workbench.ui.i18n import Texts

_FOLDED = re.compile(r"<(?P<tag>think|thinking|tool_call)>(?P<body>.*?)(?P<end></(?P=tag)>|\Z)", re.DOTALL)
_CODE = re.compile(r"(^```.*?(?:^```|\Z)|^~~~.*?(?:^~~~|\Z)|`[^`\n]+`)", re.DOTALL | re.MULTILINE)
_MATH = re.compile(
    r"\$\$(?P<display>.+?)\$\$|\\\[(?P<bracket>.+?)\\\]|\\\((?P<paren>.+?)\\\)"
    r"|(?<![\\$\w])\$(?P<inline>[^\s$](?:[^$\n]*[^\s$\\])?)\$(?!\d)",
    re.DOTALL,
)
_LEFT, _RIGHT = "\ue000", "\ue001"  # around the number of a formula while Markdown is at work
_PLACE = re.compile(f"{_LEFT}(\\d+){_RIGHT}")
_SAFE_ATTRIBUTES = frozenset({
    "display", "mathvariant", "stretchy", "fence", "separator", "form", "lspace", "rspace", "columnalign",
    "rowspacing", "columnspacing", "linethickness", "minsize", "maxsize", "movablelimits", "accent", "accentunder",
    "width", "height", "depth", "displaystyle", "scriptlevel",
})  # fmt: skip
_TAG = re.compile(r"m[a-z]+")
_LONGEST_CODE = 20_000  # characters that are coloured


def rendered(text: str, t: Texts, done: bool = True) -> str:
    """A whole answer, or the part of one that has settled."""
    pieces, end = [], 0
    for match in _FOLDED.finditer(text):
        pieces += [_markdown(text[end : match.start()]), _folded(match, t, done)]
        end = match.end()
    return "".join(pieces) + _markdown(text[end:])


def settled(text: str, start: int = 0) -> int:
    """How many first characters can no longer change their look: up to a blank line outside of code and folds.

    start: what was settled before, so that only the rest is looked at. A long rest settles at its last line break too:
    rendering it anew ten times a second would take longer than writing it.
    """
    rest, place = text[start:], 0
    if "<" in rest and any(not match["end"] for match in _FOLDED.finditer(rest)):
        rest = rest[: next(match.start() for match in _FOLDED.finditer(rest) if not match["end"])]
    for match in _BLANK.finditer(rest):
        if rest.count("```", 0, match.end()) % 2 == 0 and not _LIST.match(rest, match.end()):
            if "<" in rest and any(m.start() < match.end() < m.end() for m in _FOLDED.finditer(rest)):
                continue
            place = match.end()
    if len(rest) - place > _LONG_REST and rest.count("```") % 2 == 0 and not _FOLDED.search(rest, place):
        place = max(place, rest.rfind("\n") + 1)
    return start + place


_BLANK = re.compile(r"\n[ \t]*\n")
_LIST = re.compile(r"\s*(?:[-*+]|\d+[.)])\s|\s{2,}|$")  # a list goes on after a blank line
_LONG_REST = 400  # characters


def unsettled(text: str, t: Texts) -> str:
    """The rest while it grows; a very long one is shown as it is until it is whole."""
    if len(text) > 3 * _LONG_REST:
        return f'<div class="wb-plain">{html.escape(text)}</div>'
    return rendered(text, t, False)


def plain(text: str) -> str:
    return html.escape(text)


def _folded(match: re.Match[str], t: Texts, done: bool) -> str:
    """A thought or a tool call behind one line; a thought that goes on is open."""
    body, ended = match["body"].strip(), bool(match["end"])
    if match["tag"] == "tool_call":
        name, shown = _call(body)
        title = t("chat.tool_call", name=name)
        inside = f"<pre><code>{html.escape(shown)}</code></pre>"
    else:
        title = t("chat.thought", count=len(body)) if ended or done else t("chat.thinking")
        inside = f'<div class="wb-thought">{_markdown(body)}</div>'
    is_open = "" if ended or done else " open"
    return f'<details class="wb-fold"{is_open}><summary>{html.escape(title)}</summary>{inside}</details>'


def _call(body: str) -> tuple[str, str]:
    try:
        call = json.loads(body)
        return str(call.get("name", "?")), json.dumps(call, ensure_ascii=False, indent=2)
    except (ValueError, AttributeError):
        return "?", body


def _markdown(text: str) -> str:
    if not text.strip():
        return ""
    formulas: list[str] = []

    def keep(match: re.Match[str]) -> str:
        display = match["display"] or match["bracket"]
        formula = _formula(display or match["paren"] or match["inline"], bool(display))
        if formula is None:
            return match[0]
        formulas.append(formula)
        return f"{_LEFT}{len(formulas) - 1}{_RIGHT}"

    text = text.replace(_LEFT, "").replace(_RIGHT, "")
    pieces = _CODE.split(text)  # code stands at odd places and is left alone
    pieces[::2] = [_MATH.sub(keep, piece) for piece in pieces[::2]]
    return _PLACE.sub(lambda match: formulas[int(match[1])], _parser().render("".join(pieces)))


@functools.cache
def _parser() -> Any:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "breaks": True, "highlight": _coloured})
    parser.enable(["table", "strikethrough"])
    parser.disable("image")  # it would be fetched from wherever it says
    parser.add_render_rule("link_open", _link)
    return parser


def _link(self: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
    tokens[index].attrSet("target", "_blank")
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    return self.renderToken(tokens, index, options, env)


def _coloured(code: str, language: str, _: Any) -> str:
    """Code with Pygments' classes; "" leaves the escaping to the caller."""
    if not language or len(code) > _LONGEST_CODE:
        return ""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        return ""
    return highlight(code, lexer, HtmlFormatter(nowrap=True))


def _formula(source: str, display: bool) -> str | None:
    """MathML of a LaTeX formula, which every current browser draws by itself; None for what is none."""
    from latex2mathml.converter import convert_to_element

    try:
        element = convert_to_element(source.strip(), display="block" if display else "inline")
        return "".join(_safe(element))
    except Exception:  # the library raises its own kinds, IndexError, KeyError … for what is no LaTeX
        return None


def _safe(element: Element) -> Iterator[str]:
    """The library takes texts, styles and addresses over as they come: only MathML tags and harmless attributes."""
    known = element.tag == "math" or _TAG.fullmatch(element.tag) is not None
    if known:
        attributes = "".join(
            f' {name}="{html.escape(html.unescape(value))}"'
            for name, value in element.attrib.items()
            if name in _SAFE_ATTRIBUTES
        )
        yield f"<{element.tag}{attributes}>"
    yield html.escape(html.unescape(element.text or ""))
    for child in element:
        yield from _safe(child)
        yield html.escape(html.unescape(child.tail or ""))
    if known:
        yield f"</{element.tag}>"
