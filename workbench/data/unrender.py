"""Text in a known prompt style -> the messages it was rendered from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.data.records import Message, Role

# Tokens that a style puts around turns; at the edges of a turn they are not part of what was said.
_CONTROL = (
    "<s>", "</s>", "<eop>", "[gMASK]", "<sop>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|begin_of_text|>",
    "<end_of_turn>", "<bos>", "<eos>", "<｜end▁of▁sentence｜>", "<｜begin▁of▁sentence｜>", "[/INST]",
)  # fmt: skip
ALPACA_HEADER = (
    "Below is an instruction that describes a task. Write a response that appropriately completes the request."
)
ALPACA_INPUT_HEADER = (
    "Below is an instruction that describes a task, paired with an input that provides further context. "
    "Write a response that appropriately completes the request."
)
VICUNA_HEADER = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)


@dataclass(frozen=True)
class Style:
    """marks: a regular expression whose named group (user, assistant, system, input) tells whose text follows.

    start: what the text must look like for the style to be considered. lead: the role of text before the first mark.
    """

    start: re.Pattern[str]
    marks: re.Pattern[str]
    clear: bool  # marks that nobody writes by accident


def _style(start: str, marks: str, *, clear: bool = True) -> Style:
    return Style(re.compile(start), re.compile(marks), clear)


STYLES: dict[str, Style] = {
    "chatml": _style(
        r"\s*<\|im_start\|>",
        r"<\|im_start\|>(?:(?P<system>system)|(?P<user>user)|(?P<assistant>assistant)|(?P<tool>tool))(?:\n|$)",
    ),
    "llama3": _style(
        r"\s*(?:<\|begin_of_text\|>)?<\|start_header_id\|>",
        r"<\|start_header_id\|>(?:(?P<system>system)|(?P<user>user)|(?P<assistant>assistant)|(?P<tool>ipython|tool))"
        r"<\|end_header_id\|>\n\n?",
    ),
    "gemma": _style(
        r"\s*(?:<bos>)?<start_of_turn>", r"<start_of_turn>(?:(?P<user>user)|(?P<assistant>model)|(?P<system>system))\n"
    ),
    "deepseek_v3": _style(r"(?s).{0,2000}?<｜User｜>", r"(?P<user><｜User｜>)|(?P<assistant><｜Assistant｜>)"),
    "mistral_v7": _style(
        r"\s*(?:<s>)?(?:\[SYSTEM_PROMPT\]|\[INST\](?! ))",
        r"(?P<system>\[SYSTEM_PROMPT\])|(?:\[/SYSTEM_PROMPT\])?(?P<user>\[INST\])|(?P<assistant>\[/INST\])",
    ),
    "llama2": _style(
        r"\s*(?:<s>)?\s*\[INST\]",
        r"\[INST\]\s*(?P<system><<SYS>>\n)|\n<</SYS>>(?P<after>\n\n)|(?P<user>\[INST\] ?)|(?P<assistant> ?\[/INST\])",
    ),
    "chatglm2_6b": _style(
        r"(?s)(?:\[gMASK\]<sop>)?(?:.{0,2000}?\n\n)?\[Round 1\]\n\n问：",
        r"(?:^|\n\n)\[Round \d+\]\n\n问：(?P<user>)|\n\n答：(?P<assistant>)",
    ),
    "chatglm_6b": _style(
        r"(?s)(?:.{0,2000}?\n)?\[Round 0\]\n问：", r"(?:^|\n)\[Round \d+\]\n问：(?P<user>)|\n答：(?P<assistant>)"
    ),
    "alpaca": _style(
        r"(?s).{0,4000}?### Instruction:",
        r"(?:^|\n*)### (?:Instruction:\n?(?P<user>)|Input:\n?(?P<input>)|Response:(?P<assistant>))",
    ),
    "guanaco": _style(r"\s*### Human:", r"\s*### (?:Human:(?P<user>)|Assistant:(?P<assistant>))"),
    "phoenix": _style(
        r"(?s)(?:.{0,2000}?\n\n)?Human: (?:<s>|.*?</s>Assistant: )",
        r"(?:^|\n\n|(?<=</s>))Human: (?:<s>)?(?P<user>)|</s>Assistant: (?:<s>)?(?P<assistant>)",
    ),
    "belle": _style(
        r"(?s)(?:.{0,2000}?\n)?Human: \n", r"(?:^|\n*)Human: \n(?P<user>)|\n\nAssistant: \n(?P<assistant>)", clear=False
    ),
    "claude": _style(
        r"(?s)(?:\s*|.{0,2000}?\n\n)Human: ?", r"(?:^|\n+)Human: ?(?P<user>)|\n+Assistant:(?P<assistant>)", clear=False
    ),
    "vicuna_v1_1": _style(
        r"(?s)(?:<s>)?(?:.{0,2000}? )?USER: ", r"(?:^| |(?<=>))USER: (?P<user>)| ASSISTANT:(?P<assistant>)", clear=False
    ),
    "linly": _style(
        r"(?s)(?:.{0,2000}?\n)?User: .{0,20000}?\nBot:", r"(?:^|\n)User: (?P<user>)|\nBot:(?P<assistant>)", clear=False
    ),
    "deepseek_llm": _style(
        r"(?s)(?:.{0,2000}?\n\n)?User: ",
        r"(?:^|\n\n|(?<=>))User: (?P<user>)|\n\nAssistant:(?P<assistant>)",
        clear=False,
    ),
}  # fmt: skip


def style_of(text: str) -> str | None:
    """The style of a whole rendered dialogue, last answer included; None for any other text."""
    head = text[:2000]
    if not any(mark in head for mark in _QUICK):
        return None
    for name, style in STYLES.items():
        if style.start.match(text) and (found := _messages(text, name)):
            roles = [message.role for message in found]
            if "user" in roles and roles[-1] == "assistant" and found[-1].content:
                return name
    return None


_QUICK = ("<|im_start|>", "<|start_header_id|>", "<start_of_turn>", "<｜User｜>", "INST]", "[Round ", "### ", "Human:",
          "USER:", "User:")  # fmt: skip


def dialogue(text: str, style: str) -> list[Message]:
    """The messages of a text in a style; what stands before the first mark is the system's."""
    return _messages(text, style)


def prompt(text: str, *, strict: bool = False) -> list[Message] | None:
    """The messages of a rendered prompt, which ends where the answer goes; None when it is plain text.

    strict: only styles whose marks nobody writes by accident, or a text that begins with the mark.
    """
    if not any(mark in text for mark in _QUICK):
        return None
    for name, style in STYLES.items():
        if not style.start.match(text):
            continue
        found = _messages(text, name)
        if found and found[-1].role == "assistant" and not found[-1].content:
            found.pop()
        elif not style.clear or (found and found[-1].role == "assistant"):
            continue
        if strict and not style.clear and not text.lstrip().startswith(("Human:", "USER:", "User:")):
            continue
        if found and found[-1].role in ("user", "tool"):
            return found
    return None


def completion(text: str) -> str:
    """An answer without the end token that a style closes it with."""
    return text.rstrip() if not _ends_with_control(text) else _bare(text)


def _ends_with_control(text: str) -> bool:
    return text.rstrip().endswith(_CONTROL)


def human_assistant(text: str) -> list[Message]:
    """hh-rlhf's `\\n\\nHuman: …\\n\\nAssistant: …`; a name inside a paragraph is no mark."""
    lead, *parts = re.split(r"(?:^|\n\n)(Human|Assistant):", text)
    return ([Message("system", lead.strip())] if lead.strip() else []) + [
        Message("user" if speaker == "Human" else "assistant", content.strip())
        for speaker, content in zip(parts[::2], parts[1::2], strict=True)
    ]


def _messages(text: str, name: str) -> list[Message]:
    style = STYLES[name]
    pieces: list[tuple[str, str]] = []
    role, at = "lead", 0
    for match in style.marks.finditer(text):
        pieces.append((role, text[at : match.start()]))
        found = next(group for group, value in match.groupdict().items() if value is not None)
        role, at = ("user" if found == "after" else found), match.end()
    pieces.append((role, text[at:]))
    found = _joined(pieces, name)
    return _unfolded(found) if name == "alpaca" else found


def _joined(pieces: Sequence[tuple[str, str]], name: str) -> list[Message]:
    found: list[Message] = []
    for role, raw in pieces:
        content = _bare(raw)
        if role == "lead":
            if content and content not in (ALPACA_HEADER, ALPACA_INPUT_HEADER, VICUNA_HEADER):
                found.append(Message("system", content))
        elif role == "input" and found and found[-1].role == "user":
            asked = found[-1].content
            found[-1] = Message("user", f"{asked}\n{content}" if asked else content, asked, content)
        elif role == "user" and name == "llama2" and not content and found and found[-1].role == "system":
            continue
        else:
            found.append(Message(_ROLES[role], content))
    return found


_SPEAKERS: dict[str, Role] = {"User": "user", "Assistant": "assistant", "System": "system"}
_SPEAKER = re.compile(r"(?:\A|\n)(User|Assistant|System): ")


def _unfolded(found: list[Message]) -> list[Message]:
    """Guanaco's chats fold past turns into the instruction, and the system text and the new question into the input."""
    place = next((at for at, turn in enumerate(found) if turn.input is not None), None)
    if place is None or not re.match(r"(?:System: |User: )", found[place].input or ""):
        return found
    turns: list[Message] = []
    for half in (found[place].instruction, found[place].input):
        lead, *parts = _SPEAKER.split(half or "")
        if lead.strip():
            return found  # an ordinary instruction; only its input looks like a dialogue
        turns += [Message(_SPEAKERS[name], text.strip()) for name, text in zip(parts[::2], parts[1::2], strict=True)]
    system = [turn for turn in turns if turn.role == "system"]
    return [*system, *found[:place], *(turn for turn in turns if turn.role != "system"), *found[place + 1 :]]


_ROLES: dict[str, Role] = {
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "input": "user",
}


def _bare(text: str) -> str:
    """Without control tokens and white space at the edges."""
    while True:
        text = text.strip()
        for token in _CONTROL:
            text = text.removeprefix(token).removesuffix(token)
        if text == text.strip() and not text.startswith(_CONTROL) and not text.endswith(_CONTROL):
            return text
