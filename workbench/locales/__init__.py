"""Key and parameters -> sentence: every text a person reads is one line in en.yaml and one in zh.yaml."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import yaml

Language = Literal["en", "zh"]
LANGUAGES: tuple[str, ...] = get_args(Language)
_SLOT = re.compile(r"\{(\w+)(?::([^{}|]*)\|([^{}|]*))?\}")


@cache
def catalogue(language: str) -> dict[str, str]:
    """All texts of a language, nested YAML blocks flattened to `block.key`."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C parser is ten times faster; page start counts
    path = Path(__file__).with_name(f"{language}.yaml")
    flat: dict[str, str] = {}

    def walk(prefix: str, node: object) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                walk(f"{prefix}.{key}" if prefix else str(key), value)
        else:
            flat[prefix] = str(node)

    walk("", yaml.load(path.read_text(encoding="utf-8"), Loader=loader))
    return flat


def translate(language: str, key: str, /, **params: object) -> str:
    """The text of `key`; `{name}` slots are filled from params. Raises KeyError for a key nobody wrote.

    `{count:row|rows}` is the first word where the value reads 1, else the second.
    Slots are filled by replacement, not str.format: values and texts may hold braces.
    """
    text = catalogue(language)[key]
    # One pass over the template, so that a value that looks like a slot is not filled again.
    return _SLOT.sub(lambda match: _filled(match, params), text)


def _filled(match: re.Match[str], params: Mapping[str, object]) -> str:
    name, one, many = match.groups()
    if name not in params:
        return match[0]
    value = str(params[name])
    return value if many is None else one if value == "1" else many


def has(language: str, key: str) -> bool:
    return key in catalogue(language)
