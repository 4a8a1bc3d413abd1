"""A mapping (YAML, form, command line, HTTP) <-> a checked spec; the stages that there are."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from workbench.errors import UserError, nearest
from workbench.specs.knob import Knob, Section, knob, knobs
from workbench.specs.pretrain import PretrainSpec
from workbench.specs.sft import SftSpec

Spec = SftSpec | PretrainSpec
_Model = TypeVar("_Model", bound=BaseModel)
STAGES: Mapping[str, type[Spec]] = types.MappingProxyType({"sft": SftSpec, "pretrain": PretrainSpec})

__all__ = [
    "STAGES", "Knob", "Section", "Spec", "check", "flatten", "knob", "knobs", "parse", "parse_override", "to_mapping",
]  # fmt: skip


def parse(values: Mapping[str, Any]) -> Spec:
    """Check a nested mapping, with `section.knob` keys allowed at the top level. Raises UserError, naming the knob."""
    nested = _nest(values)
    stage = nested.get("stage", "sft")
    if not isinstance(stage, str) or stage not in STAGES:
        raise UserError("spec.unknown_stage", value=_short(stage), nearest=nearest(str(stage), STAGES))
    return check(STAGES[stage], nested)


def check(model: type[_Model], nested: Mapping[str, Any]) -> _Model:
    """Values against one model of knobs. Raises UserError with the knob, the value and what is allowed."""
    try:
        return model.model_validate(nested)
    except ValidationError as error:
        raise _explain(model, error) from None


def _explain(model: type[BaseModel], error: ValidationError) -> UserError:
    """The first problem as one sentence with the knob, the value and what is allowed."""
    first = error.errors()[0]
    known = {item.path: item for item in knobs(model)}
    places = [".".join(str(part) for part in first["loc"][:end]) for end in range(len(first["loc"]), 0, -1)]
    # Behind a knob of several kinds stands the kind that did not take the value.
    path = next((place for place in places if place in known), places[0])
    if first["type"] == "extra_forbidden":
        return UserError("spec.unknown_knob", path=path, nearest=nearest(path, known))
    if path not in known:  # a section given as a plain value
        return UserError("spec.not_a_section", path=path, value=_short(first["input"]))
    allowed = known[path].range_text
    if first["type"] == "string_too_long":
        return UserError("spec.too_long", path=path, length=len(first["input"]), limit=first["ctx"]["max_length"])
    return UserError("spec.bad_value", path=path, value=_short(first["input"]), allowed=allowed)


def _short(value: object, limit: int = 60) -> str:
    text = str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def parse_override(text: str) -> tuple[str, Any]:
    """`adapter.r=32` -> ("adapter.r", 32); the value is YAML, but text where the knob is text."""
    path, sign, raw = text.partition("=")
    if not sign or not path.strip():
        raise UserError("spec.bad_override", text=_short(text))
    path = path.strip()
    kinds = {item.path: item.kind for stage in STAGES.values() for item in knobs(stage)}
    if kinds.get(path) in ("str", "choice"):  # a name such as 007, null or [x] is text, not YAML
        return path, raw
    try:
        value = yaml.safe_load(raw)
    except yaml.YAMLError:
        value = raw
    if isinstance(value, str):  # YAML 1.1 reads 1e-3 as text
        with contextlib.suppress(ValueError):  # other text stays: the check names the knob and what is allowed
            value = float(value)
    return path, value


def to_mapping(spec: Spec, *, all_values: bool = False) -> dict[str, Any]:
    """The spec as nested plain values; minus defaults unless all_values."""
    values = spec.model_dump(mode="json", exclude_defaults=not all_values)
    return {"stage": spec.stage} | {key: value for key, value in values.items() if key != "stage" and value != {}}


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"adapter": {"r": 8}} -> {"adapter.r": 8}"""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        path = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, Mapping):
            flat |= flatten(value, path)
        else:
            flat[path] = value
    return flat


def _nest(values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested and dotted keys together -> nested; later keys win over earlier ones."""
    if not isinstance(values, Mapping):
        raise UserError("spec.not_a_mapping", value=_short(values))
    nested: dict[str, Any] = {}
    for key, value in values.items():
        *sections, last = str(key).split(".")
        place = nested
        for section in sections:
            inner = place.setdefault(section, {})
            if not isinstance(inner, dict):
                raise UserError("spec.not_a_section", path=section, value=_short(inner))
            place = inner
        if isinstance(value, Mapping) and isinstance(place.get(last), dict):
            place[last] = _merge(place[last], value)
        else:
            place[last] = dict(value) if isinstance(value, Mapping) else value
    return nested


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def layered(*layers: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Nested or dotted mappings laid over each other, later ones on top."""
    merged: dict[str, Any] = {}
    for layer in layers:
        merged = _merge(merged, _nest(dict(layer)))
    return merged
