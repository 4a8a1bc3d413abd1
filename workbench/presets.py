"""A preset's name, a YAML file or a mapping -> a checked spec; a spec -> YAML minus defaults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from workbench.errors import UserError, nearest
from workbench.specs import Spec, layered, llama_factory, parse, to_mapping

_SAVED = "presets"  # the folder of the user's own in the workspace
_NOT_SPECS = {"probes", "prompts", "models", "identity", "replay"}


def root() -> Path:
    """The shipped presets: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).parent
    inside = package / "_presets"
    return inside if inside.is_dir() else package.parent / "presets"


def embedded_model() -> Path:
    """The folder of the small bilingual model that ships with the workbench."""
    folders = sorted(path.parent for path in (root() / "models").glob("*/config.json"))
    if not folders:
        raise UserError("presets.no_embedded_model", folder=root() / "models")
    return folders[0]


def available(home: Path | None = None) -> dict[str, Path]:
    """Preset name -> file, shipped ones first; the user's own (in the workspace) win over shipped ones."""
    folders = [*sorted(path for path in root().iterdir() if path.is_dir() and path.name not in _NOT_SPECS)]
    if home is not None:
        folders.append(Path(home) / _SAVED)
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.yaml"))}



def load(source: str | Path | Mapping[str, Any], home: Path | None = None) -> dict[str, Any]:
    """The nested mapping behind a preset's name, a YAML path or a mapping (which may name a `preset`)."""
    if isinstance(source, Mapping):
        values = dict(source)
        below = values.pop("preset", None)
        return layered(load(str(below), home) if below else {}, values)
    known = available(home)
    path = known.get(str(source))
    if path is None:
        path = Path(source)
        if path.is_dir():
            path = path / "spec.yaml"
        if not path.is_file():
            raise UserError("presets.unknown", value=source, nearest=nearest(str(source), known))
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        raise UserError("presets.not_yaml", path=path, line=mark.line + 1 if mark else 1) from None
    if values is None:
        values = {}
    if not isinstance(values, Mapping):
        raise UserError("presets.not_a_mapping", path=path)
    return layered(llama_factory.convert(values).values if llama_factory.is_one(values) else values)


def unmatched(path: str | Path) -> list[str]:
    """Lines of another program's training file that have no counterpart here; empty for our own files and presets."""
    path = Path(path)
    if not path.is_file():
        return []
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    return llama_factory.convert(values).leftover if isinstance(values, dict) and llama_factory.is_one(values) else []


def resolve(
    source: str | Path | Mapping[str, Any], overrides: Mapping[str, Any] | None = None, home: Path | None = None
) -> Spec:
    """The checked spec of a preset, file or mapping with overrides (`{"adapter.r": 32}`) on top."""
    return parse(layered(load(source, home), overrides or {}))


def dump(spec: Spec, *, all_values: bool = False) -> str:
    """The spec as YAML, minus defaults unless all_values."""
    return yaml.safe_dump(to_mapping(spec, all_values=all_values), allow_unicode=True, sort_keys=False)


def save(spec: Spec, name: str, home: Path) -> Path:
    """Keep a spec as a preset of the user's own in the workspace."""
    from workbench.runs import check_name

    check_name(name)
    path = Path(home) / _SAVED / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dump(spec), encoding="utf-8")
    return path
