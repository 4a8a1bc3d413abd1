"""Key and parameters -> sentence: every text a person reads is one line in en.yaml and one in zh.yaml."""

import re
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import yaml

Language = Literal["en", "zh"]
LANGUAGES: tuple[str, ...] = get_args(Language)
_SLOT = re.compile(r"\{(\w+)\}")


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

    Slots are filled by replacement, not str.format: values and texts may hold braces.
    """
    text = catalogue(language)[key]
    # One pass over the template, so that a value that looks like a slot is not filled again.
    return _SLOT.sub(lambda match: str(params[match[1]]) if match[1] in params else match[0], text)


def has(language: str, key: str) -> bool:
    return key in catalogue(language)

