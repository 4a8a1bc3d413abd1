"""One hyper-parameter = one line: type, default, bounds, unit, help and when it is shown.

The widget, the validation message, the YAML key, the command line's override and its help all follow from that line.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo


def knob(
    default: Any,
    label: str,
    help: str,
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    unit: str = "",
    receiver: str = "",
    when: str = "",
    basic: bool = False,
    suggestions: tuple[str, ...] = (),
    max_length: int | None = None,
    topic: str = "",
) -> Any:
    """A field of a Section.

    receiver: the dotted names, joined by |, of what takes it under the same name (checked by a test): "peft.LoraConfig".
    when: "section.knob=value" or "section.knob=a|b": the form shows it only then.
    basic: in the short list that a first-timer sees.
    suggestions: offered in a box that also takes other text.
    topic: the fold of the form that it stands in, when a section has too many for one.
    """
    extra = {
        "help": help,
        "unit": unit,
        "receiver": receiver,
        "when": when,
        "basic": basic,
        "suggestions": list(suggestions),
        "topic": topic,
    }
    bounds: dict[str, Any] = {"ge": ge, "gt": gt, "le": le, "lt": lt, "max_length": max_length}
    bounds = {name: value for name, value in bounds.items() if value is not None}
    return Field(default, title=label, description=help, json_schema_extra=extra, **bounds)


class Section(BaseModel):
    """A group of knobs; a key that nobody defined is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


@dataclass(frozen=True)
class Knob:
    """What form, help and messages need to know of one field."""

    path: str  # "adapter.r"
    kind: Literal["int", "float", "bool", "str", "choice"]
    default: Any
    label: str
    help: str
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""
    receiver: str = ""
    when: str = ""
    basic: bool = False
    suggestions: tuple[str, ...] = ()
    topic: str = ""

    @property
    def section(self) -> str:
        return self.path.rpartition(".")[0]

    @property
    def fold(self) -> str:
        """Where the form folds it away: its topic, else its section."""
        return self.topic or self.section

    @property
    def elem_id(self) -> str:
        return self.path.replace(".", "-")

    @property
    def range_text(self) -> str:
        """The allowed values as a person reads them: "1 … 1024" or "lora | full"."""
        if self.choices:
            return " | ".join(self.choices)
        low = "" if self.minimum is None else f"{self.minimum:.10g}"
        high = "" if self.maximum is None else f"{self.maximum:.10g}"
        return f"{low} … {high}".strip() if low or high else self.kind

    def written(self, value: Any) -> Any:
        """A value as the field shows it: of a choice that is a switch as well, true and false are words."""
        return str(value).lower() if self.kind == "choice" and isinstance(value, bool) else value

    def shown(self, values: dict[str, Any]) -> bool:
        """Whether the form shows it, given the values of the other knobs by path."""
        if not self.when:
            return True
        path, _, wanted = self.when.partition("=")
        return str(values.get(path)) in wanted.split("|")


def knobs(model: type[BaseModel], prefix: str = "") -> Iterator[Knob]:
    """Every knob of a section or a whole spec, in the order they are written."""
    for name, field in model.model_fields.items():
        path = f"{prefix}.{name}" if prefix else name
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from knobs(inner, path)
        elif field.title is not None:  # `stage` is the spec's tag, not a knob
            yield _describe(path, field)


def _describe(path: str, field: FieldInfo) -> Knob:
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    kind, choices = _kind(field.annotation)
    limits = ("ge", "gt", "le", "lt")
    bounds = {key: getattr(item, key) for item in field.metadata for key in limits if hasattr(item, key)}
    return Knob(
        path=path,
        kind=kind,
        default=field.default,
        label=field.title or path,
        help=str(extra["help"]),
        choices=choices,
        minimum=bounds.get("ge", bounds.get("gt")),
        maximum=bounds.get("le", bounds.get("lt")),
        unit=str(extra["unit"]),
        receiver=str(extra["receiver"]),
        when=str(extra["when"]),
        basic=bool(extra["basic"]),
        suggestions=tuple(extra["suggestions"]),  # type: ignore[arg-type]
        topic=str(extra["topic"]),
    )


def _kind(annotation: Any) -> tuple[Literal["int", "float", "bool", "str", "choice"], tuple[str, ...]]:
    if get_origin(annotation) is Literal:
        return "choice", tuple(str(value) for value in get_args(annotation))
    if get_origin(annotation) in (Union, types.UnionType) and bool in get_args(annotation):
        named = [choice for part in get_args(annotation) if part is not bool for choice in _kind(part)[1]]
        return "choice", (*named, "true", "false")
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    names = {int: "int", float: "float", bool: "bool", str: "str"}
    if annotation not in names:
        raise TypeError(f"a knob is int, float, bool, str or Literal, not {annotation}")
    return names[annotation], ()  # type: ignore[return-value]
