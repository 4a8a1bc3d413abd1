"""A spec's section `vocabulary` -> the run's tokenizer, kept in the run so that a resume has the very same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.data import new_tokens
from workbench.errors import UserError
from workbench.models import adapters, vocabulary
from workbench.models.vocabulary import Vocabulary
from workbench.runs import Run
from workbench.specs import Spec

if TYPE_CHECKING:
    from workbench.models.hub import Hub


def tokenizer_of(run: Run, spec: Spec, hub: Hub) -> Any:
    """The base's tokenizer, or a copy with the run's new tokens (those of the adapter it begins with included).

    The base itself is loaded only where there are new tokens. Raises UserError.
    """
    tokenizer = hub.tokenizer(spec.model)
    asked = new_tokens.asked(spec.vocabulary)
    begun = _begun(run, spec)
    if asked and begun is not None:
        raise UserError("vocabulary.twice", name=spec.adapter.continue_from)
    found = begun or Vocabulary.read(run.directory)
    if found is None and asked:
        tokens = new_tokens.chosen(spec.vocabulary, tokenizer, run.home)
        rows = hub.load(spec.model).model.get_input_embeddings().weight.shape[0]
        found = Vocabulary.of(tokens, tokenizer, rows)
    if found is None:
        return tokenizer
    if begun is None or spec.adapter.continue_as == "same":
        found.write(run.directory)
    return vocabulary.extended(tokenizer, found, new_tokens.single_word)


def planned(spec: Spec, home: Path, tokenizer: Any) -> Any:
    """The tokenizer that a run of this spec would have, before there is one."""
    name, found = spec.adapter.continue_from.strip(), None
    if name:
        folder = adapters.locate(home, name).path
        found = None if folder is None else adapters.vocabulary_of(folder)
    if found is None and new_tokens.asked(spec.vocabulary):
        found = Vocabulary.of(new_tokens.chosen(spec.vocabulary, tokenizer, home), tokenizer, len(tokenizer))
    return tokenizer if found is None else vocabulary.extended(tokenizer, found, new_tokens.single_word)


def _begun(run: Run, spec: Spec) -> Vocabulary | None:
    """That of the adapter the run begins with."""
    name = spec.adapter.continue_from.strip()
    if not name:
        return None
    kept = run.directory / "start"
    folder = kept if kept.is_dir() else adapters.locate(run.home, name).path
    return None if folder is None else adapters.vocabulary_of(folder)
